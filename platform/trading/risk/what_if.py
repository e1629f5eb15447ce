"""What a replay under other limits comes to: trade by trade, day by day, and how deep each limit would have been used."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from trading.risk.levels import Standing, stand
from trading.risk.limits import Limits
from trading.risk.replay import Change, DayBase, Recorded, Rejudged, World, replay

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Balance and equity as they were seen at an instant (market time)."""

    market_at: datetime
    equity: Decimal


@dataclass(frozen=True, slots=True)
class Depth:
    """The deepest a limit was used: the share (1 is all of it), and when; None where nothing was seen."""

    used: Decimal = ZERO
    market_at: datetime | None = None

    def deeper(self, used: Decimal, market_at: datetime) -> Depth:
        """Return the deeper of this and another use."""
        return Depth(used, market_at) if self.market_at is None or used > self.used else self


@dataclass
class DayOfTwo:
    """One day in both histories: as it was, and as it would have been under the other limits."""

    day: date
    asked: int = 0
    approved_then: int = 0
    approved_now: int = 0
    changes: dict[Change, int] = field(default_factory=dict)
    pnl_then: Decimal = ZERO  # of the trades asked for on this day, whenever they closed
    pnl_now: Decimal = ZERO
    daily: Depth = Depth()
    total: Depth = Depth()
    daily_risk: Depth = Depth()
    positions: Depth = Depth()

    @property
    def is_broken(self) -> bool:
        """Say whether equity would have been seen below a floor."""
        return self.daily.used > 1 or self.total.used > 1


@dataclass(frozen=True)
class WhatIf:
    """A period under other limits."""

    limits: Limits
    days: list[DayOfTwo]
    trades: list[Rejudged]

    @property
    def pnl_then(self) -> Decimal:
        return sum((day.pnl_then for day in self.days), ZERO)

    @property
    def pnl_now(self) -> Decimal:
        return sum((day.pnl_now for day in self.days), ZERO)

    def count(self, change: Change) -> int:
        """Return how many requests would have been answered so."""
        return sum(one.change == change for one in self.trades)


def ask_what_if(
    recorded: Sequence[Recorded],
    days: Sequence[DayBase],
    views: Sequence[View],
    limits: Limits,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> WhatIf:
    """
    Return what other limits would have made of recorded requests and of the equity seen.

    :param recorded: in the order they were decided; requests of days not in ``days`` are left out.
    :param days: the account's days, oldest first.
    :param views: oldest first.
    :param tell: hears how many were judged as it goes on; what it raises ends the judging.
    """
    known = {one.day for one in days}
    asked = [one for one in recorded if one.case.state.day in known]
    world = replay(asked, days, limits, tell=tell)
    rows = {one.day: DayOfTwo(one.day) for one in days}
    for one in world.rejudged:
        day = one.recorded.case.state.day
        if day is not None:
            _count(rows[day], one, limits)
    _measure_views(rows, days, views, limits, world)
    return WhatIf(limits, [rows[one.day] for one in days], world.rejudged)


def _count(row: DayOfTwo, one: Rejudged, limits: Limits) -> None:
    row.asked += 1
    row.approved_then += one.recorded.approved
    row.approved_now += one.verdict.approved
    row.changes[one.change] = row.changes.get(one.change, 0) + 1
    if one.recorded.outcome is not None:
        row.pnl_then += one.recorded.outcome.pnl
        row.pnl_now += one.pnl
    for check in one.verdict.checks:
        measured = {"daily_risk": ("total", "daily_risk"), "positions": ("count", "positions")}.get(check.name)
        if measured is None or not one.verdict.approved or not check.figures.get("limit"):
            continue
        value, most = check.figures[measured[0]], check.figures["limit"]
        more = 1 if check.name == "positions" else 0  # the one that was asked for is not counted yet
        used = (Decimal(str(value)) + more) / Decimal(str(most))
        setattr(row, measured[1], getattr(row, measured[1]).deeper(used, one.recorded.case.market_at))


def _measure_views(
    rows: dict[date, DayOfTwo], days: Sequence[DayBase], views: Sequence[View], limits: Limits, world: World
) -> None:
    starts = [one.starts_at for one in days]
    peaks = [(one.recorded.case.market_at, one.recorded.case.state) for one in world.rejudged]
    moments = [at for at, _ in peaks]
    if not peaks:
        return
    for view in views:
        place = bisect_right(starts, view.market_at) - 1
        if place < 0:
            continue
        base = days[place]
        state = peaks[max(0, bisect_right(moments, view.market_at) - 1)][1]
        before = world.gained_by(base.starts_at)
        standing = stand(
            limits,
            initial_balance=state.initial_balance,
            day_balance=base.balance + before,
            day_equity=base.equity + before,
            peak=state.peak,
            equity=view.equity + world.gained_by(view.market_at),
        )
        _deepen(rows[base.day], standing, view.market_at)


def _deepen(row: DayOfTwo, standing: Standing, market_at: datetime) -> None:
    row.daily = row.daily.deeper(standing.daily_used, market_at)
    row.total = row.total.deeper(standing.total_used, market_at)
