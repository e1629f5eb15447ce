"""One phase of a challenge over many resampled paths, in the numba subset. Money is in units of the account's initial balance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PASSED, FAILED, UNFINISHED, NOT_REACHED = 1, 2, 3, 0
BY_TARGET, BY_DAILY_LOSS, BY_MAX_LOSS, BY_TIME_LIMIT, BY_INACTIVITY, BY_END = 1, 2, 3, 4, 5, 6
BASE_BALANCE, BASE_EQUITY, BASE_HIGHER = 0, 1, 2
FLOOR_NONE, FLOOR_STATIC, FLOOR_EOD, FLOOR_CLOSED, FLOOR_INTRADAY = 0, 1, 2, 3, 4
EPSILON = 1e-9
"""Floats of a path carry about 1e-13; a cent of a hundred million is 1e-10."""


class Pool(NamedTuple):
    """
    Days to draw from. A day is a run of segments; a segment ends where the balance changed, or with the day.

    Figures are fractions of the backtest's balance at the day's start (of its initial balance for fixed lots): ``low``, ``high`` and ``end`` of equity against the day's
    first equity, ``fall`` the deepest fall from a high inside the segment, ``floating`` what open positions showed at its end.
    """

    first: IntArray
    past: IntArray
    gap_days: IntArray
    start_floating: FloatArray
    low: FloatArray
    high: FloatArray
    fall: FloatArray
    end: FloatArray
    floating: FloatArray
    entries: IntArray
    is_flat: NDArray[np.bool_]


class PhaseRules(NamedTuple):
    """A phase's rules as plain numbers; fractions of the initial balance, 0 or less means "none"."""

    daily_fraction: float
    daily_of_reference: bool
    daily_base: int
    daily_pauses: bool
    total_mode: int
    total_fraction: float
    locks: bool
    target: float
    min_trading_days: int
    min_profitable_days: int
    profitable_fraction: float
    time_limit_days: int
    inactivity_days: int
    best_day_fraction: float
    on_touch: bool


@kernel
def walk_phase(
    pool: Pool,
    draws: NDArray[np.int32],
    rules: PhaseRules,
    scale: float,
    compounding: bool,
    reached: NDArray[np.bool_],
    status: NDArray[np.int8],
    reason: NDArray[np.int8],
    days: NDArray[np.int32],
    balances: FloatArray,
) -> None:
    """
    Walk every path that reached this phase, day by day; a negative draw ends the path.

    Writes how each ended (`PASSED` …), why (`BY_TARGET` …), after how many calendar days, and with what balance.
    """
    touch = EPSILON if rules.on_touch else -EPSILON
    for path in range(draws.shape[0]):
        if not reached[path]:
            continue
        equity, balance, peak, best_day = 1.0, 1.0, 1.0, 0.0
        elapsed, last_entry, trading_days, profitable_days = 0, 1, 0, 0
        outcome, why = UNFINISHED, BY_END
        for column in range(draws.shape[1]):
            day = draws[path, column]
            if day < 0:
                break
            step = 1 if column == 0 else pool.gap_days[day]
            if rules.target > 0.0 and 0 < rules.time_limit_days < elapsed + step:
                outcome, why = FAILED, BY_TIME_LIMIT
                break
            if 0 < rules.inactivity_days < elapsed + step - last_entry:
                outcome, why = FAILED, BY_INACTIVITY
                break
            elapsed += step
            # What floats in the source floats in the account: the balance is equity without it.
            floats = scale * pool.start_floating[day]
            base = 1.0
            if compounding:
                base = equity / (1.0 + floats) if floats > -1.0 else equity
            balance = equity - floats * base
            day_equity, day_balance = equity, balance
            money = scale * base
            reference = day_balance
            if rules.daily_base == BASE_EQUITY or (rules.daily_base == BASE_HIGHER and day_equity > day_balance):
                reference = day_equity
            daily_floor = -1e300
            if rules.daily_fraction > 0.0:
                daily_floor = reference - rules.daily_fraction * (reference if rules.daily_of_reference else 1.0)
            if rules.total_mode == FLOOR_EOD:
                peak = max(peak, balance)
            entries = 0
            for part in range(pool.first[day], pool.past[day]):
                low, high = day_equity + money * pool.low[part], day_equity + money * pool.high[part]
                total_floor, falls = -1e300, False
                if rules.total_mode == FLOOR_STATIC:
                    total_floor = 1.0 - rules.total_fraction
                elif rules.total_mode != FLOOR_NONE:
                    total_floor = peak - rules.total_fraction
                    if rules.total_mode == FLOOR_INTRADAY:
                        falls = money * pool.fall[part] > rules.total_fraction - touch
                    if rules.locks:
                        total_floor = min(total_floor, 1.0)
                        falls = falls and low < 1.0 + touch
                total_breaks = low < total_floor + touch or falls
                entries += pool.entries[part]
                if low < daily_floor + touch and (not total_breaks or daily_floor >= total_floor):
                    if not rules.daily_pauses:
                        outcome, why = FAILED, BY_DAILY_LOSS
                        break
                    # Everything is closed at the floor, or where the segment ends if that is lower; the rest of the day is lost.
                    equity = balance = min(daily_floor, day_equity + money * pool.end[part])
                    break
                if total_breaks:
                    outcome, why = FAILED, BY_MAX_LOSS
                    break
                equity = day_equity + money * pool.end[part]
                balance = equity - money * pool.floating[part]
                if rules.total_mode == FLOOR_CLOSED:
                    peak = max(peak, balance)
                elif rules.total_mode == FLOOR_INTRADAY:
                    peak = max(peak, high)
                if rules.target <= 0.0 or not pool.is_flat[part] or balance < 1.0 + rules.target - EPSILON:
                    continue
                profit = balance - day_balance
                good = profitable_days
                if part + 1 == pool.past[day] and profit > 0.0 and profit >= rules.profitable_fraction - EPSILON:
                    good += 1
                if (
                    trading_days + (1 if entries > 0 else 0) < rules.min_trading_days
                    or good < rules.min_profitable_days
                ):
                    continue
                allowed = rules.best_day_fraction * (balance - 1.0) + EPSILON
                if rules.best_day_fraction > 0.0 and max(best_day, profit) > allowed:
                    continue
                outcome, why = PASSED, BY_TARGET
                break
            if outcome != UNFINISHED:
                break
            profit = balance - day_balance
            if entries > 0:
                trading_days += 1
                last_entry = elapsed
            if profit > 0.0 and profit >= rules.profitable_fraction - EPSILON:
                profitable_days += 1
            best_day = max(best_day, profit)
        status[path], reason[path], days[path], balances[path] = outcome, why, elapsed, balance
