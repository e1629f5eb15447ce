"""The simulated account's book in the numba subset: a table of open positions, the tables of trades, and how rows move between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.engine.charges import (
    Charges,
    bound_margin,
    commission_money,
    margin_money,
    profit_money,
    round_cents,
    swap_money,
)
from trading.engine.params import Params
from trading.engine.prices import snap
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Columns of the table of positions. `P_DECIDED` is the strategy's bar whose close opened it, `P_LEG` whose position it is.
P_SIDE, P_STEPS, P_OPENED, P_MOVED, P_DECIDED, P_FIRST_STEPS, P_NUMBER, P_LEG = 0, 1, 2, 3, 4, 5, 6, 7
F_ENTRY, F_STOP, F_TARGET, F_FIRST_STOP, F_TRAIL, F_COMMISSION, F_SWAP, F_MARGIN = 0, 1, 2, 3, 4, 5, 6, 7
POSITION_INTS, POSITION_FLOATS = 8, 8

# Columns of the tables of trades: one row per closing deal.
T_OPENED, T_CLOSED, T_SIDE, T_STEPS, T_REASON, T_NUMBER, T_LEG = 0, 1, 2, 3, 4, 5, 6
V_ENTRY, V_EXIT, V_PROFIT, V_COMMISSION, V_SWAP, V_FIRST_STOP = 0, 1, 2, 3, 4, 5
TRADE_INTS, TRADE_FLOATS = 7, 6

# Places of `Book.tally` and `Book.money`.
N_OPEN, N_TRADES, N_NUMBER = 0, 1, 2
M_BALANCE, M_DAY_START = 0, 1

EXIT_STOP, EXIT_TRAILING, EXIT_TARGET, EXIT_OPPOSITE, EXIT_END, EXIT_STOP_OUT = 1, 2, 3, 4, 5, 6
EXIT_SIGNAL, EXIT_TIME, EXIT_SESSION, EXIT_PARTIAL = 7, 8, 9, 10


class Book(NamedTuple):
    """Everything that changes while a backtest runs. Positions stand in the order of their opening, trades of their closing."""

    tally: IntArray
    money: FloatArray
    ints: IntArray
    floats: FloatArray
    trade_ints: IntArray
    trade_floats: FloatArray
    skipped: IntArray


def make_book(balance: float, *, positions: int, trades: int) -> Book:
    """Return an empty book with room for so many positions at a time and so many closing deals."""
    return Book(
        tally=np.zeros(3, dtype=np.int64),
        money=np.array([balance, balance]),
        ints=np.zeros((positions, POSITION_INTS), dtype=np.int64),
        floats=np.zeros((positions, POSITION_FLOATS)),
        trade_ints=np.empty((trades, TRADE_INTS), dtype=np.int64),
        trade_floats=np.empty((trades, TRADE_FLOATS)),
        skipped=np.zeros(16, dtype=np.int64),
    )


@kernel
def open_position(
    params: Params,
    charges: Charges,
    book: Book,
    leg: int,
    bar: int,
    decided: int,
    side: int,
    steps: int,
    entry: float,
    stop: float,
    target: float,
    trail: float,
) -> None:
    """Write a new position and charge its opening; ``entry`` is what the quote promised."""
    row = book.tally[N_OPEN]
    number = book.tally[N_NUMBER]
    filled = snap(entry + side * charges.slippage, params.tick_numerator, params.tick_denominator)
    commission = commission_money(params, charges, steps)
    book.ints[row, P_SIDE] = side
    book.ints[row, P_STEPS] = steps
    book.ints[row, P_OPENED] = bar
    book.ints[row, P_MOVED] = 0
    book.ints[row, P_DECIDED] = decided
    book.ints[row, P_FIRST_STEPS] = steps
    book.ints[row, P_NUMBER] = number
    book.ints[row, P_LEG] = leg
    book.floats[row, F_ENTRY] = filled
    book.floats[row, F_STOP] = stop
    book.floats[row, F_TARGET] = target
    book.floats[row, F_FIRST_STOP] = stop
    book.floats[row, F_TRAIL] = trail
    book.floats[row, F_COMMISSION] = commission
    book.floats[row, F_SWAP] = 0.0
    book.floats[row, F_MARGIN] = margin_money(params, charges, steps, filled)
    book.money[M_BALANCE] = round_cents(book.money[M_BALANCE] - commission)
    book.tally[N_OPEN] = row + 1
    book.tally[N_NUMBER] = number + 1


@kernel
def close_position(
    params: Params, charges: Charges, book: Book, row: int, steps: int, bar: int, price: float, reason: int
) -> None:
    """Close ``steps`` of a position: write the trade, book the money; a position closed whole leaves the table."""
    held = book.ints[row, P_STEPS]
    is_whole = steps >= held
    steps = min(steps, held)
    side = book.ints[row, P_SIDE]
    profit = round_cents(profit_money(params, side, steps, book.floats[row, F_ENTRY], price))
    # What opening and nights have cost goes to the parts by volume, the rest to the last one.
    opening, swap = book.floats[row, F_COMMISSION], book.floats[row, F_SWAP]
    if not is_whole:
        opening, swap = round_cents(opening * steps / held), round_cents(swap * steps / held)
    closing = commission_money(params, charges, steps)
    trade = book.tally[N_TRADES]
    book.trade_ints[trade, T_OPENED] = book.ints[row, P_OPENED]
    book.trade_ints[trade, T_CLOSED] = bar
    book.trade_ints[trade, T_SIDE] = side
    book.trade_ints[trade, T_STEPS] = steps
    book.trade_ints[trade, T_REASON] = reason
    book.trade_ints[trade, T_NUMBER] = book.ints[row, P_NUMBER]
    book.trade_ints[trade, T_LEG] = book.ints[row, P_LEG]
    book.trade_floats[trade, V_ENTRY] = book.floats[row, F_ENTRY]
    book.trade_floats[trade, V_EXIT] = price
    book.trade_floats[trade, V_PROFIT] = profit
    book.trade_floats[trade, V_COMMISSION] = opening + closing
    book.trade_floats[trade, V_SWAP] = swap
    book.trade_floats[trade, V_FIRST_STOP] = book.floats[row, F_FIRST_STOP]
    book.tally[N_TRADES] = trade + 1
    # To the cent each time: a sum of many floats would drift off the cents.
    book.money[M_BALANCE] = round_cents(book.money[M_BALANCE] + profit - closing + swap)
    if is_whole:
        _remove(book, row)
        return
    book.ints[row, P_STEPS] = held - steps
    book.floats[row, F_COMMISSION] -= opening
    book.floats[row, F_SWAP] -= swap
    book.floats[row, F_MARGIN] -= round_cents(book.floats[row, F_MARGIN] * steps / held)


@kernel
def _remove(book: Book, row: int) -> None:
    # The order of opening stays: it is the order of tickets, and the order live positions are decided in.
    count = book.tally[N_OPEN]
    for later in range(row, count - 1):
        for column in range(book.ints.shape[1]):
            book.ints[later, column] = book.ints[later + 1, column]
        for column in range(book.floats.shape[1]):
            book.floats[later, column] = book.floats[later + 1, column]
    book.tally[N_OPEN] = count - 1


@kernel
def add_swap(params: Params, charges: Charges, book: Book, leg: int, nights: float, price: float) -> None:
    """Add so many nights to the swap of every position of a leg; it is booked when they close."""
    for row in range(book.tally[N_OPEN]):
        if book.ints[row, P_LEG] == leg:
            side, steps = book.ints[row, P_SIDE], book.ints[row, P_STEPS]
            book.floats[row, F_SWAP] += swap_money(params, charges, side, steps, nights, price)


@kernel
def floating_money(params: Params, book: Book, leg: int, bid: float, ask: float) -> float:
    """Return what the open positions of a leg have won or lost at a quote, with their swap, to the cent."""
    money = 0.0
    for row in range(book.tally[N_OPEN]):
        if book.ints[row, P_LEG] == leg:
            side, steps = book.ints[row, P_SIDE], book.ints[row, P_STEPS]
            price = bid if side == 1 else ask
            money += round_cents(profit_money(params, side, steps, book.floats[row, F_ENTRY], price))
            money += book.floats[row, F_SWAP]
    return money


@kernel
def leg_margin(params: Params, charges: Charges, book: Book, leg: int, side: int, steps: int, price: float) -> float:
    """Return what the open positions of a leg would bind together with ``steps`` more of ``side`` at ``price``; 0 steps for none."""
    buys, sells, buy_margin, sell_margin = 0, 0, 0.0, 0.0
    if steps > 0:
        added = margin_money(params, charges, steps, price)
        if side == 1:
            buys, buy_margin = steps, added
        else:
            sells, sell_margin = steps, added
    for row in range(book.tally[N_OPEN]):
        if book.ints[row, P_LEG] == leg:
            if book.ints[row, P_SIDE] == 1:
                buys += book.ints[row, P_STEPS]
                buy_margin += book.floats[row, F_MARGIN]
            else:
                sells += book.ints[row, P_STEPS]
                sell_margin += book.floats[row, F_MARGIN]
    return bound_margin(charges, buys, buy_margin, sells, sell_margin)
