"""One strategy over one history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading import jit
from trading.engine import loop
from trading.engine.decide import SKIP_NAMES
from trading.engine.params import build_params
from trading.engine.prices import snap_array
from trading.errors import InvalidBars, InvalidValue
from trading.metrics.curves import daily_returns, drawdown, sharpe_ratio
from trading.metrics.trades import describe_trades
from trading.model.bars import Bars, opening_times
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason, Side
from trading.model.timeframe import Timeframe
from trading.rules.compile import CompiledRules, compile_rules
from trading.rules.signals import SignalArray, fill_signals
from trading.rules.window import local_day_numbers

FloatArray = NDArray[np.float64]

# Below, loading numba takes longer than the plain loop (about 10 microseconds a bar).
_WORTH_COMPILING_BARS = 100_000

_REASONS = {
    loop.EXIT_STOP: ExitReason.STOP_LOSS,
    loop.EXIT_TRAILING: ExitReason.TRAILING_STOP,
    loop.EXIT_TARGET: ExitReason.TAKE_PROFIT,
    loop.EXIT_OPPOSITE: ExitReason.OPPOSITE_SIGNAL,
    loop.EXIT_END: ExitReason.END_OF_DATA,
    loop.EXIT_STOP_OUT: ExitReason.STOP_OUT,
}


@dataclass(frozen=True, slots=True)
class Costs:
    """
    What trading costs. ``spread_pips`` None takes each bar's own spread; commission is per lot and side [account currency];
    slippage makes market and stop fills worse, never limits.
    """

    spread_pips: Decimal | None = Decimal(0)
    commission_per_lot: Decimal = Decimal(0)
    slippage_ticks: int = 0

    def __post_init__(self) -> None:
        numbers = [self.commission_per_lot, *([self.spread_pips] if self.spread_pips is not None else [])]
        if any(not number.is_finite() or number < 0 for number in numbers) or self.slippage_ticks < 0:
            raise InvalidValue("costs must be finite and not negative", field="costs")


@dataclass(frozen=True, slots=True)
class Trade:
    """
    A closed trade. ``opened_at`` and ``closed_at`` are opening times of the bars it happened in (END_OF_DATA: the end of the last);
    ``pnl`` is to the cent and includes commission.
    """

    opened_at: datetime
    closed_at: datetime
    side: Side
    volume_lots: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    exit_reason: ExitReason


@dataclass(frozen=True, slots=True)
class Result:
    """Trades in order of closing, equity at the close of every bar of the strategy [account currency], and statistics."""

    trades: list[Trade]
    closes_s: NDArray[np.int64]
    equity: FloatArray
    final_balance: float
    statistics: dict[str, Any] = field(default_factory=dict)

    def closes_at(self) -> Iterator[datetime]:
        """Yield when each bar of ``equity`` closed."""
        return (datetime.fromtimestamp(closed, UTC) for closed in self.closes_s.tolist())


def run(
    bars: Bars,
    document: Mapping[str, Any],
    instrument: Instrument,
    costs: Costs,
    balance: Decimal,
    *,
    timeframe: Timeframe | None = None,
    settings: Mapping[str, Any] | None = None,
    day_zone: tzinfo = UTC,
    trade_from: datetime | None = None,
    pessimistic: bool = False,
    plain: bool | None = None,
) -> Result:
    """
    Run a rule document over closed bars of one instrument.

    :param balance: what the account begins with [account currency].
    :param timeframe: the strategy's own, by default that of ``bars``. Where the bars are finer they are added up for the strategy,
        while stops and targets are matched on the fine ones.
    :param day_zone: zone whose midnights begin the days of `maxDailyLoss`.
    :param trade_from: signals of bars that close before are only history.
    :param pessimistic: where a bar reaches stop and target, the stop goes first whatever the path.
    :param plain: run as plain Python, or compiled where numba is present; by default whichever is sooner. The result is the same.
    :raises InvalidRules: where the document cannot be traded.
    :raises InvalidBars: where no bars of ``timeframe`` can be made of ``bars``.
    :raises InvalidValue: where balance or costs are impossible.
    """
    if not len(bars):
        raise InvalidBars("there are no bars to run over")
    if not balance.is_finite() or balance <= 0:
        raise InvalidValue("balance must be a number above 0", field="balance")
    compiled = compile_rules(document, instrument, timeframe or bars.timeframe, settings=settings)
    plain = len(bars) < _WORTH_COMPILING_BARS if plain is None else plain
    ticked = _on_ticks(bars, instrument)
    own = ticked.resample(compiled.timeframe)
    signals = _signals(compiled, own, plain=plain)
    if trade_from is not None:
        signals[own.time + own.timeframe.seconds < trade_from.timestamp()] = 0
    table = _Table(int(np.count_nonzero(signals)) + 1, len(bars))
    day = local_day_numbers(ticked.time, day_zone)
    way = {"pessimistic": pessimistic, "plain": plain}
    count, final = _walk(
        compiled, ticked, own, signals, day, _spread(bars, instrument, costs), costs, balance, table, **way
    )
    return _read_result(bars, own, instrument, balance, table, count, round(final, 2))


def _walk(
    compiled: CompiledRules,
    bars: Bars,
    own: Bars,
    signals: SignalArray,
    day: NDArray[np.int64],
    spread: FloatArray,
    costs: Costs,
    balance: Decimal,
    table: _Table,
    *,
    pessimistic: bool,
    plain: bool,
) -> tuple[int, float]:
    tick_size = compiled.instrument.tick_size
    function = loop.run_loop if plain else jit.compiled(loop.run_loop)
    count, final_balance = function(
        build_params(compiled),
        signals,
        compiled.rules.window.mask(own.time + own.timeframe.seconds),
        own.high,
        own.low,
        _closed_at_open(bars, own.timeframe),
        day,
        bars.open,
        bars.high,
        bars.low,
        bars.close,
        snap_array(bars.open + spread, tick_size),
        snap_array(bars.close + spread, tick_size),
        spread,
        float(costs.slippage_ticks * tick_size),
        float(costs.commission_per_lot),
        pessimistic,
        float(balance),
        table.ints,
        table.floats,
        table.equity,
        table.skipped,
    )
    return int(count), float(final_balance)


class _Table:
    """What the loop writes into."""

    def __init__(self, trades: int, bars: int) -> None:
        self.ints = np.zeros((trades, 5), dtype=np.int64)
        self.floats = np.zeros((trades, 4))
        self.equity = np.zeros(bars)
        self.skipped = np.zeros(16, dtype=np.int64)


def _read_result(
    bars: Bars, own: Bars, instrument: Instrument, balance: Decimal, table: _Table, count: int, final: float
) -> Result:
    ints, floats = table.ints[:count], table.floats[:count]
    trades = [_read_trade(bars, instrument, row, values) for row, values in zip(ints, floats, strict=True)]
    pnl = floats[:, loop.V_PROFIT] - floats[:, loop.V_COMMISSION]
    shown = _last_of_each(bars, own.timeframe)
    statistics = {"bars": len(own), **_statistics(bars, balance, table.equity, pnl, final, table.skipped)}
    closes_s = bars.time + bars.timeframe.seconds
    if own.timeframe is not bars.timeframe:
        # The data may end inside a bar of the strategy.
        ends = opening_times(bars.time[shown], own.timeframe) + own.timeframe.seconds
        closes_s = np.append(ends[:-1], min(ends[-1], closes_s[-1]))
    return Result(trades, closes_s, table.equity[shown], final, statistics)


def _closed_at_open(bars: Bars, to: Timeframe) -> NDArray[np.int64]:
    """Return, for every bar, the number of the coarse bar that ended between the bar before it and its own open; else -1."""
    if to is bars.timeframe:
        return np.arange(len(bars), dtype=np.int64) - 1
    opened = opening_times(bars.time, to)
    starts = np.concatenate(([False], opened[1:] != opened[:-1]))
    return np.where(starts, np.cumsum(starts) - 1, -1).astype(np.int64)


def _last_of_each(bars: Bars, to: Timeframe) -> NDArray[np.int64]:
    if to is bars.timeframe:
        return np.arange(len(bars), dtype=np.int64)
    opened = opening_times(bars.time, to)
    return np.flatnonzero(np.concatenate((opened[1:] != opened[:-1], [True])))


def _on_ticks(bars: Bars, instrument: Instrument) -> Bars:
    tick = instrument.tick_size
    return Bars(
        timeframe=bars.timeframe,
        time=bars.time,
        open=snap_array(bars.open, tick),
        high=snap_array(bars.high, tick),
        low=snap_array(bars.low, tick),
        close=snap_array(bars.close, tick),
        volume=bars.volume,
        spread_points=bars.spread_points,
    )


def _signals(compiled: CompiledRules, bars: Bars, *, plain: bool) -> SignalArray:
    if plain:
        return compiled.signals(bars)
    out = np.zeros(len(bars), dtype=np.int8)
    state = np.zeros(compiled.program.state_size)
    jit.compiled(fill_signals)(compiled.program, state, bars.high, bars.low, bars.close, out)
    return out


def _spread(bars: Bars, instrument: Instrument, costs: Costs) -> FloatArray:
    if costs.spread_pips is None:
        return np.asarray(bars.spread_points * float(instrument.point), dtype=np.float64)
    return np.full(len(bars), float(costs.spread_pips * instrument.pip_size))


def _read_trade(bars: Bars, instrument: Instrument, row: NDArray[np.int64], values: FloatArray) -> Trade:
    reason = _REASONS[int(row[loop.T_REASON])]
    closed_s = int(bars.time[row[loop.T_CLOSED]])
    if reason is ExitReason.END_OF_DATA:
        closed_s = bars.timeframe.close_time(closed_s)
    pnl = float(values[loop.V_PROFIT] - values[loop.V_COMMISSION])
    return Trade(
        opened_at=datetime.fromtimestamp(int(bars.time[row[loop.T_OPENED]]), UTC),
        closed_at=datetime.fromtimestamp(closed_s, UTC),
        side=Side.from_sign(int(row[loop.T_SIDE])),
        volume_lots=instrument.steps_to_lots(int(row[loop.T_STEPS])),
        entry_price=instrument.round_price(Decimal(repr(float(values[loop.V_ENTRY])))),
        exit_price=instrument.round_price(Decimal(repr(float(values[loop.V_EXIT])))),
        pnl=Decimal(f"{pnl:.2f}"),
        exit_reason=reason,
    )


def _statistics(
    bars: Bars, balance: Decimal, equity: FloatArray, pnl: FloatArray, final: float, skipped: NDArray[np.int64]
) -> dict[str, Any]:
    curve = np.concatenate(([float(balance)], equity))
    falls = drawdown(curve)
    return {
        "initial_balance": float(balance),
        "final_balance": final,
        "return_fraction": final / float(balance) - 1,
        "max_drawdown_fraction": float(falls.max()),
        "max_drawdown": float((np.maximum.accumulate(curve) - curve).max()),
        "sharpe_ratio": sharpe_ratio(daily_returns(bars.time, equity)),
        **describe_trades(pnl),
        "skipped_signals": {name: int(skipped[code]) for code, name in SKIP_NAMES.items() if skipped[code]},
    }
