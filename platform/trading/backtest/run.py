"""One strategy over one history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading import jit
from trading.backtest.costs import Costs
from trading.backtest.prepared import last_of_each, put_on_ticks
from trading.backtest.result import Result, Trade, Trades
from trading.backtest.room import take_room
from trading.backtest.statistics import count_statistics
from trading.engine.book import M_BALANCE, N_TRADES, make_book
from trading.engine.crosses import NOT_SURE, run_crosses
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
from trading.engine.marks import mark_trades
from trading.engine.params import managed
from trading.engine.signals import find_signals, is_ema_cross
from trading.engine.sources import Prepared, prepare
from trading.engine.step import Market
from trading.errors import InvalidBars, InvalidValue
from trading.model.bars import Bars, opening_times
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

__all__ = ["Costs", "DatedFacts", "Result", "Trade", "Trades", "run", "run_prepared"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# From here on it is worth to compile what is not kept yet, below even loading what is kept takes longer than the plain loop
# (about 10 microseconds a bar).
_WORTH_COMPILING_BARS, _WORTH_LOADING_BARS = 100_000, 3_000
# Cents of more are not exact in a float.
_MOST_MONEY = Decimal(10**12)
_NO_BARS: IntArray = np.zeros(0, dtype=np.int64)
_NO_EQUITY: FloatArray = np.zeros(0)


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
    :param plain: run as plain Python, or compiled where numba is present; by default whichever is sooner, seeing what is kept. The result
        is the same.
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
    job = make_job(
        bars, prepared, costs, balance, others=others, facts=facts, day_zone=day_zone, trade_from=trade_from,
        pessimistic=pessimistic, plain=plain, skips=skips,
    )  # fmt: skip
    tables = job.run_short() if job.is_short else None
    return read_result(job, tables or job.run_long(_NO_EQUITY))


@dataclass(frozen=True, slots=True)
class Tables:
    """What a walk through the bars leaves: the tables of trades, what was skipped, the balance, and the equity where it was marked."""

    ints: IntArray
    floats: FloatArray
    skipped: IntArray
    final_balance: float
    equity: FloatArray
    went_short: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One run: everything that decides about it."""

    prepared: Prepared
    bars: Bars
    own: Bars
    costs: Costs
    balance: float
    others: Mapping[str, Bars]
    facts: tuple[DatedFacts, ...]
    day_zone: tzinfo
    trade_from: datetime | None
    pessimistic: bool
    plain: bool | None
    skips: bool

    @property
    def counts_days(self) -> bool:
        """Whether the equity at the beginning of a day matters."""
        return self.prepared.params.daily_loss_fraction > 0.0

    @property
    def first_bar(self) -> int:
        """The first bar whose signal counts, where the bars are the strategy's own."""
        if self.trade_from is None:
            return 0
        return int(np.searchsorted(self.bars.time, self.trade_from.timestamp() - self.bars.timeframe.seconds))

    @property
    def is_short(self) -> bool:
        """Whether `run_crosses` covers it."""
        prepared, costs = self.prepared, self.costs
        params, program = prepared.params, prepared.program
        if program is None or not self.skips or self.own is not self.bars or self.facts or self.counts_days:
            return False
        if params.is_managed or costs.has_swap or costs.leverage is not None:
            return False
        if params.open_positions_max != 1 and not params.exit_on_opposite:
            return False
        if not (prepared.rules.closing.is_never and prepared.rules.window.is_always_open):
            return False
        return is_ema_cross(program) and len(self.bars) > max(program.first_period, program.second_period)

    def run_short(self) -> Tables | None:
        """Walk the short way; None where only the long one will do."""
        prepared, bars = self.prepared, self.bars
        assert prepared.program is not None
        room = take_room(len(bars))
        skipped = np.zeros(16, dtype=np.int64)
        walk = jit.choose(run_crosses, plain=self.plain)
        count, final = walk(
            prepared.params, self.costs.charges(prepared.instrument), prepared.program, bars.open, bars.high, bars.low,
            bars.close, find_spread(bars, prepared.instrument, self.costs), self.first_bar, self.pessimistic, self.balance,
            *room, skipped,
        )  # fmt: skip
        if count == NOT_SURE:
            return None
        return Tables(
            room.trade_ints[:count].copy(),
            room.trade_floats[:count].copy(),
            skipped,
            final,
            _NO_EQUITY,
            went_short=True,
        )

    def run_long(self, equity: FloatArray) -> Tables:
        """Walk through events and the bars between; mark ``equity`` where it has room for it, and where a day's loss counts anyway."""
        prepared = self.prepared
        if self.counts_days and not len(equity):
            equity = np.empty(len(self.bars))
        wishes = find_wishes(prepared, self.own, self.others, plain=self.plain)
        params = managed(prepared.params, trails=bool(np.any(wishes.trail_distance)))
        market = make_market(self.bars, self.own, prepared.instrument, self.costs)
        events = build_events(
            wishes, prepared, self.own, market.closed, len(self.bars), trade_from=self.trade_from, facts=self.facts,
            turns=find_turns(self.bars.time, self.day_zone)[0] if self.counts_days else None,
            nights=find_nights(self.bars, self.costs),
        )  # fmt: skip
        most = int(np.count_nonzero(events.side)) * (1 + len(params.partials)) + 1
        book = make_book(self.balance, positions=params.open_positions_max, trades=most)
        loop = jit.choose(run_loop, plain=self.plain)
        charges = self.costs.charges(prepared.instrument)
        loop(params, charges, market, events, book, self.pessimistic, self.skips, equity)
        count = int(book.tally[N_TRADES])
        ints, floats = book.trade_ints[:count], book.trade_floats[:count]
        return Tables(ints, floats, book.skipped, float(book.money[M_BALANCE]), equity)

    def mark(self, tables: Tables) -> FloatArray:
        """Return the equity at every bar's close."""
        if len(tables.equity):
            return tables.equity
        if tables.went_short:
            return self._mark_short(tables)
        return self.run_long(np.empty(len(self.bars))).equity

    def _mark_short(self, tables: Tables) -> FloatArray:
        instrument, equity = self.prepared.instrument, np.empty(len(self.bars))
        mark = jit.choose(mark_trades, plain=self.plain)
        mark(
            self.prepared.params, self.costs.charges(instrument), self.bars.close,
            find_spread(self.bars, instrument, self.costs), tables.ints, tables.floats, self.balance, equity,
        )  # fmt: skip
        return equity


