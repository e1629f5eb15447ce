"""Swing points: highs and lows that ``bars`` bars on both sides did not pass. They are known ``bars`` bars later, not before."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.indicators.windows import window_at, window_push
from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan


@kernel
def swing_update(state: FloatArray, at: int, out: int, bars: int, lookback: int, high: float, low: float) -> None:
    """
    Take the next bar; write the last confirmed swing high and swing low to ``out`` and ``out + 1`` [price].

    A swing high is above every high of the ``bars`` bars before it and not below any of the ``bars`` after it: of equals, the first.
    One confirmed more than ``lookback`` bars ago is forgotten (NaN), so that what is known never depends on where history begins.
    From place ``at``: ``[bars since the last swing high, since the last swing low, window of highs, window of lows]``.
    """
    size = 2 * bars + 1
    highs = at + 2
    lows = highs + size + 2
    # The first bar of all finds zeros: nothing is known, nothing grows old.
    if state[highs] == 0.0:
        state[out] = NOT_YET
        state[out + 1] = NOT_YET
    window_push(state, highs, size, high)
    full = window_push(state, lows, size, low)
    state[at] += 1.0
    state[at + 1] += 1.0
    if full and _is_swing(state, highs, bars, 1.0):
        state[at] = 0.0
        state[out] = window_at(state, highs, size, bars)
    if full and _is_swing(state, lows, bars, -1.0):
        state[at + 1] = 0.0
        state[out + 1] = window_at(state, lows, size, bars)
    if state[at] > lookback:
        state[out] = NOT_YET
    if state[at + 1] > lookback:
        state[out + 1] = NOT_YET


@kernel
def _is_swing(state: FloatArray, at: int, bars: int, sign: float) -> bool:
    size = 2 * bars + 1
    middle = sign * window_at(state, at, size, bars)
    for ago in range(bars):
        if sign * window_at(state, at, size, ago) > middle:
            return False
        if sign * window_at(state, at, size, size - 1 - ago) >= middle:
            return False
    return True
