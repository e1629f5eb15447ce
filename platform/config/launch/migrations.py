"""Brings the database to the newest tables and rule packs, and skips loading Django for it when nothing has changed."""

from __future__ import annotations

import hashlib

from config.launch.data_dir import DataDir
from config.launch.fleet import Fleet
from config.launch.options import ROOT
from config.launch.processes import run_to_end

NOTE = "migrated.json"


def migrate(data: DataDir, fleet: Fleet) -> bool:
    """
    Apply the migrations and load the packaged rule packs; return whether there was a need to look.

    Only the embedded database is trusted to be as we left it: another one may have been restored since.

    :raises LaunchError: if a migration fails.
    """
    wanted = fingerprint()
    if "postgres" in fleet.services.embedded and data.read(NOTE).get("fingerprint") == wanted:
        return False
    run_to_end(fleet.command("prepare", "--verbosity", "0"), timeout_s=600)
    data.write(NOTE, {"fingerprint": wanted})
    return True


def fingerprint() -> str:
    """Return a digest of everything that is brought: migrations of ours, the libraries' locked versions, the rule packs."""
    digest = hashlib.sha256()
    packs = ROOT / "platform" / "trading" / "risk" / "presets.json"
    for path in [*sorted(ROOT.glob("apps/*/migrations/*.py")), ROOT / "requirements.txt", packs]:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
