"""Bands around the price. Each writes upper, middle and lower [price] to ``out``, ``out + 1`` and ``out + 2``."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.indicators.averages import ema_update
from trading.indicators.oscillators import atr_update
from trading.indicators.windows import window_highest, window_lowest, window_mean, window_push
from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan


@kernel
def _write_band(state: FloatArray, out: int, middle: float, width: float) -> None:
    state[out] = middle + width
    state[out + 1] = middle
    state[out + 2] = middle - width


@kernel
def bollinger_update(state: FloatArray, at: int, out: int, period: int, deviations: float, price: float) -> None:
    """Take the next price: mean of ``period`` prices, plus and minus ``deviations`` times their population deviation."""
    if not window_push(state, at, period, price):
        _write_band(state, out, NOT_YET, NOT_YET)
        return
    mean = window_mean(state, at, period)
    total = 0.0
    for index in range(at + 2, at + 2 + period):
        away = state[index] - mean
        total += away * away
    _write_band(state, out, mean, deviations * math.sqrt(total / period))


@kernel
def donchian_update(state: FloatArray, at: int, out: int, period: int, high: float, low: float) -> None:
    """Take the next bar: highest high and lowest low of ``period`` bars, this one included, and the middle of both."""
    lows = at + period + 2
    window_push(state, at, period, high)
    if not window_push(state, lows, period, low):
        _write_band(state, out, NOT_YET, NOT_YET)
        return
    top = window_highest(state, at, period)
    bottom = window_lowest(state, lows, period)
    state[out] = top
    state[out + 1] = (top + bottom) / 2.0
    state[out + 2] = bottom


@kernel
def keltner_update(
    state: FloatArray,
    at: int,
    out: int,
    period: int,
    atr_period: int,
    multiple: float,
    high: float,
    low: float,
    close: float,
) -> None:
    """Take the next bar: EMA of the close, plus and minus ``multiple`` times the average true range."""
    middle = ema_update(state, at, period, close)
    span = atr_update(state, at + 2, atr_period, high, low, close)
    if math.isnan(middle) or math.isnan(span):
        _write_band(state, out, NOT_YET, NOT_YET)
        return
    _write_band(state, out, middle, multiple * span)
