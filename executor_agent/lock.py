"""One agent per data directory: a lock the operating system frees when the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from executor_agent.errors import AlreadyRunning


class DirectoryLock:
    """
    Holds the directory until `release` or the end of the process.

    :raises AlreadyRunning: if another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file: BinaryIO = (directory / "agent.lock").open("a+b")
        try:
            _lock(self._file)
        except OSError:
            self._file.seek(1)
            holder = self._file.read(32).decode("ascii", "replace").strip() or "?"
            self._file.close()
            message = f"an agent (process {holder}) already runs on {directory}: one agent per terminal"
            raise AlreadyRunning(message) from None
        # The first byte is what Windows locks; the number behind it is for people.
        self._file.truncate(0)
        self._file.write(b" %d\n" % os.getpid())
        self._file.flush()

    def release(self) -> None:
        """Let another agent in."""
        _unlock(self._file)
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: BinaryIO) -> None:
        # Windows frees the lock of a closed file "some time later".
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
