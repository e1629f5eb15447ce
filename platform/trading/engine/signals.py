"""The spec's two signals over whole histories, written down only where there is one. The same operations as the walk bar by bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.indicators.arrays import EMA
from trading.jit import kernel
from trading.rules.signals import CROSS, SignalProgram, signal_update

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SideArray = NDArray[np.int8]

FLAT = 1e-12
"""Share of the price below which two averages differ by rounding alone: in a flat market, that is no side of a line."""

_STRETCHES = 4
# After so many periods two averages that began apart are mostly the same double; where not, nothing is lost but the attempt.
_LEAD = 40


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
    side: SideArray,
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
def find_crosses(program: SignalProgram, close: FloatArray, at: IntArray, side: SideArray) -> int:
    """
    Write place and side of every crossing of two exponential averages, as `find_signals` does.

    Over long histories four stretches go side by side: an average waits for the one before, so the processor has time for three more.
    """
    seeded = max(program.first_period, program.second_period)
    size = (close.shape[0] - seeded) // _STRETCHES
    if size > 2 * _LEAD * (seeded + 1):
        count = _cross_stretches(program, close, seeded, size, at, side)
        if count >= 0:
            return count
    first = seed_average(close, program.first_period, seeded)
    second = seed_average(close, program.second_period, seeded)
    count = _cross(program, close, first, second, seeded, close.shape[0], at, side, 0)
    return _drop_early(at, side, 0, count, program.first_signal_bar - 1, 0)


@kernel
def side_of(first: float, second: float, price: float) -> float:
    """Return +1.0 where the first average is above the second, -1.0 below; 0.0 where they differ by no more than rounding."""
    value = first - second
    if abs(value) < price * FLAT:
        return 0.0
    return 1.0 if value > 0.0 else -1.0


@kernel
def _cross(
    program: SignalProgram,
    close: FloatArray,
    first: float,
    second: float,
    start: int,
    end: int,
    at: IntArray,
    side: SideArray,
    count: int,
) -> int:
    """Write the crossings in the bars from ``start`` to ``end``, after ``count`` others; the averages are those of the bar before."""
    first_alpha, second_alpha = 2.0 / (program.first_period + 1.0), 2.0 / (program.second_period + 1.0)
    before = side_of(first, second, close[start - 1])
    for bar in range(start, end):
        price = close[bar]
        first += (price - first) * first_alpha
        second += (price - second) * second_alpha
        if (first - second) * before < price * FLAT:
            before = side_of(first, second, price)
            if before != 0.0:
                at[count], side[count] = bar, int(before)
                count += 1
    return count


@kernel
def _cross_stretches(
    program: SignalProgram, close: FloatArray, seeded: int, size: int, at: IntArray, side: SideArray
) -> int:
    """
    Write all crossings, with four stretches of ``size`` bars walked at once; -1 where that cannot be known to be the same.

    Stretches two to four begin their averages some bars before themselves. Where each ends with the very numbers the next began with, all
    are those of one walk: from equal numbers on, equal numbers follow.
    """
    fast, slow = program.first_period, program.second_period
    lead = _LEAD * (seeded + 1)
    begin0, begin1, begin2, begin3 = seeded, seeded + size, seeded + 2 * size, seeded + 3 * size
    f0, s0 = seed_average(close, fast, seeded), seed_average(close, slow, seeded)
    f1, s1 = _lead_in(close, fast, begin1 - lead, begin1), _lead_in(close, slow, begin1 - lead, begin1)
    f2, s2 = _lead_in(close, fast, begin2 - lead, begin2), _lead_in(close, slow, begin2 - lead, begin2)
    f3, s3 = _lead_in(close, fast, begin3 - lead, begin3), _lead_in(close, slow, begin3 - lead, begin3)
    begun_f1, begun_s1, begun_f2, begun_s2, begun_f3, begun_s3 = f1, s1, f2, s2, f3, s3
    d0, d1 = side_of(f0, s0, close[begin0 - 1]), side_of(f1, s1, close[begin1 - 1])
    d2, d3 = side_of(f2, s2, close[begin2 - 1]), side_of(f3, s3, close[begin3 - 1])
    n0, n1, n2, n3 = begin0, begin1, begin2, begin3
    prices0, prices1 = close[begin0 : begin0 + size], close[begin1 : begin1 + size]
    prices2, prices3 = close[begin2 : begin2 + size], close[begin3 : begin3 + size]
    a, b = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    for place in range(size):
        p0, p1, p2, p3 = prices0[place], prices1[place], prices2[place], prices3[place]
        f0 += (p0 - f0) * a
        s0 += (p0 - s0) * b
        f1 += (p1 - f1) * a
        s1 += (p1 - s1) * b
        f2 += (p2 - f2) * a
        s2 += (p2 - s2) * b
        f3 += (p3 - f3) * a
        s3 += (p3 - s3) * b
        if (f0 - s0) * d0 < p0 * FLAT:
            d0 = side_of(f0, s0, p0)
            n0 = _note(at, side, n0, begin0 + place, d0)
        if (f1 - s1) * d1 < p1 * FLAT:
            d1 = side_of(f1, s1, p1)
            n1 = _note(at, side, n1, begin1 + place, d1)
        if (f2 - s2) * d2 < p2 * FLAT:
            d2 = side_of(f2, s2, p2)
            n2 = _note(at, side, n2, begin2 + place, d2)
        if (f3 - s3) * d3 < p3 * FLAT:
            d3 = side_of(f3, s3, p3)
            n3 = _note(at, side, n3, begin3 + place, d3)
    met = (f0 == begun_f1) and (s0 == begun_s1) and (f1 == begun_f2) and (s1 == begun_s2)
    if not (met and f2 == begun_f3 and s2 == begun_s3):
        return -1
    rest = begin3 + size
    n3 = _cross(program, close, f3, s3, rest, close.shape[0], at, side, n3)
    earliest = program.first_signal_bar - 1
    count = _drop_early(at, side, begin0, n0, earliest, 0)
    count = _drop_early(at, side, begin1, n1, earliest, count)
    count = _drop_early(at, side, begin2, n2, earliest, count)
    return _drop_early(at, side, begin3, n3, earliest, count)


@kernel
def _note(at: IntArray, side: SideArray, count: int, bar: int, now: float) -> int:
    if now == 0.0:
        return count
    at[count], side[count] = bar, int(now)
    return count + 1


@kernel
def _drop_early(at: IntArray, side: SideArray, start: int, end: int, earliest: int, count: int) -> int:
    """Move signals ``start`` to ``end`` behind the first ``count``, without those of bars before ``earliest``."""
    for place in range(start, end):
        if at[place] >= earliest:
            at[count], side[count] = at[place], side[place]
            count += 1
    return count


@kernel
def _lead_in(close: FloatArray, period: int, start: int, end: int) -> float:
    """Return an average of the bars up to ``end`` that began at ``start``."""
    average, alpha = close[start], 2.0 / (period + 1.0)
    for bar in range(start + 1, end):
        average += (close[bar] - average) * alpha
    return float(average)


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
