"""From closed bars to signals: one recurrence, walked bar by bar when live and in one loop over arrays in a backtest."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.indicators.arrays import KINDS, state_size, update
from trading.indicators.warmup import SEED_BOUND_FOR_REFOLD, SEED_BOUND_FOR_SIGNALS
from trading.jit import kernel
from trading.rules.tree import CrossEntry, IndicatorRef, ThresholdEntry

FloatArray = NDArray[np.float64]
SignalArray = NDArray[np.int8]

CROSS, THRESHOLD = 1, 2
_HEAD = 2


class SignalProgram(NamedTuple):
    """What `signal_update` computes; plain numbers only, so that it fits the numba subset."""

    kind: int
    first_kind: int
    first_period: int
    second_kind: int
    second_period: int
    second_at: int
    oversold: float
    overbought: float
    first_signal_bar: int
    """How many bars must have been seen at the first signal: before, the seed still weighs too much."""
    refold_bars: int
    """How many bars make a restart indistinguishable from never having stopped."""
    state_size: int


def build_program(entry: CrossEntry | ThresholdEntry) -> SignalProgram:
    """Return the program of an entry rule."""
    if isinstance(entry, CrossEntry):
        return _program(CROSS, entry.first, entry.second, 0.0, 0.0)
    return _program(THRESHOLD, entry.indicator, None, float(entry.oversold), float(entry.overbought))


def _program(
    kind: int, first: IndicatorRef, second: IndicatorRef | None, oversold: float, overbought: float
) -> SignalProgram:
    refs = [first, second] if second else [first]
    second_at = _HEAD + state_size(KINDS[first.name], first.period)
    size = second_at + (state_size(KINDS[second.name], second.period) if second else 0)
    # One more than the warm-up: a crossing is seen between two bars that both count.
    first_bar, refold = (
        1 + max(ref.warmup_bars(bound) for ref in refs) for bound in (SEED_BOUND_FOR_SIGNALS, SEED_BOUND_FOR_REFOLD)
    )
    return SignalProgram(
        kind=kind,
        first_kind=KINDS[first.name],
        first_period=first.period,
        second_kind=KINDS[second.name] if second else 0,
        second_period=second.period if second else 0,
        second_at=second_at,
        oversold=oversold,
        overbought=overbought,
        first_signal_bar=first_bar,
        refold_bars=refold,
        state_size=size,
    )


@kernel
def signal_update(program: SignalProgram, state: FloatArray, high: float, low: float, close: float) -> int:
    """
    Take the next closed bar; return +1 (BUY), -1 (SELL) or 0.

    ``state`` begins as zeros: ``[bars seen, last value, first indicator ..., second indicator ...]``. A signal needs the last value
    on the one side (or exactly on the line) and this one beyond it.
    """
    before = state[1]
    value = update(program.first_kind, state, 2, program.first_period, high, low, close)
    if program.kind == CROSS:
        second = update(program.second_kind, state, program.second_at, program.second_period, high, low, close)
        value -= second
        # Two averages of a flat market differ by rounding alone; that is no side of a line.
        if abs(value) < close * 1e-12:
            value = 0.0
    state[0] += 1.0
    state[1] = value
    if state[0] < program.first_signal_bar or math.isnan(before):
        return 0
    if program.kind == CROSS:
        if before <= 0.0 and value > 0.0:
            return 1
        if before >= 0.0 and value < 0.0:
            return -1
        return 0
    if before <= program.oversold and value > program.oversold:
        return 1
    if before >= program.overbought and value < program.overbought:
        return -1
    return 0


@kernel
def fill_signals(
    program: SignalProgram, state: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, out: SignalArray
) -> None:
    """Write the signal at the close of every bar into ``out``."""
    for index in range(close.shape[0]):
        out[index] = signal_update(program, state, high[index], low[index], close[index])