def make_job(
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
) -> Job:
    """Return a run that is about to begin; parameters and errors are those of `run`."""
    if not len(bars):
        raise InvalidBars("there are no bars to run over")
    if not balance.is_finite() or not 0 < balance <= _MOST_MONEY:
        raise InvalidValue("balance must be a number above 0, at most 1,000,000,000,000", field="balance")
    ticked = put_on_ticks(bars, prepared.instrument.tick_size)
    return Job(
        prepared=prepared,
        bars=ticked,
        own=ticked if prepared.timeframe is ticked.timeframe else ticked.resample(prepared.timeframe),
        costs=costs,
        balance=float(balance),
        others=others or {},
        facts=tuple(facts),
        day_zone=day_zone,
        trade_from=trade_from,
        pessimistic=pessimistic,
        plain=find_sooner(len(bars)) if plain is None else plain,
        skips=skips,
    )


def find_sooner(bars: int) -> bool | None:
    """Say whether so many bars go plainly (True), compiled (False), or by machine code where that is kept (None)."""
    if bars < _WORTH_LOADING_BARS:
        return True
    return False if bars >= _WORTH_COMPILING_BARS else None


def find_wishes(prepared: Prepared, own: Bars, others: Mapping[str, Bars] | None, *, plain: bool | None) -> Wishes:
    """
    Return what the strategy wants at which of its bars.

    :raises InvalidBars: where bars of a symbol it needs are missing.
    """
    if prepared.program is not None:
        at, side = np.empty(len(own), dtype=np.int64), np.empty(len(own), dtype=np.int8)
        search = jit.choose(find_signals, plain=plain)
        state = np.zeros(prepared.program.state_size)
        count = search(prepared.program, state, own.high, own.low, own.close, at, side)
        return sides_alone(at[:count], side[:count])
    missing = [name for name in prepared.source.other_symbols if name not in (others or {})]
    if missing:
        raise InvalidBars(f"the strategy also needs bars of {', '.join(missing)}", extra={"missing": missing})
    coarse = {name: bars.resample(prepared.timeframe) for name, bars in (others or {}).items()}
    return read_wishes(prepared.source.plan(own, coarse))


def find_spread(bars: Bars, instrument: Instrument, costs: Costs) -> FloatArray:
    """Return the spread [price]: one for all bars, or one for each."""
    if costs.spread_pips is None:
        return np.asarray(bars.spread_points * float(instrument.point), dtype=np.float64)
    return np.full(1, float(costs.spread_pips * instrument.pip_size))


def make_market(bars: Bars, own: Bars, instrument: Instrument, costs: Costs) -> Market:
    """Return what the engine knows of a symbol; ``bars`` on ticks."""
    return Market(
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        spread=find_spread(bars, instrument, costs),
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


def read_result(job: Job, tables: Tables) -> Result:
    """Return what a finished run left, in the words of a `Result`."""
    bars, own, ints, floats = job.bars, job.own, tables.ints, tables.floats
    final = round(tables.final_balance, 2)
    skipped, balance = tables.skipped, job.balance
    return Result(
        trades=Trades(ints, floats, bars, job.prepared.instrument),
        final_balance=final,
        mark=lambda: job.mark(tables),
        choose=lambda equity: equity if own is bars else equity[last_of_each(bars, own.timeframe)],
        find_closes=lambda: _find_closes(bars, own),
        count=lambda equity: count_statistics(bars, len(own), balance, equity, ints, floats, skipped, final),
    )


def _find_closes(bars: Bars, own: Bars) -> IntArray:
    closes_s = bars.time + bars.timeframe.seconds
    if own is bars:
        return closes_s
    # The data may end inside a bar of the strategy.
    shown = last_of_each(bars, own.timeframe)
    ends = opening_times(bars.time[shown], own.timeframe) + own.timeframe.seconds
    return np.append(ends[:-1], min(ends[-1], closes_s[-1]))
