"""Writing so that it is on the disk, and changing files over, on both kinds of systems."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

# A virus scanner or a backup holds a file for a moment; Windows then lets nobody replace it.
_PATIENCE_S, _AGAIN_S = 1.0, 0.05


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write everything to an unbuffered file, so that nothing of a refused write is tried again behind our back."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def write_synced(path: Path, data: bytes) -> None:
    """Write a whole file; it is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def replace_file(source: Path, target: Path, *, patience_s: float = _PATIENCE_S) -> None:
    """
    Put ``source`` in the place of ``target`` in one step, waiting a moment for whoever holds it.

    :raises PermissionError: where it is held for longer.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_AGAIN_S)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk; Windows does that by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
