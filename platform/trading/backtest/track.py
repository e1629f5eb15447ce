"""An account bar by bar: equity at the close and at its worst inside the bar, the balance, and what was opened and open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trading.backtest.portfolio import Leg, PortfolioResult
from trading.backtest.result import REASONS, Result, TradeColumns
from trading.errors import InvalidValue
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CLOSES, EXTREMES = "closes", "extremes"

# These leave at a price the market came through or opened at: nothing worse was seen while the position stood.
_WORST_EXITS: Final = frozenset(
    {
        ExitReason.STOP_LOSS,
        ExitReason.TRAILING_STOP,
        ExitReason.STOP_OUT,
        ExitReason.OPPOSITE_SIGNAL,
        ExitReason.SIGNAL,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """
    One row per bar, oldest first; money in the account's currency.

    ``low`` and ``high`` bound equity inside the bar where ``measured`` is `EXTREMES`; where it is `CLOSES` they only repeat what
    the closes say, and a fall between two closes is not seen. ``entries`` counts positions opened in the bar, ``is_open`` says
    whether one stood at its close.
    """

    initial: float
    closes_s: IntArray
    equity: FloatArray
    balance: FloatArray
    low: FloatArray
    high: FloatArray
    entries: IntArray
    is_open: NDArray[np.bool_]
    measured: str

    def __len__(self) -> int:
        return len(self.closes_s)


def track_result(
    result: Result, initial: float, *, bars: Bars | None = None, instrument: Instrument | None = None
) -> Track:
    """
    Return the track of a backtest.

    With the ``bars`` it ran over and their ``instrument`` there is one row for each of them, with lows and highs from their extremes:
    equity of the close before, plus what each open position lost up to the bar's adverse extreme. Positions of both sides are
    taken at their worst at once, so the low is never too high (but for the spread of a sell in its first bar). Without them there
    is one row for each bar of the strategy, and only closes are known.

    :param initial: what the account began with [account currency].
    :raises InvalidValue: if there are no bars, other bars than those of the run, or bars without their instrument.
    """
    if (bars is None) != (instrument is None):
        raise InvalidValue("give the bars and their instrument, or neither", field="bars")
    trades = result.trades.columns()
    closes_s = result.closes_s if bars is None else bars.time + bars.timeframe.seconds
    equity = result.equity if bars is None else result.equity_fine
    if not len(equity) or len(equity) != len(closes_s):
        raise InvalidValue("these are not the bars the backtest ran over", field="bars")
    swings = _swings(trades, closes_s, bars, instrument) if bars is not None and instrument is not None else None
    return _build(initial, closes_s, equity, [trades], swings)


def track_portfolio(result: PortfolioResult, initial: float, legs: Sequence[Leg]) -> Track:
    """
    Return the track of an account with several strategies: one row for every moment at which a bar of any leg opened.

    A row is dated by the close of the finest leg's bar. A coarser leg moves equity in the row its bar opens in, as the portfolio
    counts it; for days to be exact, give all legs bars of one timeframe (their strategies may look at coarser ones).

    :param legs: those of the run. All are taken at their worst at once.
    :raises InvalidValue: if there are no bars, or the legs are not those of the run.
    """
    if not len(result.times_s) or {leg.name for leg in legs} != set(result.trades):
        raise InvalidValue("these are not the legs the portfolio ran with", field="legs")
    down, up = np.zeros(len(result.times_s)), np.zeros(len(result.times_s))
    for leg in legs:
        rows = np.searchsorted(result.times_s, leg.bars.time)
        closes_s = leg.bars.time + leg.bars.timeframe.seconds
        leg_down, leg_up = _swings(result.trades[leg.name].columns(), closes_s, leg.bars, leg.instrument)
        down[rows] += leg_down
        up[rows] += leg_up
    columns = [result.trades[leg.name].columns() for leg in legs]
    finest_s = min(leg.bars.timeframe.seconds for leg in legs)
    return _build(initial, result.times_s + finest_s, result.equity, columns, (down, up))


def _build(
    initial: float,
    closes_s: IntArray,
    equity: FloatArray,
    deals: Sequence[TradeColumns],
    swings: tuple[FloatArray, FloatArray] | None,
) -> Track:
    size = len(closes_s)
    before = np.concatenate(([initial], equity[:-1]))
    down, up = swings or (np.zeros(size), np.zeros(size))
    closed, standing, entries = np.zeros(size), np.zeros(size), np.zeros(size, dtype=np.int64)
    for trades in deals:
        first, last = _place(closes_s, trades.opened_s), _place(closes_s, trades.closed_s)
        closed += np.bincount(last, weights=trades.pnl, minlength=size)
        standing += np.bincount(first, minlength=size) - np.bincount(last, minlength=size)
        entries += _entries(trades, first, size)
    return Track(
        initial=initial,
        closes_s=closes_s,
        equity=equity,
        balance=np.asarray(initial + np.cumsum(closed), dtype=np.float64),
        low=np.minimum(equity, before + down),
        high=np.maximum(equity, before + up),
        entries=entries,
        is_open=np.cumsum(standing) > 0,
        measured=CLOSES if swings is None else EXTREMES,
    )


def _place(closes_s: IntArray, times_s: IntArray) -> IntArray:
    """Return the bars in which something happened, from opening times; what the end of the data closed is in the last."""
    return np.minimum(np.searchsorted(closes_s, times_s, side="right"), len(closes_s) - 1).astype(np.int64)


def _entries(trades: TradeColumns, first: IntArray, size: int) -> IntArray:
    _, one_each = np.unique(trades.position, return_index=True)
    return np.bincount(first[one_each], minlength=size).astype(np.int64)


def _swings(
    trades: TradeColumns, closes_s: IntArray, bars: Bars, instrument: Instrument
) -> tuple[FloatArray, FloatArray]:
    """Return how far equity may have moved inside each bar from the close before it: down (at most 0) and up (at least 0)."""
    first, last = _place(closes_s, trades.opened_s), _place(closes_s, trades.closed_s)
    down, up = np.zeros(len(bars)), np.zeros(len(bars))
    money = trades.side * trades.lots * _money_per_price(trades, instrument)
    for place, (start, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        marks = np.concatenate((trades.entry_price[place : place + 1], bars.close[start:end]))
        low, high = bars.low[start : end + 1].copy(), bars.high[start : end + 1].copy()
        worst, best = (low, high) if trades.side[place] > 0 else (high, low)
        reason = REASONS[int(trades.reason[place])]
        if reason in _WORST_EXITS:
            worst[-1] = trades.exit_price[place]
        elif reason is ExitReason.TAKE_PROFIT:
            best[-1] = trades.exit_price[place]
        down[start : end + 1] += np.minimum((worst - marks) * money[place], 0.0)
        up[start : end + 1] += np.maximum((best - marks) * money[place], 0.0)
    return down, up


def _money_per_price(trades: TradeColumns, instrument: Instrument) -> FloatArray:
    """Return what a move of 1.0 in price is worth to one lot of each trade."""
    at_one = float(instrument.money_per_price(Decimal(1)))
    return at_one / trades.entry_price if instrument.converts_by_price else np.full(len(trades.lots), at_one)
