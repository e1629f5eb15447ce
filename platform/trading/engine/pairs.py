"""Many pairs of averages over the same bars: each average is computed once, each pair goes from one crossing to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import V_COMMISSION, V_PROFIT
from trading.engine.charges import Charges
from trading.engine.crosses import walk_signals
from trading.engine.params import Params
from trading.engine.signals import seed_average
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SideArray = NDArray[np.int8]

PAIR_FIRST, PAIR_SECOND, PAIR_SEEDED, PAIR_FROM = 0, 1, 2, 3
"""Columns of a pair: the rows of its averages, how many bars seed both, and the first bar whose signal counts."""

_TOGETHER = 16


@kernel
def fill_averages(close: FloatArray, periods: IntArray, out: FloatArray) -> None:
    """Write a row per period: the exponential average from the bar that seeds it on, as `ema_update` comes to it; before, nothing."""
    for row in range(periods.shape[0]):
        period = int(periods[row])
        average = seed_average(close, period, period)
        alpha = 2.0 / (period + 1.0)
        out[row, period - 1] = average
        for bar in range(period, close.shape[0]):
            average += (close[bar] - average) * alpha
            out[row, bar] = average


@kernel
def find_pair_crosses(
    averages: FloatArray,
    first: int,
    second: int,
    seeded: int,
    first_bar: int,
    close: FloatArray,
    at: IntArray,
    side: SideArray,
) -> int:
    """
    Write bar and side of every crossing of two rows of ``averages``, as `find_crosses` does; return how many there are.

    :param seeded: how many bars seed both; ``first_bar``: the first bar whose signal counts.
    """
    count, bars, before = (
        0,
        close.shape[0],
        _side(averages[first, seeded - 1] - averages[second, seeded - 1], close[seeded - 1]),
    )
    bar = seeded
    while bar < bars:
        end = bar + _TOGETHER
        if end <= bars and before != 0:
            upper, lower = (first, second) if before > 0 else (second, first)
            if _stays_above(averages[upper, bar:end], averages[lower, bar:end], close[bar:end]):
                bar = end
                continue
        now = before
        while bar < bars and now == before:
            now = _side(averages[first, bar] - averages[second, bar], close[bar])
            bar += 1
        if now != 0 and now != before and bar > first_bar:
            at[count], side[count] = bar - 1, now
            count += 1
        before = now
    return count


@kernel
def _stays_above(upper: FloatArray, lower: FloatArray, close: FloatArray) -> bool:
    # Counted to the end, and over slices of their own: so the compiler compares several bars at once.
    count = 0
    for bar in range(close.shape[0]):
        count += upper[bar] - lower[bar] >= close[bar] * 1e-12
    return bool(count == close.shape[0])


@kernel
def _side(value: float, price: float) -> int:
    # Two averages of a flat market differ by rounding alone; that is no side of a line.
    if abs(value) < price * 1e-12:
        return 0
    return 1 if value > 0.0 else -1


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
        signals = find_pair_crosses(
            averages, int(pairs[row, PAIR_FIRST]), int(pairs[row, PAIR_SECOND]), int(pairs[row, PAIR_SEEDED]),
            int(pairs[row, PAIR_FROM]), close, at, sides,
        )  # fmt: skip
        count, final = walk_signals(
            params, charges, at, sides, signals, open_, high, low, close, spread, first_bar, pessimistic, balance,
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
