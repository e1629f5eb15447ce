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
from trading.engine.signals import seed_average
from trading.indicators.arrays import EMA
from trading.jit import kernel
from trading.rules.signals import CROSS, SignalProgram

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

NOT_SURE = -1

_NEAR = 2e-9
# What must be left of the balance at every stop: below it, the account could be ruined between two bars, and the long way knows how.
_SAFE = 1.0


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
    trade_ints: IntArray,
    trade_floats: FloatArray,
    skipped: IntArray,
) -> tuple[int, float]:
    """
    Return ``(number of trades, final balance)`` and fill the tables of trades; `NOT_SURE` where the long way has to be taken.

    :param spread: one price for all bars, or one for each.
    :param first_bar: signals of bars before are only history.
    :param trade_ints: and ``trade_floats``, room for a trade every second bar.
    """
    tick_n, tick_d = params.tick_numerator, params.tick_denominator
    bars = close.shape[0]
    many = spread.shape[0] > 1
    least, most = spread[0], spread[0]
    if many:
        for bar in range(bars):
            least, most = min(least, spread[bar]), max(most, spread[bar])
    seeded = max(program.first_period, program.second_period)
    first, second = (
        seed_average(close, program.first_period, seeded),
        seed_average(close, program.second_period, seeded),
    )
    first_alpha, second_alpha = 2.0 / (program.first_period + 1.0), 2.0 / (program.second_period + 1.0)
    before = first - second
    if abs(before) < close[seeded - 1] * 1e-12:
        before = 0.0
    first_bar = max(first_bar, program.first_signal_bar - 1)
    away, ahead = find_distance(params, params.stop, 1.0, 0.0), params.target.price
    is_constant = params.risk_fraction == 0.0 and away > 0.0 and params.stop.fraction == 0.0
    is_constant = is_constant and params.target.fraction == 0.0 and params.target.r == 0.0
    steps_each = size_steps(params, math.inf, 1.0, 1.0, 1.0)
    trades, signal = 0, 0
    side, steps, opened, entry, stop, target, paid = 0, 0, 0, 0.0, 0.0, 0.0, 0.0
    low_at, high_at = -math.inf, math.inf

    for bar in range(seeded, bars):
        if signal != 0 or low[bar] <= low_at or high[bar] >= high_at:
            gap = spread[bar] if many else spread[0]
            bid = open_[bar]
            ask = snap(bid + gap, tick_n, tick_d)
            if side != 0:
                kind, price = match_open(side, stop, target, bid, ask)
                if kind != NO_FILL:
                    reason = EXIT_STOP if kind == STOP_FILL else EXIT_TARGET
                    row = (side, steps, opened, entry, stop, paid)
                    balance += _close(params, charges, row, bar, price, reason, trades, trade_ints, trade_floats)
                    trades, side = trades + 1, 0
            if signal != 0:
                decision_balance = round_cents(balance)
                if side == -signal and params.exit_on_opposite:
                    price = bid if side == 1 else ask
                    row = (side, steps, opened, entry, stop, paid)
                    balance += _close(params, charges, row, bar, price, EXIT_OPPOSITE, trades, trade_ints, trade_floats)
                    trades, side = trades + 1, 0
                if side != 0 and params.open_positions_max > 1:
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
                        params,
                        signal,
                        True,
                        True,
                        1 if side != 0 else 0,
                        bid,
                        ask,
                        decision_balance,
                        decision_balance,
                        decision_balance,
                        math.inf,
                        1.0,
                    )
                if verdict == OPEN:
                    side, steps, opened, stop, target = signal, size, bar, new_stop, new_target
                    entry = snap(expected + side * charges.slippage, tick_n, tick_d)
                    paid = commission_money(params, charges, steps)
                    balance = round_cents(balance - paid)
                    worst = profit_money(params, side, steps, entry, stop)
                    if stop == 0.0 or not balance + min(worst, 0.0) > _SAFE:
                        return NOT_SURE, 0.0
                else:
                    skipped[verdict] += 1
            if side != 0:
                kind, price = match_path(side, stop, target, bid, high[bar], low[bar], close[bar], gap, pessimistic)
                if kind != NO_FILL:
                    reason = EXIT_STOP if kind == STOP_FILL else EXIT_TARGET
                    row = (side, steps, opened, entry, stop, paid)
                    balance += _close(params, charges, row, bar, price, reason, trades, trade_ints, trade_floats)
                    trades, side = trades + 1, 0
            balance = round_cents(balance)
            if not balance > _SAFE:
                return NOT_SURE, 0.0
            low_at, high_at = -math.inf, math.inf
            if side == 1:
                low_at = stop
                if target != 0.0:
                    high_at = target
            elif side == -1:
                high_at = stop - most - stop * _NEAR
                if target != 0.0:
                    low_at = target - least + target * _NEAR
        price = close[bar]
        first += (price - first) * first_alpha
        second += (price - second) * second_alpha
        value = first - second
        if abs(value) < price * 1e-12:
            value = 0.0
        signal = 0
        if before * value <= 0.0 and bar >= first_bar:
            if before <= 0.0 and value > 0.0:
                signal = 1
            elif before >= 0.0 and value < 0.0:
                signal = -1
        before = value

    if side != 0:
        bar = bars - 1
        price = close[bar]
        if side == -1:
            price = snap(price + (spread[bar] if many else spread[0]), tick_n, tick_d)
        row = (side, steps, opened, entry, stop, paid)
        balance += _close(params, charges, row, bar, price, EXIT_END, trades, trade_ints, trade_floats)
        trades += 1
    return trades, round_cents(balance)


@kernel
def _close(
    params: Params,
    charges: Charges,
    position: tuple[int, int, int, float, float, float],
    bar: int,
    price: float,
    reason: int,
    trade: int,
    trade_ints: IntArray,
    trade_floats: FloatArray,
) -> float:
    """Write a trade of ``(side, steps, bar of opening, entry, first stop, commission paid)``; return what the balance gains."""
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
    return profit - closing


@kernel
def run_many(
    params: Params,
    charges: Charges,
    programs: IntArray,
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
    out: FloatArray,
) -> None:
    """
    Run one pair of averages after the other over the same bars, and write what became of each.

    :param programs: a row per pair: both periods, and the bar of the first signal.
    :param out: a row per pair: trades (`NOT_SURE` where the long way has to be taken), trades won, net profit, what the won ones brought,
        what the lost ones cost, the deepest fall of the balance, the last balance.
    """
    for row in range(programs.shape[0]):
        fast, slow, first = int(programs[row, 0]), int(programs[row, 1]), int(programs[row, 2])
        program = SignalProgram(CROSS, EMA, fast, EMA, slow, 0, 0.0, 0.0, first, 0, 0)
        count, final = run_crosses(
            params, charges, program, open_, high, low, close, spread, first_bar, pessimistic, balance, trade_ints,
            trade_floats, skipped,
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
