"""
What strategies remember from bar to bar: windows, indicators, pivots, cooldowns.

Each is a fold: `update` takes the next value, `snapshot` returns JSON values, `restore` continues from them. The indicators are
the core's own recurrences on a list instead of an array: the same arithmetic, one bar at a time.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from trading.indicators.averages import ema_update
from trading.indicators.oscillators import atr_update, rsi_update
from trading.model.bars import Bar


class Fold:
    """A fold whose memory is the attributes named in ``kept``."""

    kept: tuple[str, ...] = ()

    def snapshot(self) -> dict[str, Any]:
        """Return what is remembered, as JSON values."""
        return {
            name: value.snapshot() if isinstance(value := getattr(self, name), Fold) else copy.deepcopy(value)
            for name in self.kept
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a snapshot."""
        for name in self.kept:
            value = getattr(self, name)
            if isinstance(value, Fold):
                value.restore(state[name])
            else:
                setattr(self, name, copy.deepcopy(state[name]))


class Window(Fold):
    """The last ``length`` bars as lists, oldest first."""

    kept = ("time", "open", "high", "low", "close", "volume")

    def __init__(self, length: int) -> None:
        self.length = length
        self.time: list[int] = []
        self.open: list[float] = []
        self.high: list[float] = []
        self.low: list[float] = []
        self.close: list[float] = []
        self.volume: list[float] = []

    def update(self, bar: Bar) -> None:
        """Take the next bar."""
        self.time.append(bar.time)
        self.open.append(bar.open)
        self.high.append(bar.high)
        self.low.append(bar.low)
        self.close.append(bar.close)
        self.volume.append(bar.volume)
        if len(self.time) > self.length:
            for column in (self.time, self.open, self.high, self.low, self.close, self.volume):
                del column[0]


class Series(Fold):
    """The last ``length`` values, oldest first."""

    kept = ("values",)

    def __init__(self, length: int) -> None:
        self.length = length
        self.values: list[float] = []

    def update(self, value: float) -> None:
        """Take the next value; what is not a number yet is not kept."""
        if math.isnan(value):
            return
        self.values.append(value)
        if len(self.values) > self.length:
            del self.values[0]


class Ema(Fold):
    """The exponential average, seeded with the mean of the first values."""

    kept = ("state",)

    def __init__(self, period: int) -> None:
        self.period = period
        self.state: Any = [0.0] * 4

    def update(self, price: float) -> float:
        """Take the next price; return the average, NaN while it is seeded."""
        return ema_update(self.state, 0, self.period, price)


class Rsi(Fold):
    """Wilder's relative strength index."""

    kept = ("state",)

    def __init__(self, period: int) -> None:
        self.period = period
        self.state: Any = [0.0] * 4

    def update(self, price: float) -> float:
        """Take the next price; return the index [0 .. 100], NaN while it is seeded."""
        return rsi_update(self.state, 0, self.period, price)


class Atr(Fold):
    """Wilder's average true range."""

    kept = ("state",)

    def __init__(self, period: int) -> None:
        self.period = period
        self.state: Any = [0.0] * 4

    @property
    def value(self) -> float:
        """The range after the last bar [price], NaN while it is seeded."""
        return float(self.state[2]) if self.state[0] >= self.period else math.nan

    def update(self, bar: Bar) -> float:
        """Take the next bar; return the range [price], NaN while it is seeded."""
        return atr_update(self.state, 0, self.period, bar.high, bar.low, bar.close)


class Macd(Fold):
    """Two exponential averages, their difference, and the average of that."""

    kept = ("fast", "slow", "smoothed")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self.fast, self.slow, self.smoothed = Ema(fast), Ema(slow), Ema(signal)

    def update(self, price: float) -> tuple[float, float]:
        """Take the next price; return the line and its signal [price], NaN while they are seeded."""
        line = self.fast.update(price) - self.slow.update(price)
        if math.isnan(line):
            return line, line
        return line, self.smoothed.update(line)


