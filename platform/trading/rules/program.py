"""
A tree of conditions as a flat program: one list of places that hold every value, one list of rows that compute them.

The same kernel walks it bar by bar when live (plain Python over lists) and over arrays in a backtest (compiled). Truth has three
values: 1.0, 0.0, and NaN for "unknown", as Kleene had it; only 1.0 ever trades, so what is unknown never does, not even under `not`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.indicators.dispatch import (
    BAR_CLOSE,
    BAR_HIGH,
    BAR_LOW,
    BAR_OPEN,
    BAR_SIZE,
    BAR_SPREAD,
    BAR_TIME,
    BAR_VOLUME,
    indicator_update,
)
from trading.indicators.windows import window_at, window_push
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

UNKNOWN = math.nan

# Places every program has: bars seen, a nothing, a truth, the bar just closed and the one before it.
COUNT, ZERO, ONE, BAR = 0, 1, 2, 3
BEFORE = BAR + BAR_SIZE
FIRST_FREE = BEFORE + BAR_SIZE

# A row: operation, place of the result, two operands, place of own state, three whole numbers; and a real one beside it.
WIDTH = 8
ABOVE, AT_LEAST, CROSS, AND, OR, NOT, DELAY, SCALE, BEGINS = 1, 2, 3, 4, 5, 6, 7, 8, 9
MEAN_HL, MEAN_HLC, MEAN_OHLC, INSIDE, OUTSIDE, ENGULF_UP, ENGULF_DOWN, KEEP = 10, 11, 12, 13, 14, 15, 16, 17
FRAME_LATE, FRAME_NOW = 18, 19
INDICATOR = 100


class TreeProgram(NamedTuple):
    """
    What `tree_update` walks. ``code`` and ``reals`` are rows; the rest are places of ``state``, `ZERO` where there is nothing.

    ``long`` and ``short`` are the raw signals, ``allows_long`` and ``allows_short`` what confirms an entry. A stop distance that is
    wanted and not known forbids the entry.
    """

    code: Any
    reals: Any
    bar_seconds: int
    long: int
    short: int
    allows_long: int
    allows_short: int
    close_long: int
    close_short: int
    opposite_closes: bool
    stop_long: int
    stop_short: int
    target: int
    trail: int
    first_signal_bar: int


class Decision(NamedTuple):
    """What a program says after one bar: as `trading.engine.source.Wish`."""

    side: int
    closes: int
    stop_distance: float
    target_distance: float
    trail_distance: float


def as_lists(program: TreeProgram) -> TreeProgram:
    """Return the program for plain Python, which walks lists several times faster than arrays."""
    return program._replace(code=program.code.tolist(), reals=program.reals.tolist())


def as_arrays(code: Sequence[Sequence[int]], reals: Sequence[float]) -> tuple[IntArray, FloatArray]:
    """Return rows as the flat arrays of a program."""
    return np.array(code, dtype=np.int64).ravel(), np.array(reals, dtype=np.float64)


@kernel
def tree_update(
    program: TreeProgram,
    state: FloatArray,
    time: float,
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    spread: float,
) -> None:
    """Take the next closed bar: compute every row of the program."""
    code = program.code
    state[COUNT] += 1.0
    state[BAR + BAR_OPEN] = open_
    state[BAR + BAR_HIGH] = high
    state[BAR + BAR_LOW] = low
    state[BAR + BAR_CLOSE] = close
    state[BAR + BAR_VOLUME] = volume
    state[BAR + BAR_SPREAD] = spread
    state[BAR + BAR_TIME] = time
    row = 0
    rows = len(code) // WIDTH
    while row < rows:
        place = row * WIDTH
        real = program.reals[row]
        operation, out, a, b, at = code[place], code[place + 1], code[place + 2], code[place + 3], code[place + 4]
        row += 1
        if operation >= INDICATOR:
            first, second, third = code[place + 5], code[place + 6], code[place + 7]
            indicator_update(operation - INDICATOR, state, at, out, a, b, first, second, third, real)
        elif operation <= NOT:
            state[out] = _truth(operation, state, a, b, at)
        elif operation == SCALE:
            state[out] = state[a] * real + state[b]
        elif operation == DELAY:
            size = code[place + 5] + 1
            full = window_push(state, at, size, state[a])
            state[out] = window_at(state, at, size, size - 1) if full else UNKNOWN
        elif operation == BEGINS:
            state[out] = 1.0 if state[a] == 1.0 and state[at] != 1.0 else 0.0
            state[at] = state[a]
        elif operation < FRAME_LATE:
            _of_bars(operation, state, out, a, b)
        else:
            seconds, offset = code[place + 5], code[place + 6]
            if not _turn_frame(operation, state, a, at, seconds, offset, program.bar_seconds):
                row = code[place + 7]


@kernel
def _truth(operation: int, state: FloatArray, a: int, b: int, at: int) -> float:
    first, second = state[a], state[b]
    if operation == AND:
        if first == 0.0 or second == 0.0:
            return 0.0
        return 1.0 if first == 1.0 and second == 1.0 else UNKNOWN
    if operation == OR:
        if first == 1.0 or second == 1.0:
            return 1.0
        return 0.0 if first == 0.0 and second == 0.0 else UNKNOWN
    if operation == NOT:
        return float(1.0 - first)
    if operation == CROSS:
        return _cross(state, first, second, at)
    if first != first or second != second:
        return UNKNOWN
    if operation == ABOVE:
        return 1.0 if first > second else 0.0
    return 1.0 if first >= second else 0.0


@kernel
def _cross(state: FloatArray, first: float, second: float, at: int) -> float:
    before = state[at]
    now = first - second
    # Two averages of a flat market differ by rounding alone; that is no side of a line.
    if abs(now) < abs(first) * 1e-12:
        now = 0.0
    state[at] = now
    if before != before or now != now:
        return UNKNOWN
    return 1.0 if before <= 0.0 and now > 0.0 else 0.0


@kernel
def _of_bars(operation: int, state: FloatArray, out: int, bar: int, before: int) -> None:
    open_, high = state[bar + BAR_OPEN], state[bar + BAR_HIGH]
    low, close = state[bar + BAR_LOW], state[bar + BAR_CLOSE]
    if operation == KEEP:
        for place in range(BAR_SIZE):
            state[out + place] = state[bar + place]
    elif operation == MEAN_HL:
        state[out] = (high + low) / 2.0
    elif operation == MEAN_HLC:
        state[out] = (high + low + close) / 3.0
    elif operation == MEAN_OHLC:
        state[out] = (open_ + high + low + close) / 4.0
    else:
        old_open, old_high = state[before + BAR_OPEN], state[before + BAR_HIGH]
        old_low, old_close = state[before + BAR_LOW], state[before + BAR_CLOSE]
        if old_open != old_open or open_ != open_:
            state[out] = UNKNOWN
            return
        found = False
        if operation == INSIDE:
            found = high < old_high and low > old_low
        elif operation == OUTSIDE:
            found = high > old_high and low < old_low
        elif operation == ENGULF_UP:
            wider = close - open_ > old_open - old_close
            found = old_close < old_open and open_ <= old_close and close >= old_open and wider
        else:
            wider = open_ - close > old_close - old_open
            found = old_close > old_open and open_ >= old_close and close <= old_open and wider
        state[out] = 1.0 if found else 0.0


@kernel
def _turn_frame(
    operation: int, state: FloatArray, bar: int, forming: int, seconds: int, offset: int, bar_seconds: int
) -> bool:
    """
    Add the closed bar to the forming bar of a coarser frame, whose time is 0 while there is none; say whether a coarse bar closed.

    A coarse bar is over when its last fine bar has closed, or when a bar of a later one has: then only is it known.
    """
    time = state[BAR + BAR_TIME]
    opened = time - (time - offset) % seconds
    if operation == FRAME_LATE:
        if state[forming + BAR_TIME] == 0.0 or state[forming + BAR_TIME] == opened:
            return False
        _close_frame(state, bar, forming)
        return True
    if state[forming + BAR_TIME] == 0.0:
        for place in range(BAR_SIZE):
            state[forming + place] = state[BAR + place]
        state[forming + BAR_TIME] = opened
    else:
        state[forming + BAR_HIGH] = max(state[forming + BAR_HIGH], state[BAR + BAR_HIGH])
        state[forming + BAR_LOW] = min(state[forming + BAR_LOW], state[BAR + BAR_LOW])
        state[forming + BAR_CLOSE] = state[BAR + BAR_CLOSE]
        state[forming + BAR_VOLUME] += state[BAR + BAR_VOLUME]
    if time + bar_seconds < opened + seconds:
        return False
    _close_frame(state, bar, forming)
    return True


@kernel
def _close_frame(state: FloatArray, bar: int, forming: int) -> None:
    for place in range(BAR_SIZE):
        state[bar + place] = state[forming + place]
    state[forming + BAR_TIME] = 0.0


@kernel
def tree_decision(program: TreeProgram, state: FloatArray) -> Decision:
    """Return what the values mean now: a bar that says both sides says none."""
    if state[COUNT] < program.first_signal_bar:
        return Decision(0, 0, 0.0, 0.0, 0.0)
    side = 0
    if state[program.long] == 1.0:
        side += 1
    if state[program.short] == 1.0:
        side -= 1
    closes = 0
    if state[program.close_long] == 1.0 or (side == -1 and program.opposite_closes):
        closes += 1
    if state[program.close_short] == 1.0 or (side == 1 and program.opposite_closes):
        closes += 2
    allows = program.allows_long if side == 1 else program.allows_short
    if side == 0 or state[allows] != 1.0:
        return Decision(0, closes, 0.0, 0.0, 0.0)
    stop_at = program.stop_long if side == 1 else program.stop_short
    stop, target, trail = state[stop_at], state[program.target], state[program.trail]
    # Asked the positive way round, so that an unknown distance refuses.
    known = (stop > 0.0 or stop_at == ZERO) and (target > 0.0 or program.target == ZERO)
    if not known or not (trail > 0.0 or program.trail == ZERO):
        return Decision(0, closes, 0.0, 0.0, 0.0)
    return Decision(side, closes, stop, target, trail)


@kernel
def fill_tree(
    program: TreeProgram,
    state: FloatArray,
    time: IntArray,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    spread: IntArray,
    side: NDArray[np.int8],
    closes: NDArray[np.int8],
    distances: FloatArray,
) -> None:
    """Write what the program says after every bar: sides, closes, and the three distances as columns of ``distances``."""
    for index in range(len(close)):
        tree_update(
            program,
            state,
            float(time[index]),
            open_[index],
            high[index],
            low[index],
            close[index],
            volume[index],
            float(spread[index]),
        )
        now = tree_decision(program, state)
        side[index] = now.side
        closes[index] = now.closes
        distances[index, 0] = now.stop_distance
        distances[index, 1] = now.target_distance
        distances[index, 2] = now.trail_distance
