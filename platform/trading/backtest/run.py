"""One strategy over one history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading import jit
from trading.backtest.costs import Costs
from trading.backtest.prepared import last_of_each, put_on_ticks
from trading.backtest.result import Result, Trade, Trades
from trading.backtest.statistics import count_statistics
from trading.engine import book as columns
from trading.engine.book import Book, make_book
from trading.engine.events import (
    DatedFacts,
    Wishes,
    build_events,
    closed_at_open,
    count_nights,
    find_turns,
    read_wishes,
    sides_alone,
)
from trading.engine.loop import run_loop
from trading.engine.params import Params, managed
from trading.engine.signals import find_signals
from trading.engine.sources import Prepared, prepare
from trading.engine.step import Events, Market
from trading.errors import InvalidBars, InvalidValue
from trading.model.bars import Bars, opening_times
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

__all__ = ["Costs", "DatedFacts", "Result", "Trade", "Trades", "run", "run_prepared"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Below, loading numba takes longer than the plain loop (about 10 microseconds a bar).
_WORTH_COMPILING_BARS = 100_000
_NO_BARS: IntArray = np.zeros(0, dtype=np.int64)


def run(
    bars: Bars,
    document: Mapping[str, Any],
    instrument: Instrument,
    costs: Costs,
    balance: Decimal,
    *,
    timeframe: Timeframe | None = None,
    settings: Mapping[str, Any] | None = None,
    others: Mapping[str, Bars] | None = None,
    facts: Sequence[DatedFacts] = (),
    day_zone: tzinfo = UTC,
    trade_from: datetime | None = None,
    pessimistic: bool = False,
    plain: bool | None = None,
) -> Result:
    """
    Run a strategy document over closed bars of one instrument.

    :param balance: what the account begins with [account currency].
    :param timeframe: the strategy's own, by default that of ``bars``. Where the bars are finer they are added up for the strategy,
        while stops and targets are matched on the fine ones.
    :param others: bars by symbol, for strategies that look at other symbols too; of the strategy's timeframe, or finer.
    :param facts: what the server would have decided, by date.
    :param day_zone: zone whose midnights begin the days of `maxDailyLoss`.
    :param trade_from: signals of bars that close before are only history.
    :param pessimistic: where a bar reaches stop and target, the stop goes first whatever the path.
    :param plain: run as plain Python, or compiled where numba is present; by default whichever is sooner. The result is the same.
    :raises InvalidRules: where the document cannot be traded.
    :raises InvalidBars: where no bars of ``timeframe`` can be made of ``bars``, or bars of a symbol the strategy needs are missing.
    :raises InvalidValue: where balance or costs are impossible.
    """
    if not len(bars):
        raise InvalidBars("there are no bars to run over")
    prepared = prepare(document, instrument, timeframe or bars.timeframe, settings=settings)
    way: dict[str, Any] = {"others": others, "facts": facts, "day_zone": day_zone, "trade_from": trade_from}
    return run_prepared(bars, prepared, costs, balance, **way, pessimistic=pessimistic, plain=plain)


def run_prepared(
    bars: Bars,
    prepared: Prepared,
    costs: Costs,
    balance: Decimal,
    *,
    others: Mapping[str, Bars] | None = None,
    facts: Sequence[DatedFacts] = (),
    day_zone: tzinfo = UTC,
    trade_from: datetime | None = None,
    pessimistic: bool = False,
    plain: bool | None = None,
    skips: bool = True,
) -> Result:
    """
    Run a strategy that is prepared already, as `run` does.

    :param skips: False walks through every bar, also where nothing can happen; the result is the same.
    """
    if not len(bars):
        raise InvalidBars("there are no bars to run over")
    if not balance.is_finite() or balance <= 0:
        raise InvalidValue("balance must be a number above 0", field="balance")
    plain = len(bars) < _WORTH_COMPILING_BARS if plain is None else plain
    instrument, frame = prepared.instrument, prepared.timeframe
    ticked = put_on_ticks(bars, instrument.tick_size)
    own = ticked if frame is ticked.timeframe else ticked.resample(frame)
    wishes = find_wishes(prepared, own, others, plain=plain)
    params = managed(prepared.params, trails=bool(np.any(wishes.trail_distance)))
    market = make_market(ticked, own, instrument, costs)
    turns = find_turns(ticked.time, day_zone)[0] if params.daily_loss_fraction > 0.0 else None
    events = build_events(
        wishes, prepared, own, market.closed, len(ticked), trade_from=trade_from, facts=facts, turns=turns,
        nights=find_nights(ticked, costs),
    )  # fmt: skip
    book = make_book(float(balance), positions=params.open_positions_max, trades=_most_trades(params, events))
    equity = np.empty(len(ticked))
    loop = run_loop if plain else jit.compiled(run_loop)
    loop(params, costs.charges(instrument), market, events, book, pessimistic, skips, equity)
    return read_result(ticked, own, instrument, balance, book, equity)


def find_wishes(prepared: Prepared, own: Bars, others: Mapping[str, Bars] | None, *, plain: bool) -> Wishes:
    """
    Return what the strategy wants at which of its bars.

    :raises InvalidBars: where bars of a symbol it needs are missing.
    """
    if prepared.program is not None:
        at, side = np.empty(len(own), dtype=np.int64), np.empty(len(own), dtype=np.int8)
        search = find_signals if plain else jit.compiled(find_signals)
        state = np.zeros(prepared.program.state_size)
        count = search(prepared.program, state, own.high, own.low, own.close, at, side)
        return sides_alone(at[:count], side[:count])
    missing = [name for name in prepared.source.other_symbols if name not in (others or {})]
    if missing:
        raise InvalidBars(f"the strategy also needs bars of {', '.join(missing)}", extra={"missing": missing})
    coarse = {name: bars.resample(prepared.timeframe) for name, bars in (others or {}).items()}
    return read_wishes(prepared.source.plan(own, coarse))


def make_market(bars: Bars, own: Bars, instrument: Instrument, costs: Costs) -> Market:
    """Return what the engine knows of a symbol; ``bars`` on ticks."""
    if costs.spread_pips is None:
        spread = np.asarray(bars.spread_points * float(instrument.point), dtype=np.float64)
    else:
        spread = np.full(1, float(costs.spread_pips * instrument.pip_size))
    return Market(
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        spread=spread,
        closed=_NO_BARS if own is bars else closed_at_open(bars, own.timeframe),
        own_time=own.time,
        own_high=own.high,
        own_low=own.low,
        own_seconds=own.timeframe.seconds,
    )


def find_nights(bars: Bars, costs: Costs) -> tuple[IntArray, FloatArray] | None:
    """Return the bars before whose open swap is due, and for how many nights; None where none is charged."""
    if not costs.has_swap:
        return None
    turns, before, days = find_turns(bars.time, costs.rollover_zone)
    return turns, count_nights(before, days, costs.swap_triple_weekday)


def _most_trades(params: Params, events: Events) -> int:
    return int(np.count_nonzero(events.side)) * (1 + len(params.partials)) + 1


def read_result(
    bars: Bars, own: Bars, instrument: Instrument, balance: Decimal, book: Book, equity: FloatArray
) -> Result:
    """Return what a book and an equity curve say, in the words of a `Result`."""
    count = int(book.tally[columns.N_TRADES])
    ints, floats = book.trade_ints[:count], book.trade_floats[:count]
    opened_s, closed_s = bars.time[ints[:, columns.T_OPENED]], bars.time[ints[:, columns.T_CLOSED]]
    # What the end of the data closes is closed where the last bar ends.
    closed_s = closed_s + bars.timeframe.seconds * (ints[:, columns.T_REASON] == columns.EXIT_END)
    final = round(float(book.money[columns.M_BALANCE]), 2)
    return Result(
        trades=Trades(ints, floats, opened_s, closed_s, instrument),
        equity=equity if own is bars else equity[last_of_each(bars, own.timeframe)],
        final_balance=final,
        find_closes=lambda: _find_closes(bars, own),
        count_statistics=lambda: count_statistics(bars, len(own), balance, equity, ints, floats, book.skipped, final),
    )


def _find_closes(bars: Bars, own: Bars) -> IntArray:
    closes_s = bars.time + bars.timeframe.seconds
    if own is bars:
        return closes_s
    # The data may end inside a bar of the strategy.
    shown = last_of_each(bars, own.timeframe)
    ends = opening_times(bars.time[shown], own.timeframe) + own.timeframe.seconds
    return np.append(ends[:-1], min(ends[-1], closes_s[-1]))
