"""What begins anew each day: the volume weighted price, and pivots of the day before. Days begin at a minute after midnight UTC."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.jit import kernel

FloatArray = NDArray[np.float64]

NOT_YET = math.nan

_DAY_S = 86400.0


@kernel
def day_number(time_s: float, start_minute: int) -> float:
    """Return the number of the day that holds the moment ``time_s`` [epoch seconds]."""
    return math.floor((time_s - 60.0 * start_minute) / _DAY_S)


@kernel
def vwap_update(
    state: FloatArray, at: int, start_minute: int, time_s: float, high: float, low: float, close: float, volume: float
) -> float:
    """
    Take the next bar; return the day's mean typical price weighted by volume, unknown (NaN) while the day has no volume.

    From place ``at``: ``[day, sum of price times volume, sum of volume]``.
    """
    day = day_number(time_s, start_minute)
    if day != state[at]:
        state[at] = day
        state[at + 1] = 0.0
        state[at + 2] = 0.0
    state[at + 1] += (high + low + close) / 3.0 * volume
    state[at + 2] += volume
    if state[at + 2] <= 0.0:
        return NOT_YET
    return float(state[at + 1] / state[at + 2])


@kernel
def pivot_update(
    state: FloatArray, at: int, out: int, start_minute: int, time_s: float, high: float, low: float, close: float
) -> None:
    """
    Take the next bar; write the classic pivots of the last day before this one: P, R1, R2, R3, S1, S2, S3 from ``out`` on [price].

    From place ``at``: ``[days begun, day, high, low, close]`` of the day under way. The day before is the last that has bars.
    """
    day = day_number(time_s, start_minute)
    if state[at] == 0.0:
        for line in range(7):
            state[out + line] = NOT_YET
    if state[at] > 0.0 and day == state[at + 1]:
        state[at + 2] = max(state[at + 2], high)
        state[at + 3] = min(state[at + 3], low)
        state[at + 4] = close
        return
    if state[at] > 0.0:
        _write_pivots(state, out, state[at + 2], state[at + 3], state[at + 4])
    state[at] += 1.0
    state[at + 1] = day
    state[at + 2] = high
    state[at + 3] = low
    state[at + 4] = close


@kernel
def _write_pivots(state: FloatArray, out: int, high: float, low: float, close: float) -> None:
    middle = (high + low + close) / 3.0
    span = high - low
    state[out] = middle
    state[out + 1] = 2.0 * middle - low
    state[out + 2] = middle + span
    state[out + 3] = high + 2.0 * (middle - low)
    state[out + 4] = 2.0 * middle - high
    state[out + 5] = middle - span
    state[out + 6] = low - 2.0 * (high - middle)
