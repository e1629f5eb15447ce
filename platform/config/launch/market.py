"""Which recording the simulated market of a data directory replays: once begun, it stays the same one."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from config.launch.data_dir import DataDir
from config.launch.errors import LaunchError

NOTE = "replay.json"


def recording(wanted: Path | None, data: DataDir) -> Path | None:
    """
    Return the recording to replay, or None for the seeded market.

    The first start copies it here, so that later ones need neither the option nor the original.

    :raises LaunchError: if this data directory already replays another one.
    """
    known = data.read(NOTE)
    kept = data.root / "replay" / str(known.get("name"))
    if wanted is None:
        return kept if known else None
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if known and (known["sha256"] != digest or known["name"] != wanted.name):
        raise LaunchError(
            f"The data directory {data.root} replays {known['name']}, and its positions belong to that market. "
            f"Give {wanted.name} its own with --data-dir."
        )
    if not known or not kept.exists():
        kept = data.root / "replay" / wanted.name
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        shutil.copyfile(wanted, kept)
        data.write(NOTE, {"name": wanted.name, "sha256": digest})
    return kept
