"""Many pairs of averages over the same bars: each average is computed once, each pair goes from one crossing to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import V_COMMISSION, V_PROFIT
from trading.engine.charges import Charges
from trading.engine.crosses import walk_signals
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


@kernel
def fill_averages(close: FloatArray, periods: IntArray, out: FloatArray) -> None:
    """Write a row per period: the exponential average from the bar that seeds it on, as `ema_update` comes to it; before, nothing."""
    rows = periods.shape[0]
    row = 0
    # Four side by side: an average waits for the one before, so the processor has time for three more.
    while row + 4 <= rows:
        seeded = max(periods[row], periods[row + 1], periods[row + 2], periods[row + 3])
        a = _fill(close, periods[row], seeded, out[row])
        b = _fill(close, periods[row + 1], seeded, out[row + 1])
        c = _fill(close, periods[row + 2], seeded, out[row + 2])
        d = _fill(close, periods[row + 3], seeded, out[row + 3])
        row0, row1, row2, row3 = out[row], out[row + 1], out[row + 2], out[row + 3]
        alpha0, alpha1 = 2.0 / (periods[row] + 1.0), 2.0 / (periods[row + 1] + 1.0)
        alpha2, alpha3 = 2.0 / (periods[row + 2] + 1.0), 2.0 / (periods[row + 3] + 1.0)
        for bar in range(seeded, close.shape[0]):
            price = close[bar]
            a += (price - a) * alpha0
            b += (price - b) * alpha1
            c += (price - c) * alpha2
            d += (price - d) * alpha3
            row0[bar], row1[bar], row2[bar], row3[bar] = a, b, c, d
        row += 4
    while row < rows:
        _fill(close, periods[row], close.shape[0], out[row])
        row += 1


@kernel
def _fill(close: FloatArray, period: int, until: int, out: FloatArray) -> float:
    """Write an average from its seed up to bar ``until``; return the last."""
    average = seed_average(close, period, period)
    alpha = 2.0 / (period + 1.0)
    out[period - 1] = average
    for bar in range(period, until):
        average += (close[bar] - average) * alpha
        out[bar] = average
    return float(average)


@kernel
def find_pair_crosses(
    first: FloatArray,
    second: FloatArray,
    start: int,
    close: FloatArray,
    turns: SideArray,
    eights: IntArray,
    at: IntArray,
    side: SideArray,
) -> int:
    """
    Write bar and side of every crossing of two averages, as `find_crosses` does; return how many there are.

    :param start: the first bar whose signal counts, after the one that seeds both.
    :param turns: room for `AT_ONCE` bars; ``eights`` is the same memory, eight bars a number.
    """
    count, bars = 0, close.shape[0]
    for base in range(start, bars, AT_ONCE):
        size = min(AT_ONCE, bars - base)
        _find_turns(first[base - 1 : base + size], second[base - 1 : base + size], close[base - 1 : base + size], turns)
        turns[size : min((size | 7) + 1, AT_ONCE)] = 0
        for eight in range((size + 7) // 8):
            if eights[eight] != 0:
                # Written down whether it is one or not: a question asked of every bar would be guessed wrong too often.
                for place in range(8 * eight, 8 * eight + 8):
                    at[count], side[count] = base + place, turns[place]
                    count += turns[place] != 0
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
    pairs: IntArray,
    averages: FloatArray,
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
    turns: SideArray,
    eights: IntArray,
    trade_ints: IntArray,
    trade_floats: FloatArray,
    skipped: IntArray,
    out: FloatArray,
) -> None:
    """
    Run one pair of averages after the other over the same bars, and write what became of each.

    :param pairs: a row per pair, columns as `PAIR_FIRST` and the others say.
    :param out: a row per pair: trades (`NOT_SURE` where the long way has to be taken), trades won, net profit, what the won ones brought,
        what the lost ones cost, the deepest fall of the balance, the last balance.
    """
    for row in range(pairs.shape[0]):
        start = max(pairs[row, PAIR_SEEDED], pairs[row, PAIR_FROM])
        signals = find_pair_crosses(
            averages[pairs[row, PAIR_FIRST]], averages[pairs[row, PAIR_SECOND]], start, close, turns, eights, at, sides
        )
        count, final = walk_signals(
            params, charges, at, sides, quotes, signals, open_, high, low, close, spread, first_bar, pessimistic, balance,
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
