"""From a plan over bars to the events the loop runs through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.engine.charges import nights_charged
from trading.engine.source import Plan
from trading.engine.sources import Prepared
from trading.engine.step import Events
from trading.errors import InvalidValue
from trading.model.bars import Bars, opening_times
from trading.model.timeframe import Timeframe

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DatedFacts:
    """
    What the server decided for a strategy, from a moment of the market clock until the next of them: XPWS phase, lot multiplier,
    the most that may be lost at one stop [account currency], whether it may enter.

    :raises InvalidValue: where the moment has no zone, or a number is none or negative.
    """

    from_at: datetime
    entries_allowed: bool = True
    lot_multiplier: Decimal = Decimal(1)
    risk_budget: Decimal | None = None
    xpws_phase: str | None = None

    def __post_init__(self) -> None:
        if self.from_at.tzinfo is None:
            raise InvalidValue("facts need a moment with a zone", field="facts")
        numbers = [self.lot_multiplier, *([self.risk_budget] if self.risk_budget is not None else [])]
        if any(not number.is_finite() or number < 0 for number in numbers):
            raise InvalidValue("facts hold finite numbers that are not negative", field="facts")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The bars of the strategy at which it wants something, in order, and what."""

    own: IntArray
    side: NDArray[np.int8]
    closes: NDArray[np.int8]
    stop_distance: FloatArray
    target_distance: FloatArray
    trail_distance: FloatArray


def read_wishes(plan: Plan) -> Wishes:
    """Return the rows of a plan that want something."""
    wanted = plan.side != 0
    if plan.closes.strides != (0,) or (len(plan.closes) and plan.closes[0]):
        wanted |= plan.closes != 0
    own = np.flatnonzero(wanted)
    return Wishes(
        own,
        plan.side[own],
        plan.closes[own],
        plan.stop_distance[own],
        plan.target_distance[own],
        plan.trail_distance[own],
    )


def sides_alone(own: IntArray, side: NDArray[np.int8]) -> Wishes:
    """Return wishes that are entries by the rules' own distances."""
    nothing = np.zeros(len(own))
    return Wishes(own, side, np.zeros(len(own), dtype=np.int8), nothing, nothing, nothing)


def closed_at_open(bars: Bars, to: Timeframe) -> IntArray:
    """Return, for every bar, the number of the coarse bar that ended between the bar before it and its own open; else -1."""
    opened = opening_times(bars.time, to)
    starts = np.concatenate(([False], opened[1:] != opened[:-1]))
    return np.where(starts, np.cumsum(starts) - 1, -1).astype(np.int64)


def find_turns(times_s: IntArray, zone: tzinfo) -> tuple[IntArray, IntArray, list[int]]:
    """Return the places of the bars that begin a new day in ``zone``, the day before each and its own [days since 1970]."""
    first, last = (int(_local(int(moment), zone).toordinal()) for moment in (times_s[0], times_s[-1]))
    epoch = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    midnights = [_midnight_s(ordinal, zone) for ordinal in range(first + 1, last + 1)]
    places = np.searchsorted(times_s, midnights, side="left")
    # Days without bars begin at the same bar as the next one that has some.
    turns, starts = np.unique(places, return_index=True)
    days = first - epoch + 1 + np.concatenate((starts[1:], [len(midnights)])) - 1 if len(turns) else starts
    before = np.concatenate(([first - epoch], days[:-1])) if len(turns) else days
    return turns.astype(np.int64), before.astype(np.int64), days.tolist()


def count_nights(before: IntArray, days: list[int], triple_weekday: int) -> FloatArray:
    """Return the nights of swap between the days before and the days of turns."""
    nights = [
        sum(nights_charged((day + 4) % 7, triple_weekday) for day in range(first, last))
        for first, last in zip(before.tolist(), days, strict=True)
    ]
    return np.array(nights, dtype=np.float64)


