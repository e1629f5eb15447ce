"""Wilder's directional movement."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan


@kernel
def _smooth(state: FloatArray, at: int, count: float, period: int, value: float) -> None:
    # Wilder's average, seeded with the mean of the first ``period`` values; ``count`` includes this one.
    if count < period:
        state[at] += value
    elif count == period:
        state[at] = (state[at] + value) / period
    else:
        state[at] += (value - state[at]) / period


@kernel
def adx_update(state: FloatArray, at: int, out: int, period: int, high: float, low: float, close: float) -> None:
    """
    Take the next bar; write ADX, +DI and -DI to ``out``, ``out + 1``, ``out + 2`` [0 .. 100]; 0 where there is no movement.

    From place ``at``: ``[bars, last high, last low, last close, true range, up, down, average of DX]`` (Wilder 1978; TA-Lib seeds
    its sums with one value less, which is forgotten after the warm-up).
    """
    bars = state[at]
    up, down, span = high - state[at + 1], state[at + 2] - low, high - low
    span = max(span, abs(high - state[at + 3]), abs(low - state[at + 3]))
    state[at + 1] = high
    state[at + 2] = low
    state[at + 3] = close
    state[at] = bars + 1.0
    state[out] = NOT_YET
    state[out + 1] = NOT_YET
    state[out + 2] = NOT_YET
    if bars == 0.0:
        return
    _smooth(state, at + 4, bars, period, span)
    _smooth(state, at + 5, bars, period, up if up > down and up > 0.0 else 0.0)
    _smooth(state, at + 6, bars, period, down if down > up and down > 0.0 else 0.0)
    if bars < period:
        return
    plus, minus = 0.0, 0.0
    # Averages decay towards zero for ever; far below any tick they are rounding, not movement.
    if state[at + 4] > close * 1e-14:
        plus = 100.0 * state[at + 5] / state[at + 4]
        minus = 100.0 * state[at + 6] / state[at + 4]
    state[out + 1] = plus
    state[out + 2] = minus
    strength = 0.0
    if plus + minus > 1e-12:
        strength = 100.0 * abs(plus - minus) / (plus + minus)
    _smooth(state, at + 7, bars - period + 1.0, period, strength)
    if bars >= 2 * period - 1:
        state[out] = state[at + 7]
