"""
The backtest's loop: `match`, then `decide`, bar after bar, in the numba subset.

The order of one step is the order of the live world. At the open of bar t, levels the open has jumped over fill first (the broker
was there before us); then the strategy decides on the bar just closed with this quote and this book, its closes and its entry fill at the open,
its stop moves are in force; then the bar runs its path; at its close the account is marked.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.engine.decide import (
    CLOSE_OPPOSITE,
    HOLD,
    MOVE_STOP,
    NO_SIGNAL,
    OPEN,
    decide_entry,
    decide_position,
)
from trading.engine.match import NO_FILL, STOP_FILL, match_open, match_path
from trading.engine.params import Params
from trading.engine.prices import snap
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EXIT_STOP, EXIT_TRAILING, EXIT_TARGET, EXIT_OPPOSITE, EXIT_END, EXIT_STOP_OUT = 1, 2, 3, 4, 5, 6

# Columns of the position table and of the trade tables.
P_SIDE, P_STEPS, P_OPENED, P_MOVED = 0, 1, 2, 3
F_ENTRY, F_STOP, F_TARGET = 0, 1, 2
T_OPENED, T_CLOSED, T_SIDE, T_STEPS, T_REASON = 0, 1, 2, 3, 4
V_ENTRY, V_EXIT, V_PROFIT, V_COMMISSION = 0, 1, 2, 3


@kernel
def round_cents(money: float) -> float:
    """
    Return money to the cent, a half away from zero.

    >>> round_cents(0.125), round_cents(-0.125), round_cents(1.005)
    (0.13, -0.13, 1.01)
    """
    cents = math.floor(abs(money) * 100.0 + 0.5 + 1e-7)
    return math.copysign(cents / 100.0, money)


@kernel
def profit_money(params: Params, side: int, steps: int, entry: float, exit_price: float) -> float:
    """Return the unrounded profit of a position at ``exit_price`` [account currency]."""
    move = (exit_price - entry) * side * steps * params.lots_per_step
    if params.converts_by_price:
        return move * params.contract_size / exit_price
    return move * params.unit_profit


@kernel
def _close(
    params: Params,
    row: int,
    ints: IntArray,
    floats: FloatArray,
    count: int,
    bar: int,
    price: float,
    reason: int,
    commission_per_lot: float,
    trades: int,
    trade_ints: IntArray,
    trade_floats: FloatArray,
) -> float:
    """Write the trade of position ``row`` and take it out of the table; return what the balance gains."""
    side, steps = ints[row, P_SIDE], ints[row, P_STEPS]
    profit = round_cents(profit_money(params, side, steps, floats[row, F_ENTRY], price))
    # Paid once when opening and once when closing; both belong to this trade.
    commission = 2.0 * round_cents(commission_per_lot * steps * params.lots_per_step)
    trade_ints[trades, T_OPENED] = ints[row, P_OPENED]
    trade_ints[trades, T_CLOSED] = bar
    trade_ints[trades, T_SIDE] = side
    trade_ints[trades, T_STEPS] = steps
    trade_ints[trades, T_REASON] = reason
    trade_floats[trades, V_ENTRY] = floats[row, F_ENTRY]
    trade_floats[trades, V_EXIT] = price
    trade_floats[trades, V_PROFIT] = profit
    trade_floats[trades, V_COMMISSION] = commission
    # Keep the order of opening: it is the order of tickets, and the order live positions are decided in.
    for later in range(row, count - 1):
        for column in range(ints.shape[1]):
            ints[later, column] = ints[later + 1, column]
        for column in range(floats.shape[1]):
            floats[later, column] = floats[later + 1, column]
    return profit - commission


@kernel
def _floating(
    params: Params, ints: IntArray, floats: FloatArray, count: int, bid: float, ask: float, commission_per_lot: float
) -> float:
    """Return the open positions' profit at a quote, less what opening and closing them costs."""
    money = 0.0
    for row in range(count):
        exit_price = bid if ints[row, P_SIDE] == 1 else ask
        money += round_cents(
            profit_money(params, ints[row, P_SIDE], ints[row, P_STEPS], floats[row, F_ENTRY], exit_price)
        )
        money -= 2.0 * round_cents(commission_per_lot * ints[row, P_STEPS] * params.lots_per_step)
    return money


