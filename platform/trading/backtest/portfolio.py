"""Several strategies and symbols on one account: one balance, one margin, one day's loss, one book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.backtest.costs import Costs
from trading.backtest.prepared import put_on_ticks
from trading.backtest.result import Trades
from trading.backtest.run import find_nights, find_wishes, make_market
from trading.engine.book import M_BALANCE, N_TRADES, T_LEG, make_book
from trading.engine.charges import Charges
from trading.engine.events import DatedFacts, build_events, find_turns
from trading.engine.legs import run_legs
from trading.engine.params import Params, managed
from trading.engine.sources import Prepared, prepare
from trading.engine.step import Events, Market
from trading.errors import InvalidBars, InvalidValue
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One strategy on one symbol of the portfolio; the fields are those of `run`."""

    name: str
    bars: Bars
    document: Mapping[str, Any]
    instrument: Instrument
    costs: Costs = field(default_factory=Costs)
    timeframe: Timeframe | None = None
    settings: Mapping[str, Any] | None = None
    others: Mapping[str, Bars] | None = None
    facts: Sequence[DatedFacts] = ()


@dataclass(frozen=True, slots=True)
class PortfolioResult:
    """
    What became of the account: each leg's trades by its name, and the equity at the close of every moment at which a bar of any leg
    opened (``times_s``, epoch seconds) [account currency].
    """

    trades: dict[str, Trades]
    times_s: IntArray
    equity: FloatArray
    final_balance: float
    skipped: IntArray


@dataclass(frozen=True, slots=True)
class _Ready:
    """A leg made ready for the loop."""

    prepared: Prepared
    bars: Bars
    params: Params
    charges: Charges
    market: Market
    events: Events


def run_portfolio(
    legs: Sequence[Leg],
    balance: Decimal,
    *,
    positions_max: int | None = None,
    day_zone: tzinfo = UTC,
    trade_from: datetime | None = None,
    pessimistic: bool = False,
) -> PortfolioResult:
    """
    Run all legs over their bars on one account, in the order of time; legs of the same moment go in the order given.

    Sizes follow the shared balance, margin and the day's loss the shared equity; a leg's `maxDailyLoss` counts what all legs lost.
    A single leg gives what `run` gives. The stop-out level is the first leg's.

    :param positions_max: most positions of all legs together; None for no such limit.
    :raises InvalidValue: where there is no leg, two have one name, or the balance is impossible.
    :raises InvalidRules: where a document cannot be traded.
    """
    if not legs or len({leg.name for leg in legs}) < len(legs):
        raise InvalidValue("a portfolio needs legs, each with a name of its own", field="legs")
    if not balance.is_finite() or balance <= 0:
        raise InvalidValue("balance must be a number above 0", field="balance")
    ready = [_make_ready(leg, day_zone, trade_from) for leg in legs]
    times = np.unique(np.concatenate([leg.bars.time for leg in ready]))
    bar_at = np.full((len(ready), len(times)), -1, dtype=np.int64)
    for row, leg in enumerate(ready):
        bar_at[row, np.searchsorted(times, leg.bars.time)] = np.arange(len(leg.bars))
    turns = np.zeros(len(times), dtype=np.bool_)
    turns[find_turns(times, day_zone)[0]] = True
    room = sum(leg.params.open_positions_max for leg in ready)
    most = sum(int(np.count_nonzero(leg.events.side)) * (1 + len(leg.params.partials)) for leg in ready)
    book = make_book(float(balance), positions=room, trades=most + 1)
    equity = np.empty(len(times))
    run_legs(
        tuple(leg.params for leg in ready), tuple(leg.charges for leg in ready), tuple(leg.market for leg in ready),
        tuple(leg.events for leg in ready), bar_at, turns, room if positions_max is None else positions_max, book,
        pessimistic, np.zeros(len(ready), dtype=np.int64), np.zeros((len(ready), 2)), equity,
    )  # fmt: skip
    count = int(book.tally[N_TRADES])
    ints, floats = book.trade_ints[:count], book.trade_floats[:count]
    trades = {}
    for number, (told, made) in enumerate(zip(legs, ready, strict=True)):
        own = ints[:, T_LEG] == number
        trades[told.name] = Trades(ints[own], floats[own], made.bars, told.instrument)
    return PortfolioResult(trades, times, equity, round(float(book.money[M_BALANCE]), 2), book.skipped)


def _make_ready(leg: Leg, day_zone: tzinfo, trade_from: datetime | None) -> _Ready:
    if not len(leg.bars):
        raise InvalidBars(f"there are no bars to run {leg.name} over")
    prepared = prepare(leg.document, leg.instrument, leg.timeframe or leg.bars.timeframe, settings=leg.settings)
    bars = put_on_ticks(leg.bars, leg.instrument.tick_size)
    own = bars if prepared.timeframe is bars.timeframe else bars.resample(prepared.timeframe)
    wishes = find_wishes(prepared, own, leg.others, plain=True)
    params = managed(prepared.params, trails=bool(np.any(wishes.trail_distance)))
    market = make_market(bars, own, leg.instrument, leg.costs)
    events = build_events(
        wishes, prepared, own, market.closed, len(bars), trade_from=trade_from, facts=leg.facts,
        nights=find_nights(bars, leg.costs),
    )  # fmt: skip
    return _Ready(prepared, bars, params, leg.costs.charges(leg.instrument), market, events)
