"""Wrong clocks for single processes of a running platform, without root: a small library that is preloaded into all of them."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).with_name("wrong_clock.c")
ROW = struct.Struct("=qqqq")
ROWS = 63


class Clocks:
    """The table of wrong clocks. Where no C compiler is at hand, `find_clocks` gives none and the faults of time are told as left out."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.environment = {"LD_PRELOAD": str(library), "RIG_WRONG_CLOCK": str(folder / "table")}
        (folder / "table").write_bytes(bytes(mmap.PAGESIZE))
        with (folder / "table").open("r+b") as file:
            self._table = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    @contextlib.contextmanager
    def wrong(self, *pids: int, ahead_s: float = 0.0, drift: float = 0.0) -> Iterator[None]:
        """
        Let the clocks of those processes, and of their children, be wrong within the block.

        :param drift: 0.01 is one hundredth too fast, the monotonic clock too.
        """
        since_ns = time.monotonic_ns()
        rows = [ROW.pack(pid, round(ahead_s * 1e9), round(drift * 1e6), since_ns) for pid in pids[:ROWS]]
        self._write(b"".join(rows))
        try:
            yield
        finally:
            self._write(b"")

    def _write(self, rows: bytes) -> None:
        self._table[:8] = bytes(8)  # readers stop at the first row without a process
        self._table[8:] = (rows + bytes(len(self._table)))[8 : len(self._table)]
        self._table[:8] = (rows + bytes(8))[:8]


@contextlib.contextmanager
def find_clocks() -> Iterator[Clocks | None]:
    """Yield what puts clocks wrong, or None where it cannot be built: it needs Linux and a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mikrobot-clock-") as name:
        folder, library = Path(name), Path(name) / "wrong_clock.so"
        folder.chmod(0o755)  # PostgreSQL runs under another account where root started all
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
        clocks = Clocks(folder, library)
        before = {name: os.environ.get(name) for name in clocks.environment}
        os.environ.update(clocks.environment)
        try:
            yield clocks
        finally:
            for variable, value in before.items():
                os.environ.pop(variable, None)
                if value is not None:
                    os.environ[variable] = value