@kernel
def run_loop(
    params: Params,
    signals: NDArray[np.int8],
    in_window: NDArray[np.bool_],
    closed_high: FloatArray,
    closed_low: FloatArray,
    closed: IntArray,
    day: IntArray,
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    ask_open: FloatArray,
    ask_close: FloatArray,
    spread: FloatArray,
    slippage: float,
    commission_per_lot: float,
    pessimistic: bool,
    balance: float,
    trade_ints: IntArray,
    trade_floats: FloatArray,
    equity: FloatArray,
    skipped: IntArray,
) -> tuple[int, float]:
    """
    Run a strategy over bars; return ``(number of trades, final balance)`` and fill the trade tables, the equity and the skips.

    Two kinds of bars: the strategy's own, which signals and stop moves come from, and the bars the price is known by, which are
    the same or finer; everything that fills, fills on the latter.

    :param signals: raw signal at the close of every bar of the strategy; ``in_window``, whether that moment admits entries;
        ``closed_high`` and ``closed_low``, its extremes.
    :param closed: number of the strategy's bar that is over where a bar opens and was not before, -1 where there is none.
    :param day: number of the trading day every bar opens in; on a new one the day's first equity is taken.
    :param ask_open: and ``ask_close``, the asks beside the bids of open and close, on ticks.
    :param spread: price distance of ask and bid per bar; ``slippage``, price by which market and stop fills are worse.
    :param commission_per_lot: per side [account currency].
    :param trade_ints: and ``trade_floats``: one row per trade, at least one row per signal.
    :param skipped: counts per `SKIP_` code of `decide_entry`.
    """
    tick_n, tick_d = params.tick_numerator, params.tick_denominator
    ints = np.zeros((params.open_positions_max, 4), dtype=np.int64)
    floats = np.zeros((params.open_positions_max, 3), dtype=np.float64)
    count, trades = 0, 0
    day_start_equity = balance

    for bar in range(close.shape[0]):
        # The last equity marked is the one the new day begins with.
        if bar > 0 and day[bar] != day[bar - 1]:
            day_start_equity = equity[bar - 1]
        decided = closed[bar]
        signal = signals[decided] if decided >= 0 else 0
        if count == 0 and signal == 0:
            equity[bar] = balance
            continue
        bid = open_[bar]
        ask = ask_open[bar]

        # 1. What the open has jumped over.
        row = 0
        while row < count:
            side = ints[row, P_SIDE]
            kind, price = match_open(side, floats[row, F_STOP], floats[row, F_TARGET], bid, ask)
            if kind == NO_FILL:
                row += 1
                continue
            reason = EXIT_TARGET
            if kind == STOP_FILL:
                reason = EXIT_TRAILING if ints[row, P_MOVED] else EXIT_STOP
                price = snap(price - side * slippage, tick_n, tick_d)
            balance += _close(
                params,
                row,
                ints,
                floats,
                count,
                bar,
                price,
                reason,
                commission_per_lot,
                trades,
                trade_ints,
                trade_floats,
            )
            trades += 1
            count -= 1

        # 2. What the strategy wants after the bar before this one.
        if decided >= 0:
            # Sizing sees the book of the moment, before this bar's own closes are done.
            decision_balance, decision_equity = balance, balance
            if signal != 0:
                decision_equity += _floating(params, ints, floats, count, bid, ask, commission_per_lot)
            row = 0
            while row < count:
                side = ints[row, P_SIDE]
                action, moved = decide_position(
                    params,
                    signal,
                    closed_high[decided],
                    closed_low[decided],
                    bid,
                    ask,
                    side,
                    floats[row, F_ENTRY],
                    floats[row, F_STOP],
                )
                if action == MOVE_STOP:
                    floats[row, F_STOP] = moved
                    ints[row, P_MOVED] = 1
                if action in (HOLD, MOVE_STOP):
                    row += 1
                    continue
                price = snap((bid if side == 1 else ask) - side * slippage, tick_n, tick_d)
                reason = EXIT_OPPOSITE if action == CLOSE_OPPOSITE else EXIT_TRAILING
                balance += _close(
                    params,
                    row,
                    ints,
                    floats,
                    count,
                    bar,
                    price,
                    reason,
                    commission_per_lot,
                    trades,
                    trade_ints,
                    trade_floats,
                )
                trades += 1
                count -= 1
            if signal != 0:
                verdict, steps, entry, stop, target = decide_entry(
                    params,
                    signal,
                    in_window[decided],
                    True,
                    count,
                    bid,
                    ask,
                    decision_balance,
                    decision_equity,
                    day_start_equity,
                    math.inf,
                    1.0,
                )
                if verdict == OPEN:
                    ints[count, P_SIDE] = signal
                    ints[count, P_STEPS] = steps
                    ints[count, P_OPENED] = bar
                    ints[count, P_MOVED] = 0
                    floats[count, F_ENTRY] = snap(entry + signal * slippage, tick_n, tick_d)
                    floats[count, F_STOP] = stop
                    floats[count, F_TARGET] = target
                    count += 1
                elif verdict != NO_SIGNAL:
                    skipped[verdict] += 1

        # 3. The way through the bar.
        row = 0
        while row < count:
            side = ints[row, P_SIDE]
            kind, price = match_path(
                side,
                floats[row, F_STOP],
                floats[row, F_TARGET],
                open_[bar],
                high[bar],
                low[bar],
                close[bar],
                spread[bar],
                pessimistic,
            )
            if kind == NO_FILL:
                row += 1
                continue
            reason = EXIT_TARGET
            if kind == STOP_FILL:
                reason = EXIT_TRAILING if ints[row, P_MOVED] else EXIT_STOP
                price = snap(price - side * slippage, tick_n, tick_d)
            balance += _close(
                params,
                row,
                ints,
                floats,
                count,
                bar,
                price,
                reason,
                commission_per_lot,
                trades,
                trade_ints,
                trade_floats,
            )
            trades += 1
            count -= 1

        # 4. The account at the close. Nothing is left to lose below zero: the broker closes everything there.
        bid = close[bar]
        ask = ask_close[bar]
        equity[bar] = balance + _floating(params, ints, floats, count, bid, ask, commission_per_lot)
        last = bar == close.shape[0] - 1
        ruined = equity[bar] <= 0.0
        if last or ruined:
            while count > 0:
                price = bid if ints[0, P_SIDE] == 1 else ask
                reason = EXIT_STOP_OUT if ruined else EXIT_END
                balance += _close(
                    params,
                    0,
                    ints,
                    floats,
                    count,
                    bar,
                    price,
                    reason,
                    commission_per_lot,
                    trades,
                    trade_ints,
                    trade_floats,
                )
                trades += 1
                count -= 1
            equity[bar] = balance
        if ruined:
            for rest in range(bar, close.shape[0]):
                equity[rest] = balance
            break
    return trades, balance