def build_events(
    wishes: Wishes,
    prepared: Prepared,
    own: Bars,
    closed: IntArray,
    bars: int,
    *,
    trade_from: datetime | None = None,
    facts: Sequence[DatedFacts] = (),
    turns: IntArray | None = None,
    nights: tuple[IntArray, FloatArray] | None = None,
) -> Events:
    """
    Return everything that happens at given bars.

    :param own: the strategy's bars; ``closed`` as in `Market`; ``bars``, how many bars the price is known by.
    :param turns: bars at which a trading day begins, None where nothing asks for it.
    :param nights: bars before whose open swap is due, and for how many nights.
    """
    # Where the bars are the strategy's own, a bar is over where the next one opens.
    over_at = np.flatnonzero(closed >= 0) if len(closed) else None
    kept = wishes.own < (bars - 1 if over_at is None else len(over_at))
    if trade_from is not None:
        kept &= own.time[wishes.own] + own.timeframe.seconds >= trade_from.timestamp()
    places = [wishes.own[kept] + 1 if over_at is None else over_at[wishes.own[kept]]]
    must_be_flat = None
    if not prepared.rules.closing.is_never:
        # The first bar of a stretch is enough: everything is closed there, and nothing is opened until it ends.
        must_be_flat = prepared.rules.closing.mask(own.time + own.timeframe.seconds)
        begins = np.flatnonzero(must_be_flat & ~np.concatenate(([False], must_be_flat[:-1])))
        begins = begins[begins < (bars - 1 if over_at is None else len(over_at))]
        places.append(begins + 1 if over_at is None else over_at[begins])
    places += [turns] if turns is not None else []
    places += [nights[0]] if nights is not None else []
    at = np.unique(np.concatenate(places)) if len(places) > 1 else places[0]
    decided = closed[at] if len(closed) else at - 1
    moments = own.time[np.maximum(decided, 0)] + own.timeframe.seconds if len(own) else np.zeros_like(at)
    rows = np.searchsorted(at, places[0])
    allowed, multiplier, budget = _spread_facts(facts, moments)
    return Events(
        at=at.astype(np.int64),
        decided=decided.astype(np.int64),
        side=_place(rows, wishes.side[kept], len(at)),
        closes=_place(rows, wishes.closes[kept], len(at)),
        must_be_flat=np.zeros(len(at), dtype=np.bool_)
        if must_be_flat is None
        else must_be_flat[np.maximum(decided, 0)] & (decided >= 0),
        in_window=prepared.rules.window.mask(moments),
        stop_distance=_place(rows, wishes.stop_distance[kept], len(at)),
        target_distance=_place(rows, wishes.target_distance[kept], len(at)),
        trail_distance=_place(rows, wishes.trail_distance[kept], len(at)),
        nights=_place(np.searchsorted(at, nights[0]), nights[1], len(at)) if nights is not None else np.zeros(len(at)),
        turns=np.isin(at, turns) if turns is not None else np.zeros(len(at), dtype=np.bool_),
        entries_allowed=allowed,
        lot_multiplier=multiplier,
        risk_budget=budget,
    )


def _place(rows: IntArray, values: NDArray[Any], count: int) -> NDArray[Any]:
    if len(rows) == count:
        return np.ascontiguousarray(values)
    column = np.zeros(count, dtype=values.dtype)
    column[rows] = values
    return column


def _spread_facts(facts: Sequence[DatedFacts], moments: IntArray) -> tuple[BoolArray, FloatArray, FloatArray]:
    if not facts:
        return np.ones(len(moments), dtype=np.bool_), np.ones(len(moments)), np.full(len(moments), np.inf)
    ordered = sorted(facts, key=lambda fact: fact.from_at)
    starts = [fact.from_at.timestamp() for fact in ordered]
    # Before the first of them, as without any.
    which = np.searchsorted(starts, moments, side="right")
    budgets = [np.inf if fact.risk_budget is None else float(fact.risk_budget) for fact in ordered]
    return (
        np.array([True, *(fact.entries_allowed for fact in ordered)])[which],
        np.array([1.0, *(float(fact.lot_multiplier) for fact in ordered)])[which],
        np.array([np.inf, *budgets])[which],
    )


def _local(moment_s: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment_s, UTC).astimezone(zone)


def _midnight_s(ordinal: int, zone: tzinfo) -> float:
    return datetime.fromordinal(ordinal).replace(tzinfo=zone).timestamp()
