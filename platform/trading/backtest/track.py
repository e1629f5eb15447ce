"""An account bar by bar: equity at the close and at its worst inside the bar, the balance, and what was opened and open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.backtest.run import Result, Trade
from trading.errors import InvalidValue
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CLOSES, EXTREMES = "closes", "extremes"

# These exits leave at a price the market came through or opened at: nothing worse was seen while the position stood.
_AT_THE_WORST = frozenset(ExitReason) - {ExitReason.TAKE_PROFIT, ExitReason.END_OF_DATA}


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """
    One row per bar of the strategy, oldest first; money in the account's currency.

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

    With ``bars`` (those it ran over, or finer) and ``instrument`` the lows and highs are found from the bars' extremes: in every
    bar equity of the close before, plus what each open position lost up to the bar's adverse extreme. Positions of both sides are
    taken at their worst at once, so the low is never too high.

    :param initial: what the account began with [account currency].
    :raises InvalidValue: if the result has no bars, or only one of ``bars`` and ``instrument`` is given.
    """
    if not len(result.closes_s):
        raise InvalidValue("a backtest without bars has no track", field="result")
    if (bars is None) != (instrument is None):
        raise InvalidValue("give the bars and their instrument, or neither", field="bars")
    first, last = _bars_of(result)
    size = len(result.closes_s)
    pnl = np.array([float(trade.pnl) for trade in result.trades])
    closed = np.bincount(last, weights=pnl, minlength=size)
    balance: FloatArray = np.asarray(initial + np.cumsum(closed), dtype=np.float64)
    entries = np.bincount(first, minlength=size).astype(np.int64)
    standing = np.cumsum(entries - np.bincount(last, minlength=size))
    before = np.concatenate(([initial], result.equity[:-1]))
    low: FloatArray = np.minimum(before, result.equity)
    high: FloatArray = np.maximum(before, result.equity)
    if bars is not None and instrument is not None:
        down, up = _swings(result, first, last, bars, instrument)
        low = np.minimum(result.equity, before + down)
        high = np.maximum(result.equity, before + up)
    return Track(
        initial, result.closes_s, result.equity, balance, low, high, entries, standing > 0,
        CLOSES if bars is None else EXTREMES,
    )  # fmt: skip


def _bars_of(result: Result) -> tuple[IntArray, IntArray]:
    """Return the bars in which each trade was opened and closed."""
    last = len(result.closes_s) - 1
    opened = np.array([int(trade.opened_at.timestamp()) for trade in result.trades], dtype=np.int64)
    closed = np.array([int(trade.closed_at.timestamp()) for trade in result.trades], dtype=np.int64)
    return (
        np.minimum(np.searchsorted(result.closes_s, opened, side="right"), last),
        np.minimum(np.searchsorted(result.closes_s, closed, side="right"), last),
    )


def _swings(
    result: Result, first: IntArray, last: IntArray, bars: Bars, instrument: Instrument
) -> tuple[FloatArray, FloatArray]:
    """Return how far equity may have moved inside each bar from the close before it: down (at most 0) and up (at least 0)."""
    lows, highs, closes = _extremes(result.closes_s, bars)
    down, up = np.zeros(len(lows)), np.zeros(len(lows))
    for trade, start, end in zip(result.trades, first.tolist(), last.tolist(), strict=True):
        marks = np.concatenate(([float(trade.entry_price)], closes[start:end]))
        per_price = float(trade.volume_lots * instrument.money_per_price(trade.entry_price))
        worst, best = _range(trade, lows[start : end + 1].copy(), highs[start : end + 1].copy())
        sign = trade.side.sign
        down[start : end + 1] += np.minimum(sign * (worst - marks) * per_price, 0.0)
        up[start : end + 1] += np.maximum(sign * (best - marks) * per_price, 0.0)
    return down, up


def _range(trade: Trade, lows: FloatArray, highs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the worst and the best price of each bar for a trade."""
    worst, best = (lows, highs) if trade.side.sign > 0 else (highs, lows)
    if trade.exit_reason in _AT_THE_WORST:
        worst[-1] = float(trade.exit_price)
    if trade.exit_reason is ExitReason.TAKE_PROFIT:
        best[-1] = float(trade.exit_price)
    return worst, best


def _extremes(closes_s: IntArray, bars: Bars) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return low, high and close of the strategy's bars, from bars of the same or a finer timeframe."""
    number = np.searchsorted(closes_s, bars.time, side="right")
    starts = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))
    if len(starts) != len(closes_s) or number[-1] >= len(closes_s):
        raise InvalidValue("these are not the bars the backtest ran over", field="bars")
    ends = np.append(starts[1:], len(bars)) - 1
    return np.minimum.reduceat(bars.low, starts), np.maximum.reduceat(bars.high, starts), bars.close[ends]
