"""What the bench prints: each figure with its target and whether it is met, and how loaded the machine was."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass

import psutil

from tests.bench.approve.desks import HOT, SPREAD

LAYOUTS = {SPREAD: "20 accounts", HOT: "one hot account"}


@dataclass(frozen=True)
class Cell:
    """What clients saw: times of all answers [ms], how many were approved, over how many seconds."""

    times_ms: list[float]
    approved: int
    other: int
    counted_s: float
    reasons: dict[str, int]

    def rate(self) -> float:
        """Return approvals a second; what was refused for want of time is none."""
        return self.approved / self.counted_s


def p99(times_ms: list[float]) -> float:
    """Return the time that 99 of 100 did not exceed."""
    return sorted(times_ms)[max(0, int(len(times_ms) * 0.99) - 1)]


class Report:
    """Prints as it goes."""

    def begin(self, database: str, statements: int) -> None:
        busy = psutil.cpu_percent(interval=1)
        print(f"{os.cpu_count()} cores, {busy:.0f} % busy with others before the run, load {_load()}")
        print(f"{database}; one approval is {statements} statements and a commit\n")

    def add_burst(self, server: str, layout: str, rounds: list[Cell], target_ms: int) -> None:
        ends = [p99(one.times_ms) for one in rounds]
        worst, middle = statistics.median(ends), statistics.median(statistics.median(one.times_ms) for one in rounds)
        name = f"burst of 200, {server}, {LAYOUTS[layout]}"
        more = f"p50 {middle:.0f}, rounds' p99 {min(ends):.0f} to {max(ends):.0f}"
        self._line(name, f"p99 {worst:.0f} ms", f"<= {target_ms} ms", worst <= target_ms, more)

    def add_sustained(self, rates: dict[tuple[str, str, int], float], clients: tuple[int, ...]) -> None:
        for count in clients:
            ours, hot = rates["uvicorn", SPREAD, count], rates["uvicorn", HOT, count]
            pgbench, pgbench_hot = rates["pgbench", SPREAD, count], rates["pgbench", HOT, count]
            stretch = "" if count == max(clients) else " (stretch)"
            self._against(f"sustained, {count} clients: over pgbench", ours, pgbench, 1.0, stretch)
            self._against(f"sustained, {count} clients, hot: over pgbench", hot, pgbench_hot, 1.0, stretch)
            self._against(f"sustained, {count} clients: hot over twenty", hot, ours, 1.0, "")
            if ("fastapi", SPREAD, count) in rates:
                self._against(
                    f"sustained, {count} clients: over FastAPI", ours, rates["fastapi", SPREAD, count], 2.0, ""
                )

    def add_paced(self, cell: Cell, name: str, heard: int, lost: int) -> None:
        worst = p99(cell.times_ms)
        more = f"p50 {statistics.median(cell.times_ms):.1f}, max {max(cell.times_ms):.1f}; told {heard} messages, {lost} sockets lost"
        self._line(name, f"p99 {worst:.1f} ms", "<= 15 ms", worst <= 15, more)

    def end(self) -> None:
        print(f"\nload after the run {_load()}")

    def _against(self, name: str, ours: float, theirs: float, target: float, note: str) -> None:
        ratio = ours / theirs
        self._line(
            name, f"{ratio:.2f} x", f">= {target} x{note}", ratio >= target, f"{ours:,.0f} to {theirs:,.0f} a second"
        )

    def _line(self, name: str, figure: str, target: str, met: bool, more: str) -> None:
        print(f"  {name:<46} {figure:>12}   {target:<18} {'met' if met else 'NOT met':<8} {more}", flush=True)


def _load() -> str:
    return " ".join(f"{one:.1f}" for one in os.getloadavg())
