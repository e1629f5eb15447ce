"""What a fleet costs each process of a platform."""

from __future__ import annotations

import time
from collections.abc import Mapping

import psutil


class Meter:
    """Processor time and memory of processes by name; a server's children count as it."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._since_s = time.perf_counter()
        self._before = self._read()

    def spent_s(self) -> dict[str, float]:
        """Return the processor time [s] each process has used since."""
        now = self._read()
        return {name: now[name] - self._before[name] for name in now}

    def spent(self) -> dict[str, float]:
        """Return the cores each process has used since, and `web_mb`."""
        seconds = time.perf_counter() - self._since_s
        found = {name: round(used_s / seconds, 3) for name, used_s in self.spent_s().items()}
        return found | {"web_mb": round(psutil.Process(self._pids["web"]).memory_info().rss / 1024 / 1024)}

    def _read(self) -> dict[str, float]:
        return {name: sum(_cpu_s(one) for one in _family(pid)) for name, pid in self._pids.items()}


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
        return float(times.user + times.system)
    except psutil.Error:
        return 0.0
