"""The last n values of something, as places of a state: `[count, next place, value 0 .. value n-1]`, all zeros at the beginning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.jit import kernel

FloatArray = NDArray[np.float64]


@kernel
def window_push(state: FloatArray, at: int, size: int, value: float) -> bool:
    """Take the next value; say whether there are ``size`` of them by now."""
    place = int(state[at + 1])
    state[at + 2 + place] = value
    place += 1
    state[at + 1] = 0.0 if place == size else float(place)
    if state[at] < size:
        state[at] += 1.0
    return bool(state[at] >= size)


@kernel
def window_highest(state: FloatArray, at: int, size: int) -> float:
    """Return the highest value of a full window."""
    best = state[at + 2]
    for index in range(at + 3, at + 2 + size):
        value = state[index]
        if value > best:
            best = value
    return float(best)


@kernel
def window_lowest(state: FloatArray, at: int, size: int) -> float:
    """Return the lowest value of a full window."""
    best = state[at + 2]
    for index in range(at + 3, at + 2 + size):
        value = state[index]
        if value < best:
            best = value
    return float(best)


@kernel
def window_mean(state: FloatArray, at: int, size: int) -> float:
    """
    Return the mean of a full window, added up from its oldest value to its newest.

    A running sum would remember every value it ever saw by its rounding, and a restart would differ.
    """
    total = 0.0
    first = at + 2 + int(state[at + 1])
    for index in range(first, at + 2 + size):
        total += state[index]
    for index in range(at + 2, first):
        total += state[index]
    return total / size


@kernel
def window_at(state: FloatArray, at: int, size: int, ago: int) -> float:
    """Return the value pushed ``ago`` pushes before the newest (0 is the newest itself) of a full window."""
    place = int(state[at + 1]) - 1 - ago
    if place < 0:
        place += size
    return float(state[at + 2 + place])
