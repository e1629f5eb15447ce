"""What the pattern strategy sees of a stretch of bars, and what became of it. Pure functions of the bars given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trading.strategies.folds import Window, deviation, mean

NAMES = (
    "price over 1, 5 and 10 bars before",
    "price over SMA 5, SMA 10, EMA 5; SMA 5 over SMA 10",
    "RSI 14 / 100",
    "place in and width of the bands of 20 bars",
    "MACD 12/26 and its distance from the signal 9, in ATR",
    "body, upper and lower shadow, close in the bar's range, in ATR; engulfing",
    "volume over its mean of 10 bars",
    "deviation of 10 returns",
    "gap and range, in ATR",
    "rate of change over 3, 5 and 10 bars, second difference, share of rising closes",
)


def describe(window: Window, stop: int, length: int) -> list[float]:
    """Return the features of the bar at place ``stop - 1`` of ``window``, from the ``length`` bars that end with it."""
    start = stop - length
    close, open_ = window.close[start:stop], window.open[start:stop]
    high, low, volume = window.high[start:stop], window.low[start:stop], window.volume[start:stop]
    last = close[-1]
    atr = average_range(window, stop) or last * 1e-9
    five, ten, ema_five = mean(close[-5:]), mean(close[-10:]), _ema(close[-15:], 5)[-1]
    middle = mean(close[-20:])
    reach = 2 * deviation(close[-20:], middle)
    line = [fast - slow for fast, slow in zip(_ema(close, 12), _ema(close, 26), strict=True)][25:]
    signal = _ema(line, 9)[-1]
    body = last - open_[-1]
    before = close[-2] - open_[-2]
    top, bottom = max(last, open_[-1]), min(last, open_[-1])
    wide = high[-1] - low[-1]
    returns = [now / then - 1 for then, now in pairwise(close[-11:])]
    busy = mean(volume[-10:])
    return [
        last / close[-2],
        last / close[-6],
        last / close[-11],
        last / five,
        last / ten,
        last / ema_five,
        five / ten,
        _rsi(close[-15:]) / 100,
        (last - middle + reach) / (2 * reach) if reach > 0 else 0.5,
        4 * reach / middle,
        line[-1] / atr,
        (line[-1] - signal) / atr,
        body / atr,
        (high[-1] - top) / atr,
        (bottom - low[-1]) / atr,
        (last - low[-1]) / wide if wide > 0 else 0.5,
        float((body > 0 > before and abs(body) > abs(before)) - (body < 0 < before and abs(body) > abs(before))),
        min(volume[-1] / busy, 5.0) if busy > 0 else 1.0,
        deviation(returns, mean(returns)),
        (open_[-1] - close[-2]) / atr,
        wide / atr,
        last / close[-4] - 1,
        last / close[-6] - 1,
        last / close[-11] - 1,
        (last - 2 * close[-2] + close[-3]) / atr,
        sum(value > 0 for value in returns) / len(returns),
    ]


def label(window: Window, place: int, horizon: int, barrier_atr: float) -> int:
    """
    Return which barrier the ``horizon`` bars after ``place`` touch first: +1 above, -1 below, 0 none or both in one bar.

    The barriers are ``barrier_atr`` mean ranges, known at ``place``, from its close.
    """
    reach = barrier_atr * average_range(window, place + 1)
    above, below = window.close[place] + reach, window.close[place] - reach
    for index in range(place + 1, place + 1 + horizon):
        up, down = window.high[index] >= above, window.low[index] <= below
        if up or down:
            return up - down
    return 0


def average_range(window: Window, stop: int, period: int = 14) -> float:
    """Return the plain mean of the last ``period`` true ranges before place ``stop`` [price]."""
    total = 0.0
    for index in range(stop - period, stop):
        before = window.close[index - 1]
        total += max(window.high[index], before) - min(window.low[index], before)
    return total / period


def _ema(values: Sequence[float], period: int) -> list[float]:
    factor = 2.0 / (period + 1.0)
    average = mean(values[:period])
    averages = [average] * period
    for value in values[period:]:
        average += (value - average) * factor
        averages.append(average)
    return averages


def _rsi(closes: Sequence[float]) -> float:
    steps = [now - before for before, now in pairwise(closes)]
    gain, loss = sum(step for step in steps if step > 0), -sum(step for step in steps if step < 0)
    return 100.0 * gain / (gain + loss) if gain + loss > 0 else 50.0
