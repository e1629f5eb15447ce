"""How far behind an executor is: how old a snapshot was when it came, and how long ago its last handled bars closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.accounts.models import AccountSnapshot
from apps.assignments.models import Assignment, Desired, Observed
from apps.dashboard.marks.ages import STALE_S
from apps.executors.models import Executor
from trading.model.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class BarLag:
    """
    The last bar an assignment has handled, and how long ago it closed by the market's own clock.

    `market_s` counts market seconds, on a simulated market not wall seconds. Up to one bar (`bar_s`) is the ordinary state:
    the next bar has not closed yet. Beyond two the market is closed or the bars are late.
    """

    opened_at: datetime
    market_s: float
    bar_s: int
    report_s: float = 0.0  # market seconds that may pass between two reports: many on a hurrying simulated market

    @property
    def is_late(self) -> bool:
        return self.market_s > 2 * self.bar_s + self.report_s


@dataclass(frozen=True, slots=True)
class Lag:
    """
    `snapshot_s` is the snapshot's age on arrival (received less taken, as the agent states it); None where another executor
    observes the account, or nobody does. `bar` is the one furthest behind of the strategies at work.
    """

    snapshot_s: float | None
    bar: BarLag | None


def measure_lag(executor: Executor, assignments: Iterable[Assignment], at: datetime) -> Lag:
    """Return the lag of an executor whose account and snapshot are loaded."""
    snapshot = getattr(executor.account, "snapshot", None)
    bars = [bar for each in assignments if _is_at_work(each) and (bar := measure_bar(each, snapshot, at)) is not None]
    return Lag(
        snapshot_s=(snapshot.received_at - snapshot.taken_at).total_seconds()
        if snapshot is not None and snapshot.executor_id == executor.pk
        else None,
        bar=max(bars, key=lambda bar: bar.market_s / bar.bar_s, default=None),
    )


def measure_bar(assignment: Assignment, snapshot: AccountSnapshot | None, at: datetime) -> BarLag | None:
    """Return how long ago the last handled bar closed; None where none was handled, or the market's clock is not known."""
    if assignment.last_bar_at is None or snapshot is None:
        return None
    bar_s = Timeframe(assignment.version.timeframe).seconds
    since_opened = read_market_clock(snapshot, at) - assignment.last_bar_at
    return BarLag(
        assignment.last_bar_at,
        max(0.0, since_opened.total_seconds() - bar_s),
        bar_s,
        STALE_S * (snapshot.market_speed or 1.0),
    )


def read_market_clock(snapshot: AccountSnapshot, at: datetime) -> datetime:
    """Return the market time now: that of the last snapshot, gone on at the market's speed since it was taken."""
    elapsed: timedelta = at - snapshot.taken_at
    return snapshot.market_at + elapsed * (snapshot.market_speed or 1.0)


def _is_at_work(assignment: Assignment) -> bool:
    return assignment.desired != Desired.STOPPED and assignment.observed == Observed.RUNNING


UNKNOWN_LAG = Lag(None, None)
