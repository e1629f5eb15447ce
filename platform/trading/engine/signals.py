"""The spec's two signals over whole histories, written down only where there is one. The same operations as the walk bar by bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.indicators.arrays import EMA
from trading.jit import kernel
from trading.rules.signals import CROSS, SignalProgram, signal_update

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@kernel
def is_ema_cross(program: SignalProgram) -> bool:
    """Say whether a program is the crossing of two exponential averages."""
    return program.kind == CROSS and program.first_kind == EMA and program.second_kind == EMA


@kernel
def find_signals(
    program: SignalProgram,
    state: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    at: IntArray,
    side: NDArray[np.int8],
) -> int:
    """Write place and side of every signal; return how many there are. ``at`` and ``side`` have room for one per bar."""
    if is_ema_cross(program) and close.shape[0] > max(program.first_period, program.second_period):
        return find_crosses(program, close, at, side)
    count = 0
    for bar in range(close.shape[0]):
        signal = signal_update(program, state, high[bar], low[bar], close[bar])
        if signal != 0:
            at[count], side[count] = bar, signal
            count += 1
    return count


@kernel
def find_crosses(program: SignalProgram, close: FloatArray, at: IntArray, side: NDArray[np.int8]) -> int:
    """Write place and side of every crossing of two exponential averages, as `find_signals` does."""
    # The averages stay in registers: the chain from one to the next is what the time goes to.
    seeded = max(program.first_period, program.second_period)
    first = seed_average(close, program.first_period, seeded)
    second = seed_average(close, program.second_period, seeded)
    first_alpha = 2.0 / (program.first_period + 1.0)
    second_alpha = 2.0 / (program.second_period + 1.0)
    before = first - second
    if abs(before) < close[seeded - 1] * 1e-12:
        before = 0.0
    count = 0
    for bar in range(seeded, close.shape[0]):
        price = close[bar]
        first += (price - first) * first_alpha
        second += (price - second) * second_alpha
        value = first - second
        if abs(value) < price * 1e-12:
            value = 0.0
        if before * value <= 0.0 and bar + 1 >= program.first_signal_bar:
            if before <= 0.0 and value > 0.0:
                at[count], side[count] = bar, 1
                count += 1
            elif before >= 0.0 and value < 0.0:
                at[count], side[count] = bar, -1
                count += 1
        before = value
    return count


@kernel
def seed_average(close: FloatArray, period: int, until: int) -> float:
    """Return the average after ``until`` bars, as `ema_update` comes to it."""
    average = 0.0
    for bar in range(period - 1):
        average += close[bar]
    average = (average + close[period - 1]) / period
    alpha = 2.0 / (period + 1.0)
    for bar in range(period, until):
        average += (close[bar] - average) * alpha
    return float(average)