class Pivots(Fold):
    """
    Highs and lows with two lower highs, or two higher lows, on each side; known two bars later, kept for ``lookback`` bars.
    """

    kept = ("highs", "lows", "recent", "seen")

    def __init__(self, lookback: int) -> None:
        self.lookback = lookback
        self.highs: list[list[float]] = []
        self.lows: list[list[float]] = []
        self.recent: list[list[float]] = []
        self.seen = 0

    def update(self, bar: Bar) -> None:
        """Take the next bar."""
        self.seen += 1
        self.recent.append([bar.high, bar.low])
        if len(self.recent) > 5:
            del self.recent[0]
        if len(self.recent) == 5:
            (a, a_low), (b, b_low), (high, low), (c, c_low), (d, d_low) = self.recent
            if high > a and high > b and high > c and high > d:
                self.highs.append([self.seen - 2, high])
            if low < a_low and low < b_low and low < c_low and low < d_low:
                self.lows.append([self.seen - 2, low])
        for pivots in (self.highs, self.lows):
            while pivots and pivots[0][0] <= self.seen - self.lookback:
                del pivots[0]

    def is_near(self, side: int, price: float, distance: float) -> bool:
        """Say whether ``price`` is within ``distance`` of a low (side +1) or a high (side -1)."""
        return any(abs(price - level) <= distance for _, level in (self.lows if side > 0 else self.highs))


class Cooldown(Fold):
    """Bar time that must pass between two signals: of one side, or of any where ``any_side``."""

    kept = ("last",)

    def __init__(self, seconds: int, *, any_side: bool = False) -> None:
        self.seconds = seconds
        self.any_side = any_side
        self.last: dict[str, int] = {}

    def passes(self, side: int, time_s: int) -> bool:
        """Say whether a signal may be given at ``time_s``, and if so remember it."""
        key = "any" if self.any_side else str(side)
        before = self.last.get(key)
        if before is not None and time_s - before < self.seconds:
            return False
        self.last[key] = time_s
        return True


class Votes:
    """Signs for either side, counted for one bar: how many, and how strong together."""

    def __init__(self) -> None:
        self.count = {1: 0, -1: 0}
        self.strength = {1: 0.0, -1: 0.0}

    def add(self, long: bool, short: bool, strength: float, votes: int = 1) -> None:
        """Count a sign for the side or sides it speaks for."""
        for side, speaks in ((1, long), (-1, short)):
            if speaks:
                self.count[side] += votes
                self.strength[side] += strength

    def winner(self, needed: int) -> int:
        """Return the side that has enough votes and more than the other, or 0."""
        long, short = self.count[1], self.count[-1]
        if long == short or max(long, short) < needed:
            return 0
        return 1 if long > short else -1


def mean(values: Sequence[float]) -> float:
    """Return the mean; built anew from the oldest to the newest, so that it depends on these values alone."""
    return sum(values) / len(values)


def deviation(values: Sequence[float], middle: float) -> float:
    """Return the population's standard deviation."""
    return math.sqrt(sum((value - middle) ** 2 for value in values) / len(values))


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """
    Return Pearson's correlation of two lists of one length; 0.0 where one of them does not vary.

    >>> round(correlation([1, 2, 3], [2, 4, 7]), 4)
    0.9934
    """
    first_mean, second_mean = mean(first), mean(second)
    across = sum((a - first_mean) * (b - second_mean) for a, b in zip(first, second, strict=True))
    scale = deviation(first, first_mean) * deviation(second, second_mean) * len(first)
    return across / scale if scale > 0 else 0.0


def stochastic(window: Window, period: int, back: int = 0) -> float:
    """Return %K of the bar ``back`` bars ago [0 .. 100]: its close between the lowest low and highest high; 50 in a flat market."""
    stop = len(window.close) - back
    low = min(window.low[stop - period : stop])
    high = max(window.high[stop - period : stop])
    return 100.0 * (window.close[stop - 1] - low) / (high - low) if high > low else 50.0


def smooth_stochastic(window: Window, period: int, smooth: int) -> float:
    """Return %D, the mean of the last ``smooth`` %K."""
    return mean([stochastic(window, period, back) for back in range(smooth)])


def volume_ratio(window: Window, period: int) -> float:
    """Return the last volume over the mean of the last ``period``; 1.0 where there is none."""
    average = mean(window.volume[-period:])
    return window.volume[-1] / average if average > 0 else 1.0


def change(closes: Sequence[float], bars: int, back: int = 0) -> float:
    """Return the change of the close over ``bars`` bars, ``back`` bars ago [percent]."""
    now = closes[len(closes) - 1 - back]
    before = closes[len(closes) - 1 - back - bars]
    return 100.0 * (now - before) / before
