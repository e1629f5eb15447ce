"""Indicators with Wilder's smoothing, ``alpha = 1 / period``, seeded with the mean of the first ``period`` values."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan


@kernel
def rsi_update(state: FloatArray, at: int, period: int, price: float) -> float:
    """
    Take the next price; return the relative strength index [0 .. 100]; a market that never moved has 50.

    From place ``at``, ``state`` is ``[count of changes + 1, last price, average gain, average loss]``; while seeding the
    averages are sums.
    """
    change = price - state[at + 1]
    state[at + 1] = price
    state[at] += 1.0
    if state[at] == 1.0:
        return NOT_YET
    gain = max(change, 0.0)
    loss = max(-change, 0.0)
    changes = state[at] - 1.0
    if changes <= period:
        state[at + 2] += gain
        state[at + 3] += loss
        if changes < period:
            return NOT_YET
        state[at + 2] /= period
        state[at + 3] /= period
    else:
        state[at + 2] += (gain - state[at + 2]) / period
        state[at + 3] += (loss - state[at + 3]) / period
    moved = state[at + 2] + state[at + 3]
    # Averages decay towards zero for ever; far below any tick they are rounding, not movement.
    if moved <= price * 1e-14:
        return 50.0
    return float(100.0 * state[at + 2] / moved)


@kernel
def atr_update(state: FloatArray, at: int, period: int, high: float, low: float, close: float) -> float:
    """
    Take the next bar; return the average true range [price].

    From place ``at``, ``state`` is ``[count, last close, average]``. The first bar has no close before it, so its range is
    high minus low.
    """
    true_range = high - low
    if state[at] > 0.0:
        true_range = max(true_range, abs(high - state[at + 1]), abs(low - state[at + 1]))
    state[at + 1] = close
    state[at] += 1.0
    if state[at] < period:
        state[at + 2] += true_range
        return NOT_YET
    if state[at] == period:
        state[at + 2] = (state[at + 2] + true_range) / period
    else:
        state[at + 2] += (true_range - state[at + 2]) / period
    return float(state[at + 2])
