"""The backtest's loop over several strategies and symbols on one account: the steps of `run_loop`, moment by moment over all legs."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import (
    EXIT_END,
    EXIT_STOP_OUT,
    F_ENTRY,
    F_SWAP,
    M_BALANCE,
    M_DAY_START,
    N_OPEN,
    P_LEG,
    P_SIDE,
    P_STEPS,
    Book,
    add_swap,
    close_position,
    floating_money,
    leg_margin,
)
from trading.engine.charges import Charges, profit_money, round_cents
from trading.engine.decide import SKIP_POSITIONS
from trading.engine.params import Params
from trading.engine.step import (
    Events,
    Market,
    ask_at,
    decide_exits,
    decide_open,
    decided_at,
    fill_open,
    fill_path,
)
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@kernel
def run_legs(
    params: tuple[Params, ...],
    charges: tuple[Charges, ...],
    markets: tuple[Market, ...],
    events: tuple[Events, ...],
    bar_at: IntArray,
    turns: NDArray[np.bool_],
    positions_max: int,
    book: Book,
    pessimistic: bool,
    due: IntArray,
    quotes: FloatArray,
    equity: FloatArray,
) -> int:
    """
    Run all legs; fill the book's trades and the equity at the close of every moment [account currency].

    :param bar_at: for every leg (row) and moment (column) the number of its bar that opens then, -1 for none.
    :param turns: moments at which a trading day begins.
    :param positions_max: most positions of all legs together.
    :param due: zeros, one per leg; ``quotes``, two columns per leg: the last bid and ask known of it.
    """
    legs, moments = bar_at.shape
    for moment in range(moments):
        if turns[moment] and moment > 0:
            # The last equity marked is the one the new day begins with.
            book.money[M_DAY_START] = equity[moment - 1]
        for leg in range(legs):
            bar = int(bar_at[leg, moment])
            if bar >= 0:
                quotes[leg, 0] = markets[leg].open[bar]
                quotes[leg, 1] = ask_at(params[leg], markets[leg], bar, markets[leg].open[bar])
                at = due[leg]
                if at < events[leg].at.shape[0] and events[leg].at[at] == bar and events[leg].nights[at] > 0.0:
                    add_swap(params[leg], charges[leg], book, leg, events[leg].nights[at], quotes[leg, 0])
                fill_open(params[leg], charges[leg], markets[leg], book, leg, bar)
        for leg in range(legs):
            if bar_at[leg, moment] >= 0:
                _decide(
                    params, charges, markets, events, positions_max, book, due, quotes, leg, int(bar_at[leg, moment])
                )
        for leg in range(legs):
            bar = int(bar_at[leg, moment])
            if bar >= 0:
                fill_path(params[leg], charges[leg], markets[leg], book, leg, bar, pessimistic)
                quotes[leg, 0] = markets[leg].close[bar]
                quotes[leg, 1] = ask_at(params[leg], markets[leg], bar, markets[leg].close[bar])
        equity[moment] = _mark(params, charges, book, bar_at, quotes, moment)
        if equity[moment] <= 0.0:
            for rest in range(moment, moments):
                equity[rest] = equity[moment]
            return moment + 1
    return int(moments)


@kernel
def _decide(
    params: tuple[Params, ...],
    charges: tuple[Charges, ...],
    markets: tuple[Market, ...],
    events: tuple[Events, ...],
    positions_max: int,
    book: Book,
    due: IntArray,
    quotes: FloatArray,
    leg: int,
    bar: int,
) -> None:
    at = int(due[leg])
    if at >= events[leg].at.shape[0] or events[leg].at[at] != bar:
        decided = decided_at(markets[leg], bar)
        if params[leg].is_managed and decided >= 0:
            decide_exits(params[leg], charges[leg], markets[leg], book, leg, bar, decided, 0, 0, False)
        return
    due[leg] = at + 1
    decided = int(events[leg].decided[at])
    if decided < 0:
        return
    signal = int(events[leg].side[at])
    # Sizing sees the book of the moment, before this bar's own closes are done.
    balance = book.money[M_BALANCE]
    worth = _worth(params, book, quotes)
    closes, must_be_flat = int(events[leg].closes[at]), events[leg].must_be_flat[at]
    decide_exits(params[leg], charges[leg], markets[leg], book, leg, bar, decided, signal, closes, must_be_flat)
    if signal == 0:
        return
    free = math.inf
    if charges[leg].margin_per_lot > 0.0:
        free = _worth(params, book, quotes) - _bound(params, charges, book, leg)
    if book.tally[N_OPEN] >= positions_max:
        # No room on the account: as if the leg itself had none.
        book.skipped[SKIP_POSITIONS] += 1
        return
    decide_open(params[leg], charges[leg], markets[leg], book, events[leg], at, leg, balance, worth, free)


@kernel
def _worth(params: tuple[Params, ...], book: Book, quotes: FloatArray) -> float:
    """Return balance and floating profit of all legs at the last quotes known."""
    money = book.money[M_BALANCE]
    for leg in range(quotes.shape[0]):
        money += floating_money(params[leg], book, leg, quotes[leg, 0], quotes[leg, 1])
    return float(money)


@kernel
def _bound(params: tuple[Params, ...], charges: tuple[Charges, ...], book: Book, but: int) -> float:
    """Return the margin bound by all legs but one."""
    money = 0.0
    for leg in range(len(charges)):
        if leg != but:
            money += leg_margin(params[leg], charges[leg], book, leg, 1, 0, 1.0)
    return money


@kernel
def _mark(
    params: tuple[Params, ...],
    charges: tuple[Charges, ...],
    book: Book,
    bar_at: IntArray,
    quotes: FloatArray,
    moment: int,
) -> float:
    """Return the equity, after the broker closed what the account can no longer hold, and at the end everything."""
    while book.tally[N_OPEN] > 0:
        worth, margin = _worth(params, book, quotes), _bound(params, charges, book, -1)
        level = charges[0].stop_out_level
        # Nothing is left to lose below zero.
        if worth > 0.0 and (margin == 0.0 or worth > margin * level):
            break
        row = 0 if worth <= 0.0 else _find_worst(params, book, quotes)
        _close_at_last(params, charges, book, bar_at, quotes, moment, row, EXIT_STOP_OUT)
    if moment == bar_at.shape[1] - 1:
        while book.tally[N_OPEN] > 0:
            _close_at_last(params, charges, book, bar_at, quotes, moment, 0, EXIT_END)
    return _worth(params, book, quotes)


@kernel
def _close_at_last(
    params: tuple[Params, ...],
    charges: tuple[Charges, ...],
    book: Book,
    bar_at: IntArray,
    quotes: FloatArray,
    moment: int,
    row: int,
    reason: int,
) -> None:
    leg = int(book.ints[row, P_LEG])
    price = quotes[leg, 0] if book.ints[row, P_SIDE] == 1 else quotes[leg, 1]
    last = moment
    while bar_at[leg, last] < 0:
        last -= 1
    bar = int(bar_at[leg, last])
    close_position(params[leg], charges[leg], book, row, int(book.ints[row, P_STEPS]), bar, price, reason)


@kernel
def _find_worst(params: tuple[Params, ...], book: Book, quotes: FloatArray) -> int:
    worst, least = 0, math.inf
    for row in range(book.tally[N_OPEN]):
        leg = int(book.ints[row, P_LEG])
        side, steps = book.ints[row, P_SIDE], book.ints[row, P_STEPS]
        price = quotes[leg, 0] if side == 1 else quotes[leg, 1]
        money = round_cents(profit_money(params[leg], side, steps, book.floats[row, F_ENTRY], price))
        money += book.floats[row, F_SWAP]
        if money < least:
            worst, least = row, money
    return worst
