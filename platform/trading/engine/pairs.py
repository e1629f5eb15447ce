"""Many pairs of averages over the same bars: each average is computed once, each pair goes from one crossing to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import V_COMMISSION, V_PROFIT
from trading.engine.charges import Charges
from trading.engine.crosses import NOT_SURE, read_extremes, walk_signals
from trading.engine.params import Params
from trading.engine.signals import FLAT, seed_average
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SideArray = NDArray[np.int8]

PAIR_FIRST, PAIR_SECOND, PAIR_SEEDED, PAIR_FROM = 0, 1, 2, 3
"""Columns of a pair: the rows of its averages, how many bars seed both, and the first bar whose signal counts."""

AT_ONCE = 1024
"""Bars in which crossings are looked for at once: so many that they stay in the processor's nearest memory."""


# A number in whose bits every six in a row are different: times a power of two, its highest six tell which power.
_DE_BRUIJN = 0x03F79D71B4CB0A89
_BYTE_OF_BIT = np.empty(64, dtype=np.int64)
for _bit in range(64):
    _BYTE_OF_BIT[((_DE_BRUIJN << _bit) >> 58) & 63] = _bit // 8


@kernel
def find_pair_crosses(
    close: FloatArray,
    periods: IntArray,
    pairs: IntArray,
    averages: FloatArray,
    turns: SideArray,
    eights: IntArray,
    signals: NDArray[np.int32],
    counts: IntArray,
) -> None:
    """
    Write every crossing of every pair, as `find_crosses` finds them: one more than the bar, negative where it is a sale.

    Bars are taken some at a time, for all pairs, so that every average is computed once and is still near when it is read.

    :param pairs: columns as `PAIR_FIRST` and the others say.
    :param averages: a row per period, with room for `AT_ONCE` bars and the one before.
    :param turns: room for `AT_ONCE` bars; ``eights`` is the same memory, eight bars a number.
    :param signals: a row per pair; ``counts`` says how many it has, more than there was room for where they were too many.
    """
    counts[:] = 0
    bars, room = close.shape[0], signals.shape[1]
    for base in range(1, bars, AT_ONCE):
        end = min(base + AT_ONCE, bars)
        _fill_averages(close, periods, base, end, averages)
        for row in range(pairs.shape[0]):
            start = max(base, pairs[row, PAIR_SEEDED], pairs[row, PAIR_FROM])
            if start >= end or counts[row] > room:
                continue
            first = averages[pairs[row, PAIR_FIRST], start - base : end - base + 1]
            second = averages[pairs[row, PAIR_SECOND], start - base : end - base + 1]
            size = end - start
            _find_turns(first, second, close[start - 1 : end], turns)
            turns[size : min((size | 7) + 1, AT_ONCE)] = 0
            counts[row] = _note_turns(turns, eights, size, start + 1, signals[row], counts[row])


@kernel
def _fill_averages(close: FloatArray, periods: IntArray, base: int, end: int, out: FloatArray) -> None:
    """Write a row per period: the exponential average of the bars ``base`` to ``end``, as `ema_update` comes to it, after the one before."""
    rows, row, last = periods.shape[0], 0, out.shape[1] - 1
    prices = close[base:end]
    # Four side by side: an average waits for the one before, so the processor has time for three more. The periods rise.
    while row + 4 <= rows and periods[row + 3] <= base - AT_ONCE:
        row0, row1, row2, row3 = out[row], out[row + 1], out[row + 2], out[row + 3]
        a, b, c, d = row0[last], row1[last], row2[last], row3[last]
        row0[0], row1[0], row2[0], row3[0] = a, b, c, d
        alpha0, alpha1 = 2.0 / (periods[row] + 1.0), 2.0 / (periods[row + 1] + 1.0)
        alpha2, alpha3 = 2.0 / (periods[row + 2] + 1.0), 2.0 / (periods[row + 3] + 1.0)
        for place in range(prices.shape[0]):
            price = prices[place]
            a += (price - a) * alpha0
            b += (price - b) * alpha1
            c += (price - c) * alpha2
            d += (price - d) * alpha3
            row0[place + 1], row1[place + 1], row2[place + 1], row3[place + 1] = a, b, c, d
        row += 4
    while row < rows:
        period = int(periods[row])
        average, start = out[row, last], base
        if base <= period:
            average, start = seed_average(close, period, period), period
            if period <= end:
                out[row, period - base] = average
        else:
            out[row, 0] = average
        alpha = 2.0 / (period + 1.0)
        for bar in range(start, end):
            average += (close[bar] - average) * alpha
            out[row, bar - base + 1] = average
        row += 1


