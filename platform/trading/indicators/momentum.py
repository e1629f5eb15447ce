"""Where the price stands in its recent range, and how fast it moves."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.indicators.averages import ema_update
from trading.indicators.windows import window_highest, window_lowest, window_mean, window_push
from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan


@kernel
def macd_update(state: FloatArray, at: int, out: int, fast: int, slow: int, signal: int, price: float) -> None:
    """
    Take the next price; write the MACD, its signal line and their difference to ``out``, ``out + 1``, ``out + 2`` [price].

    From place ``at``: three averages of two places each. Every EMA is seeded with the mean of its first values, the signal line
    with that of the first MACD values (Appel; TA-Lib lets both averages begin together, which is forgotten after the warm-up).
    """
    quick = ema_update(state, at, fast, price)
    steady = ema_update(state, at + 2, slow, price)
    macd = quick - steady
    state[out] = macd
    state[out + 1] = NOT_YET
    state[out + 2] = NOT_YET
    if math.isnan(macd):
        return
    line = ema_update(state, at + 4, signal, macd)
    state[out + 1] = line
    state[out + 2] = macd - line


@kernel
def stochastic_update(
    state: FloatArray, at: int, out: int, k: int, smooth: int, d: int, high: float, low: float, close: float
) -> None:
    """
    Take the next bar; write %K and %D to ``out`` and ``out + 1`` [0 .. 100]; 50 where the range is nothing.

    %K is the mean of the last ``smooth`` places of the close in the range of ``k`` bars (Lane), %D the mean of the last ``d`` %K.
    """
    state[out] = NOT_YET
    state[out + 1] = NOT_YET
    lows = at + k + 2
    window_push(state, at, k, high)
    if not window_push(state, lows, k, low):
        return
    top = window_highest(state, at, k)
    bottom = window_lowest(state, lows, k)
    place = 50.0
    if top > bottom:
        place = 100.0 * (close - bottom) / (top - bottom)
    smoothed = lows + k + 2
    if not window_push(state, smoothed, smooth, place):
        return
    value = window_mean(state, smoothed, smooth)
    state[out] = value
    means = smoothed + smooth + 2
    if window_push(state, means, d, value):
        state[out + 1] = window_mean(state, means, d)


@kernel
def cci_update(state: FloatArray, at: int, period: int, high: float, low: float, close: float) -> float:
    """
    Take the next bar; return the commodity channel index; 0 where nothing moved.

    ``(typical - mean) / (0.015 * mean deviation)`` of the typical price over ``period`` bars (Lambert 1980).
    """
    typical = (high + low + close) / 3.0
    if not window_push(state, at, period, typical):
        return NOT_YET
    mean = window_mean(state, at, period)
    deviation = 0.0
    for index in range(at + 2, at + 2 + period):
        deviation += abs(state[index] - mean)
    deviation /= period
    # Typical prices of a flat market differ from their mean by rounding alone.
    if deviation <= abs(mean) * 1e-13:
        return 0.0
    return float((typical - mean) / (0.015 * deviation))


@kernel
def williams_update(state: FloatArray, at: int, period: int, high: float, low: float, close: float) -> float:
    """Take the next bar; return Williams' %R [-100 .. 0] over ``period`` bars; -50 where the range is nothing."""
    lows = at + period + 2
    window_push(state, at, period, high)
    if not window_push(state, lows, period, low):
        return NOT_YET
    top = window_highest(state, at, period)
    bottom = window_lowest(state, lows, period)
    if top <= bottom:
        return -50.0
    return float(-100.0 * (top - close) / (top - bottom))
