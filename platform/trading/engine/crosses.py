"""
The shortest way through the commonest strategy: two exponential averages that cross, one position at a time, standing levels.

Averages, signals and fills in one pass with everything in registers. It decides and fills by the same kernels as `run_loop`, and a property
test holds their trades equal; where it cannot be sure to do the same, it says so and does nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import (
    EXIT_END,
    EXIT_OPPOSITE,
    EXIT_STOP,
    EXIT_TARGET,
    T_CLOSED,
    T_LEG,
    T_NUMBER,
    T_OPENED,
    T_REASON,
    T_SIDE,
    T_STEPS,
    V_COMMISSION,
    V_ENTRY,
    V_EXIT,
    V_FIRST_STOP,
    V_PROFIT,
    V_SWAP,
)
from trading.engine.charges import Charges, commission_money, profit_money, round_cents
from trading.engine.decide import (
    OPEN,
    SKIP_DIRECTION,
    SKIP_POSITIONS,
    SKIP_STOP,
    SKIP_VOLUME,
    decide_entry,
    find_distance,
    has_room,
)
from trading.engine.lots import size_steps
from trading.engine.match import NO_FILL, STOP_FILL, match_open, match_path
from trading.engine.params import Params
from trading.engine.prices import snap
from trading.engine.signals import find_crosses
from trading.jit import kernel
from trading.rules.signals import SignalProgram

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
SideArray = NDArray[np.int8]

NOT_SURE = -1

_NEAR = 2e-9
# What must be left of the balance at every stop: below it, the account could be ruined between two bars, and the long way knows how.
_SAFE = 1.0
GROUP = 16
"""Bars whose extremes are looked at together."""


@kernel
def run_crosses(
    params: Params,
    charges: Charges,
    program: SignalProgram,
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
) -> tuple[int, float]:
    """
    Return ``(number of trades, final balance)`` and fill the tables of trades; `NOT_SURE` where the long way has to be taken.

    :param spread: one price for all bars, or one for each.
    :param first_bar: signals of bars before are only history.
    :param at: ``sides`` and ``quotes``, room for a signal every bar.
    :param trade_ints: and ``trade_floats``, room for a trade every bar.
    """
    signals = find_crosses(program, close, at, sides)
    return walk_signals(
        params, charges, at, sides, quotes, open_[:0], open_[:0], signals, open_, high, low, close, spread, first_bar, pessimistic,
        balance, trade_ints, trade_floats, skipped,
    )  # fmt: skip


@kernel
def walk_signals(
    params: Params,
    charges: Charges,
    at: IntArray,
    sides: SideArray,
    quotes: FloatArray,
    lows: FloatArray,
    highs: FloatArray,
    signals: int,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    spread: FloatArray,
    first_bar: int,
    pessimistic: bool,
    balance: float,
    trade_ints: IntArray,
    trade_floats: FloatArray,
    skipped: IntArray,
) -> tuple[int, float]:
    """
    Go from one bar where something can happen to the next: the one after a signal, and those that may touch a level.

    :param at: and ``sides``, bar and side of every signal, ``signals`` of them; ``lows`` and ``highs`` as in `find_touch`; the rest is as in `run_crosses`.
    """
    tick_n, tick_d = params.tick_numerator, params.tick_denominator
    bars = close.shape[0]
    many = spread.shape[0] > 1
    least, most = spread[0], spread[0]
    if many:
        for place in range(bars):
            least, most = min(least, spread[place]), max(most, spread[place])
    away, ahead = find_distance(params, params.stop, 1.0, 0.0), params.target.price
    is_constant = params.risk_fraction == 0.0 and away > 0.0 and params.stop.fraction == 0.0
    is_constant = is_constant and params.target.fraction == 0.0 and params.target.r == 0.0
    steps_each = size_steps(params, math.inf, 1.0, 1.0, 1.0)
    trades, number, start = 0, 0, 0
    side, steps, opened, entry, stop, target, paid = 0, 0, 0, 0.0, 0.0, 0.0, 0.0
    low_at, high_at = -math.inf, math.inf
    while number < signals and at[number] < first_bar:
        number += 1
    read_quotes(open_, at, number, signals, quotes)

    while True:
        due = at[number] + 1 if number < signals else bars
        if side != 0:
            bar = find_touch(lows, highs, low, high, low_at, high_at, start, due)
            if bar < due:
                gap = spread[bar] if many else spread[0]
                bid = open_[bar]
                kind, price = match_open(side, stop, target, bid, snap(bid + gap, tick_n, tick_d))
                if kind == NO_FILL:
                    kind, price = match_path(side, stop, target, bid, high[bar], low[bar], close[bar], gap, pessimistic)
                start = bar + 1
                if kind != NO_FILL:
                    reason = EXIT_STOP if kind == STOP_FILL else EXIT_TARGET
                    row = (side, steps, opened, entry, stop, paid)
                    balance = _close(
                        params, charges, row, bar, price, reason, balance, trades, trade_ints, trade_floats
                    )
                    trades, side = trades + 1, 0
                    if not balance > _SAFE:
                        return NOT_SURE, 0.0
                continue
        if due >= bars:
            break
        signal, bid = int(sides[number]), quotes[number]
        number += 1
        start = due
        gap = spread[due] if many else spread[0]
        ask = snap(bid + gap, tick_n, tick_d)
        # What is decided with: the balance before what the same decision closes.
        known = balance
        if side != 0:
            kind, price = match_open(side, stop, target, bid, ask)
            reason = EXIT_STOP if kind == STOP_FILL else EXIT_TARGET
            if kind == NO_FILL and side == -signal and params.exit_on_opposite:
                reason, price = EXIT_OPPOSITE, bid if side == 1 else ask
            if kind != NO_FILL or reason == EXIT_OPPOSITE:
                row = (side, steps, opened, entry, stop, paid)
                balance = _close(params, charges, row, due, price, reason, balance, trades, trade_ints, trade_floats)
                trades, side = trades + 1, 0
                known = balance if kind != NO_FILL else known
            elif params.open_positions_max > 1:
                return NOT_SURE, 0.0
        if is_constant:
            # `decide_entry`, where nothing but the quote is left to ask about.
            expected, size = ask if signal == 1 else bid, steps_each
            new_stop = snap(expected - signal * away, tick_n, tick_d)
            new_target = snap(expected + signal * ahead, tick_n, tick_d) if ahead > 0.0 else 0.0
            verdict = OPEN
            if (signal == 1 and not params.buys) or (signal == -1 and not params.sells):
                verdict = SKIP_DIRECTION
            elif side != 0:
                verdict = SKIP_POSITIONS
            elif away >= expected or not has_room(params, signal, bid, ask, new_stop, new_target):
                verdict = SKIP_STOP
            elif size == 0:
                verdict = SKIP_VOLUME
        else:
            verdict, size, expected, new_stop, new_target = decide_entry(
                params, signal, True, True, 1 if side != 0 else 0, bid, ask, known, known, known, math.inf, 1.0
            )
        if verdict == OPEN:
            side, steps, opened, stop, target = signal, size, due, new_stop, new_target
            entry = snap(expected + side * charges.slippage, tick_n, tick_d) if charges.slippage != 0.0 else expected
            paid = commission_money(params, charges, steps)
            if paid != 0.0:
                balance = round_cents(balance - paid)
            worst = profit_money(params, side, steps, entry, stop)
            if stop == 0.0 or not balance + min(worst, 0.0) > _SAFE:
                return NOT_SURE, 0.0
            if side == 1:
                low_at, high_at = stop, target if target != 0.0 else math.inf
            else:
                high_at = stop - most - stop * _NEAR
                low_at = target - least + target * _NEAR if target != 0.0 else -math.inf
        else:
            skipped[verdict] += 1
        if not balance > _SAFE:
            return NOT_SURE, 0.0

    if side != 0:
        bar = bars - 1
        price = close[bar]
        if side == -1:
            price = snap(price + (spread[bar] if many else spread[0]), tick_n, tick_d)
        row = (side, steps, opened, entry, stop, paid)
        balance = _close(params, charges, row, bar, price, EXIT_END, balance, trades, trade_ints, trade_floats)
        trades += 1
    return trades, round_cents(balance)


@kernel
def read_quotes(open_: FloatArray, at: IntArray, start: int, end: int, quotes: FloatArray) -> None:
    """Write the open of the bar after each signal. All at once: one after the other, each would be waited for."""
    last = open_.shape[0] - 1
    for number in range(start, end):
        quotes[number] = open_[min(at[number] + 1, last)]


@kernel
def find_touch(
    lows: FloatArray,
    highs: FloatArray,
    low: FloatArray,
    high: FloatArray,
    low_at: float,
    high_at: float,
    start: int,
    end: int,
) -> int:
    """
    Return the first bar from ``start`` on that reaches down to ``low_at`` or up to ``high_at``; ``end`` where none before it does.

    :param lows: and ``highs``, as `read_extremes` writes them: single bars are looked at where they reach it. Empty for runs that pass
        through the bars but once: it does not pay to pass twice.
    """
    if lows.shape[0] == 0:
        return _find_touch_directly(low, high, low_at, high_at, start, end)
    for group in range(start // GROUP, (end + GROUP - 1) // GROUP):
        if lows[group] <= low_at or highs[group] >= high_at:
            for bar in range(max(start, group * GROUP), min(end, (group + 1) * GROUP)):
                if low[bar] <= low_at or high[bar] >= high_at:
                    return bar
    return end


@kernel
def _find_touch_directly(low: FloatArray, high: FloatArray, low_at: float, high_at: float, start: int, end: int) -> int:
    # Some at a time, counted to the end and over slices of their own: so the compiler compares several bars at once.
    bars = low.shape[0]
    while start < end and start + GROUP <= bars:
        some_lows, some_highs = low[start : start + GROUP], high[start : start + GROUP]
        touched = 0
        for place in range(some_lows.shape[0]):
            touched += (some_lows[place] <= low_at) | (some_highs[place] >= high_at)
        if touched != 0:
            break
        start += GROUP
    for bar in range(start, end):
        if low[bar] <= low_at or high[bar] >= high_at:
            return bar
    return end


@kernel
def read_extremes(low: FloatArray, high: FloatArray, lows: FloatArray, highs: FloatArray) -> None:
    """Write the lowest low and the highest high of every `GROUP` bars."""
    whole = low.shape[0] // GROUP
    for group in range(whole):
        start = group * GROUP
        lows[group] = -_highest(low[start : start + GROUP], -1.0)
        highs[group] = _highest(high[start : start + GROUP], 1.0)
    if whole * GROUP < low.shape[0]:
        lowest, highest = low[whole * GROUP], high[whole * GROUP]
        for bar in range(whole * GROUP, low.shape[0]):
            lowest, highest = min(lowest, low[bar]), max(highest, high[bar])
        lows[whole], highs[whole] = lowest, highest


@kernel
def _highest(some: FloatArray, sign: float) -> float:
    """Return the highest of `GROUP` numbers times ``sign``."""
    # Four at a time, side by side: so the compiler compares them at once.
    a, b, c, d = some[0] * sign, some[1] * sign, some[2] * sign, some[3] * sign
    for place in range(4, GROUP, 4):
        e, f, g, h = some[place] * sign, some[place + 1] * sign, some[place + 2] * sign, some[place + 3] * sign
        a, b, c, d = a if a > e else e, b if b > f else f, c if c > g else g, d if d > h else h
    a, b = a if a > c else c, b if b > d else d
    return float(a if a > b else b)


@kernel
def _close(
    params: Params,
    charges: Charges,
    position: tuple[int, int, int, float, float, float],
    bar: int,
    price: float,
    reason: int,
    balance: float,
    trade: int,
    trade_ints: IntArray,
    trade_floats: FloatArray,
) -> float:
    """Write a trade of ``(side, steps, bar of opening, entry, first stop, commission paid)``; return the balance after it."""
    side, steps, opened, entry, stop, paid = position
    if charges.slippage != 0.0 and reason in (EXIT_STOP, EXIT_OPPOSITE):
        price = snap(price - side * charges.slippage, params.tick_numerator, params.tick_denominator)
    profit = round_cents(profit_money(params, side, steps, entry, price))
    closing = commission_money(params, charges, steps)
    trade_ints[trade, T_OPENED], trade_ints[trade, T_CLOSED] = opened, bar
    trade_ints[trade, T_SIDE], trade_ints[trade, T_STEPS] = side, steps
    # One position at a time: the trades are numbered as the positions are.
    trade_ints[trade, T_REASON], trade_ints[trade, T_NUMBER], trade_ints[trade, T_LEG] = reason, trade, 0
    trade_floats[trade, V_ENTRY], trade_floats[trade, V_EXIT] = entry, price
    trade_floats[trade, V_PROFIT], trade_floats[trade, V_COMMISSION] = profit, paid + closing
    trade_floats[trade, V_SWAP], trade_floats[trade, V_FIRST_STOP] = 0.0, stop
    return round_cents(balance + profit - closing)
