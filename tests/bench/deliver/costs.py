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

    def spent(self) -> dict[str, float]:
        """Return the cores each process has used since, and `web_mb`."""
        seconds, now = time.perf_counter() - self._since_s, self._read()
        found = {name: round((now[name] - self._before[name]) / seconds, 3) for name in now}
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
