"""Machine code on disk: beside this package, or in the user's cache where that may not be written to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from trading.machine.code import MachineCode

_BESIDE = Path(__file__).parent / "__pycache__"
UNUSED_S = 90 * 86_400
"""What nobody has called for so long when something new is kept is another version's, or was never finished."""


def find(name: str) -> MachineCode | None:
    """Return what is kept under a name; None where nothing is, or it is not whole."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            code = _read((folder / name).read_bytes())
            if code is not None:
                with contextlib.suppress(OSError):
                    os.utime(folder / name)  # it is in use; a folder that may only be read is not cleaned either
                return code
    return None


def is_there(name: str) -> bool:
    """Say whether something is kept under a name; reads nothing of it."""
    return any((folder / name).exists() for folder in _folders())


def keep(name: str, code: MachineCode) -> bool:
    """Keep machine code under a name, all of it or nothing; False where no folder takes it, and every process makes its own."""
    for folder in _folders():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / name, _write(code))
            _forget_unused(folder, (folder / name).stat().st_mtime)
            return True
    return False


def _folders() -> Iterator[Path]:
    yield _BESIDE
    # Only looked for where the first does not do.
    from platformdirs import user_cache_path

    yield user_cache_path("mikrobot", appauthor=False) / "machine"


def _replace(path: Path, content: bytes) -> None:
    # Others may be reading, or writing the same.
    written = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        written.write_bytes(content)
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def _forget_unused(folder: Path, now_s: float) -> None:
    for path in folder.glob("*.code*"):
        with contextlib.suppress(OSError):
            if now_s - path.stat().st_mtime > UNUSED_S:
                path.unlink()


def _write(code: MachineCode) -> bytes:
    body = json.dumps(code.result).encode() + b"\n" + code.object_file
    return hashlib.sha256(body).digest() + body


def _read(content: bytes) -> MachineCode | None:
    digest, body = content[:32], content[32:]
    if hashlib.sha256(body).digest() != digest:
        return None
    head, object_file = body.split(b"\n", 1)
    result = json.loads(head)
    return MachineCode(object_file, tuple(result) if isinstance(result, list) else result)