@kernel
def _note_turns(
    turns: SideArray, eights: IntArray, size: int, start: int, signals: NDArray[np.int32], count: int
) -> int:
    """Append what `_find_turns` found in ``size`` bars; return how many there are, one more than there is room for where it is too small."""
    room = signals.shape[0]
    for eight in range((size + 7) // 8):
        left = eights[eight]
        while left != 0:
            # Where the lowest bit stands says which byte is not zero: +1 and -1 both have it.
            lowest = left & -left
            place = 8 * eight + _BYTE_OF_BIT[((lowest * _DE_BRUIJN) >> 58) & 63]
            if count >= room:
                return int(room) + 1
            signals[count] = (start + place) * turns[place]
            count += 1
            left &= ~(lowest * 255)
    return count


@kernel
def _find_turns(first: FloatArray, second: FloatArray, close: FloatArray, turns: SideArray) -> None:
    """Write +1 or -1 for each bar but the first in which the first average crosses the second, else 0."""
    firsts, seconds, prices = first[1:], second[1:], close[1:]
    for place in range(prices.shape[0]):
        before, now = first[place] - second[place], firsts[place] - seconds[place]
        near, flat = close[place] * FLAT, prices[place] * FLAT
        turns[place] = ((now >= flat) & (before < near)) * 1 - ((now <= -flat) & (before > -near)) * 1


@kernel
def run_pairs(
    params: Params,
    charges: Charges,
    signals: NDArray[np.int32],
    counts: IntArray,
    lows: FloatArray,
    highs: FloatArray,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    spread: FloatArray,
    first_bar: int,
    pessimistic: bool,
    balance: float,
    at: IntArray,
    sides: SideArray,
    quotes: FloatArray,
    trade_ints: IntArray,
    trade_floats: FloatArray,
    skipped: IntArray,
    out: FloatArray,
) -> None:
    """
    Run one pair of averages after the other over the same bars, and write what became of each.

    :param signals: and ``counts``, as `find_pair_crosses` writes them; ``lows`` and ``highs``, room for the extremes of every `GROUP` bars.
    :param out: a row per pair: trades (`NOT_SURE` where the long way has to be taken), trades won, net profit, what the won ones brought,
        what the lost ones cost, the deepest fall of the balance, the last balance.
    """
    read_extremes(low, high, lows, highs)
    for row in range(counts.shape[0]):
        if counts[row] > signals.shape[1]:
            out[row, 0] = NOT_SURE
            continue
        for place in range(counts[row]):
            signal = signals[row, place]
            at[place], sides[place] = abs(signal) - 1, 1 if signal > 0 else -1
        count, final = walk_signals(
            params, charges, at, sides, quotes, lows, highs, counts[row], open_, high, low, close, spread, first_bar, pessimistic, balance,
            trade_ints, trade_floats, skipped,
        )  # fmt: skip
        out[row, 0], out[row, 2], out[row, 6] = count, final - balance, final
        peak, money, won = balance, balance, 0
        gain, loss, fall = 0.0, 0.0, 0.0
        for trade in range(count):
            pnl = trade_floats[trade, V_PROFIT] - trade_floats[trade, V_COMMISSION]
            money += pnl
            peak, fall = max(peak, money), max(fall, peak - money)
            if pnl > 0.0:
                won, gain = won + 1, gain + pnl
            else:
                loss += pnl
        out[row, 1], out[row, 3], out[row, 4], out[row, 5] = won, gain, loss, fall
