"""Moving averages."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.indicators.windows import window_push
from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan


@kernel
def sma_update(state: FloatArray, at: int, period: int, price: float) -> float:
    """
    Take the next price; return the mean of the last ``period`` prices.

    From place ``at``, ``state`` is ``[count, next place, price 0 .. price period-1]``. The sum is built anew from the oldest
    price to the newest each time: a running sum would remember every price it ever saw by its rounding, and a restart
    would differ.
    """
    place = int(state[at + 1])
    state[at + 2 + place] = price
    place = (place + 1) % period
    state[at + 1] = place
    state[at] += 1.0
    if state[at] < period:
        return NOT_YET
    total = 0.0
    for offset in range(period):
        index = place + offset
        if index >= period:
            index -= period
        total += state[at + 2 + index]
    return total / period


@kernel
def ema_update(state: FloatArray, at: int, period: int, price: float) -> float:
    """
    Take the next price; return the exponential average with ``alpha = 2 / (period + 1)``, seeded with the mean of the first ``period``.

    From place ``at``, ``state`` is ``[count, average]``; while seeding, the second holds the sum.
    """
    state[at] += 1.0
    if state[at] < period:
        state[at + 1] += price
        return NOT_YET
    if state[at] == period:
        state[at + 1] = (state[at + 1] + price) / period
    else:
        # The factor first: a division must not stand in the chain from one average to the next.
        state[at + 1] += (price - state[at + 1]) * (2.0 / (period + 1.0))
    return float(state[at + 1])


@kernel
def wma_update(state: FloatArray, at: int, period: int, price: float) -> float:
    """
    Take the next price; return the average of the last ``period`` prices with weights 1 (oldest) to ``period`` (newest).

    From place ``at``, ``state`` is a window of prices.
    """
    if not window_push(state, at, period, price):
        return NOT_YET
    total = 0.0
    weight = 1.0
    first = at + 2 + int(state[at + 1])
    for index in range(first, at + 2 + period):
        total += weight * state[index]
        weight += 1.0
    for index in range(at + 2, first):
        total += weight * state[index]
        weight += 1.0
    return total / (period * (period + 1) / 2.0)
