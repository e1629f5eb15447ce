"""
What if other limits had held? Recorded cases are judged again, in order, each in the state it had, changed by what the
answers before it would have changed.

Known exactly: what was risked in a day, and the results of closed trades. Estimated: an open trade that would not be there
is taken out with its planned risk. Not known, and left as recorded: prices between two views, trades a strategy would have
asked for instead, high-water marks, halts, correlations, currencies, the fills of trades nobody placed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from heapq import heappop, heappush
from typing import Final

from trading.risk.case import Case
from trading.risk.exposure import Exposure
from trading.risk.judge import judge
from trading.risk.limits import Limits
from trading.risk.verdict import RiskState, Verdict

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Change(StrEnum):
    """What another answer means for a trade that was asked for."""

    SAME = "SAME"
    DENIED = "DENIED"  # it was placed, and would not have been
    SHRUNK = "SHRUNK"
    GROWN = "GROWN"  # more lots: its result is scaled up, as if the same price had filled them
    ALLOWED = "ALLOWED"  # it was denied, and would have been placed: what it would have brought nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an approved trade: its result with costs [account currency]; ``closed_at`` None while it is open."""

    opened_at: datetime
    closed_at: datetime | None
    pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A request as it was judged, what was answered, and what came of it (None: nothing was placed)."""

    key: str
    case: Case
    approved: bool
    reason: str
    lots: Decimal
    risk: Decimal
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayBase:
    """When one of the account's days began (market time), and with what [account currency]."""

    day: date
    starts_at: datetime
    balance: Decimal
    equity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejudged:
    """A request under the other limits. ``kept`` is the share of the lots that was placed: 0 denied, 1 as it was."""

    recorded: Recorded
    change: Change
    verdict: Verdict
    kept: Decimal

    @property
    def pnl(self) -> Decimal:
        """Return what the trade would have brought, as far as anybody knows."""
        outcome = self.recorded.outcome
        return outcome.pnl * self.kept if outcome is not None else ZERO


class World:
    """The other history so far: what was answered, and what is different from the recorded one. Time only goes forward."""

    def __init__(self) -> None:
        self.rejudged: list[Rejudged] = []
        self.risked: dict[date | None, Decimal] = {}  # by day: risk approved now, less risk approved then
        self._open: list[tuple[datetime, int, Rejudged]] = []  # a heap: who closes first stands first
        self._moments: list[datetime] = []
        self._sums: list[Decimal] = []

    def add(self, one: Rejudged) -> None:
        """Take in the next answer."""
        self.rejudged.append(one)
        then = one.recorded.risk if one.recorded.approved else ZERO
        day = one.recorded.case.state.day
        self.risked[day] = self.risked.get(day, ZERO) + one.verdict.risk_amount - then
        if (outcome := one.recorded.outcome) is not None and one.kept != ONE:
            heappush(self._open, (outcome.closed_at or _NEVER, len(self.rejudged), one))

    def list_open(self, market_at: datetime) -> list[Rejudged]:
        """Return the changed trades that the recorded account still held at an instant."""
        self._close_until(market_at)
        return [one for _, _, one in self._open]

    def gained_by(self, market_at: datetime) -> Decimal:
        """Return how much more money there would be: the results that closed trades would not have had."""
        self._close_until(market_at)
        place = bisect_right(self._moments, market_at)
        return self._sums[place - 1] if place else ZERO

    def _close_until(self, market_at: datetime) -> None:
        while self._open and self._open[0][0] <= market_at:
            closed_at, _, one = heappop(self._open)
            assert one.recorded.outcome is not None
            before = self._sums[-1] if self._sums else ZERO
            self._moments.append(max(closed_at, self._moments[-1]) if self._moments else closed_at)
            self._sums.append(before + one.recorded.outcome.pnl * (one.kept - ONE))


def replay(
    recorded: Sequence[Recorded],
    days: Sequence[DayBase],
    limits: Limits,
    *,
    tell: Callable[[int], None] = lambda _: None,
) -> World:
    """
    Judge recorded requests again under other limits, each in the state the answers before it would have left.

    :param recorded: in the order they were decided.
    :param days: the account's days they fall into, oldest first.
    :param tell: hears how many were judged, every hundred; what it raises ends the judging.
    """
    world, starts = World(), {one.day: one.starts_at for one in days}
    for count, one in enumerate(recorded):
        if count % 100 == 0:
            tell(count)
        state = change_state(one.case, world, starts)
        verdict = judge(one.case.asked, state, limits, one.case.at, one.case.market_at)
        world.add(_compare(one, verdict))
    return world


def change_state(case: Case, world: World, starts: Mapping[date, datetime]) -> RiskState:
    """Return the state a case would have had, had the answers before it been those of the other history."""
    state = case.state
    gained = world.gained_by(case.market_at)
    start = starts.get(state.day) if state.day is not None else None
    before = world.gained_by(start) if start is not None else ZERO
    reserved, by_symbol, held = state.reserved, dict(state.reserved_by_symbol), state.held
    exposure = state.exposure
    for one in world.list_open(case.market_at):
        symbol, risk = one.recorded.case.asked.symbol, one.recorded.risk * (ONE - one.kept)
        exposure, rest = _take_out(exposure, symbol, risk, whole=one.kept == ZERO)
        taken = max(ZERO, min(rest, by_symbol.get(symbol, ZERO)))
        if taken:
            by_symbol[symbol] -= taken
            reserved -= taken
        if one.kept == ZERO and exposure.count == state.exposure.count and held:
            held -= 1
    return replace(
        state,
        balance=state.balance + gained,
        equity=state.equity + gained,
        free_margin=None if state.free_margin is None else state.free_margin + gained,
        day_balance=state.day_balance + before,
        day_equity=state.day_equity + before,
        day_profit=state.day_profit + gained - before,
        total_profit=state.total_profit + before,
        risked_today=max(ZERO, state.risked_today + world.risked.get(state.day, ZERO)),
        reserved=reserved,
        reserved_by_symbol=by_symbol,
        held=held,
        exposure=exposure,
    )


def _take_out(exposure: Exposure, symbol: str, risk: Decimal, *, whole: bool) -> tuple[Exposure, Decimal]:
    """Return the exposure without a trade's planned risk, and what of that risk it does not hold."""
    has = exposure.by_symbol.get(symbol)
    if has is None or risk <= 0:
        return exposure, max(risk, ZERO)
    taken = min(has, risk)
    rest = {**exposure.by_symbol, symbol: has - taken}
    count = exposure.count - 1 if whole and exposure.count else exposure.count
    return replace(exposure, by_symbol=rest, worst_loss=exposure.worst_loss - taken, count=count), risk - taken


def _compare(one: Recorded, verdict: Verdict) -> Rejudged:
    if not one.approved:
        change = Change.ALLOWED if verdict.approved else Change.SAME
        return Rejudged(recorded=one, change=change, verdict=verdict, kept=ONE)
    kept = verdict.lots / one.lots if verdict.approved and one.lots else ZERO
    change = Change.SAME if kept == ONE else Change.GROWN if kept > ONE else Change.SHRUNK if kept else Change.DENIED
    return Rejudged(recorded=one, change=change, verdict=verdict, kept=kept)
