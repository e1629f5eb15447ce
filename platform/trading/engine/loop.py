"""
The backtest's loop over one strategy: `match`, then `decide`, bar after bar, in the numba subset.

A bar at which nothing can happen is not walked through. While nothing is open and no signal is due, nothing happens; while positions
with standing levels are open, nothing happens before a level is reached or the next event is due. So the loop runs from event to
event, and only marks the account in between; where nobody has asked for the equity yet, not even that. ``skips=False`` walks every bar:
the results are the same, and a test holds them so.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import (
    EXIT_END,
    EXIT_STOP_OUT,
    F_ENTRY,
    F_STOP,
    F_SWAP,
    F_TARGET,
    M_BALANCE,
    M_DAY_START,
    N_OPEN,
    P_SIDE,
    P_STEPS,
    Book,
    add_swap,
    close_position,
    floating_money,
    leg_margin,
)
from trading.engine.charges import Charges, profit_money, round_cents
from trading.engine.params import Params
from trading.engine.prices import snap
from trading.engine.step import (
    Events,
    Market,
    ask_at,
    decide_exits,
    decide_open,
    decided_at,
    fill_open,
    fill_path,
    spread_at,
)
from trading.jit import kernel

FloatArray = NDArray[np.float64]

# A level may be missed by a unit in the last place: a bar this near to it is walked through.
_NEAR = 2e-9


@kernel
def run_loop(
    params: Params,
    charges: Charges,
    market: Market,
    events: Events,
    book: Book,
    pessimistic: bool,
    skips: bool,
    equity: FloatArray,
) -> int:
    """
    Run a strategy over bars; fill the book's trades and the equity at every bar's close [account currency].

    Without room in ``equity`` none is marked; the trades are the same. A day that turns needs it marked. Returns the number of bars
    lived through: fewer than there are where the account was ruined; equity stands still from there.
    """
    bars = market.close.shape[0]
    marks = equity.shape[0] == bars
    due, bar = 0, 0
    while bar < bars:
        next_at = int(events.at[due]) if due < events.at.shape[0] else bars
        if skips and bar < next_at:
            if book.tally[N_OPEN] == 0:
                if marks:
                    _stand_still(equity, bar, next_at, book.money[M_BALANCE])
                bar = next_at
            elif not params.is_managed:
                bar = _run_ahead(params, charges, market, book, bar, min(next_at, bars - 1), equity)
            if bar == bars:
                break
        has_event = due < events.at.shape[0] and events.at[due] == bar
        if has_event and events.turns[due] and bar > 0:
            # The last equity marked is the one the new day begins with.
            book.money[M_DAY_START] = equity[bar - 1]
        if has_event and events.nights[due] > 0.0:
            add_swap(params, charges, book, 0, events.nights[due], market.open[bar])
        if book.tally[N_OPEN] > 0:
            fill_open(params, charges, market, book, 0, bar)
        if has_event and events.decided[due] >= 0:
            _decide(params, charges, market, book, events, due, bar)
        elif params.is_managed and book.tally[N_OPEN] > 0 and decided_at(market, bar) >= 0:
            decide_exits(params, charges, market, book, 0, bar, decided_at(market, bar), 0, 0, False)
        if has_event:
            due += 1
        if book.tally[N_OPEN] > 0:
            fill_path(params, charges, market, book, 0, bar, pessimistic)
        worth = _mark(params, charges, market, book, bar)
        if marks:
            equity[bar] = worth
        bar += 1
        if worth <= 0.0:
            if marks:
                _stand_still(equity, bar, bars, worth)
            break
    return bar


@kernel
def _decide(params: Params, charges: Charges, market: Market, book: Book, events: Events, due: int, bar: int) -> None:
    signal = int(events.side[due])
    # Sizing sees the book of the moment, before this bar's own closes are done.
    balance = book.money[M_BALANCE]
    worth = balance
    if book.tally[N_OPEN] > 0:
        if signal != 0:
            bid = market.open[bar]
            worth += floating_money(params, book, 0, bid, ask_at(params, market, bar, bid))
        closes, must_be_flat = int(events.closes[due]), events.must_be_flat[due]
        decide_exits(params, charges, market, book, 0, bar, int(events.decided[due]), signal, closes, must_be_flat)
    if signal != 0:
        free = math.inf
        if charges.margin_per_lot > 0.0:
            bid = market.open[bar]
            free = book.money[M_BALANCE] + floating_money(params, book, 0, bid, ask_at(params, market, bar, bid))
        decide_open(params, charges, market, book, events, due, 0, balance, worth, free)


@kernel
def _mark(params: Params, charges: Charges, market: Market, book: Book, bar: int) -> float:
    """Return the equity at a bar's close, after the broker closed what the account can no longer hold, and at the end everything."""
    if book.tally[N_OPEN] == 0:
        return float(book.money[M_BALANCE])
    bid = market.close[bar]
    ask = ask_at(params, market, bar, bid)
    while book.tally[N_OPEN] > 0:
        worth = book.money[M_BALANCE] + floating_money(params, book, 0, bid, ask)
        margin = leg_margin(params, charges, book, 0, 1, 0, bid)
        # Nothing is left to lose below zero.
        if worth > 0.0 and (margin == 0.0 or worth > margin * charges.stop_out_level):
            break
        row = 0 if worth <= 0.0 else find_worst(params, book, bid, ask)
        price = bid if book.ints[row, P_SIDE] == 1 else ask
        close_position(params, charges, book, row, book.ints[row, P_STEPS], bar, price, EXIT_STOP_OUT)
    if bar == market.close.shape[0] - 1:
        while book.tally[N_OPEN] > 0:
            price = bid if book.ints[0, P_SIDE] == 1 else ask
            close_position(params, charges, book, 0, book.ints[0, P_STEPS], bar, price, EXIT_END)
    return float(book.money[M_BALANCE] + floating_money(params, book, 0, bid, ask))


@kernel
def find_worst(params: Params, book: Book, bid: float, ask: float) -> int:
    """Return the position that has lost most: the one a broker closes first."""
    worst, least = 0, math.inf
    for row in range(book.tally[N_OPEN]):
        side, steps = book.ints[row, P_SIDE], book.ints[row, P_STEPS]
        price = bid if side == 1 else ask
        money = round_cents(profit_money(params, side, steps, book.floats[row, F_ENTRY], price))
        money += book.floats[row, F_SWAP]
        if money < least:
            worst, least = row, money
    return worst


@kernel
def _stand_still(equity: FloatArray, start: int, end: int, money: float) -> None:
    for bar in range(start, end):
        equity[bar] = money


@kernel
def _run_ahead(
    params: Params, charges: Charges, market: Market, book: Book, start: int, end: int, equity: FloatArray
) -> int:
    """Mark the account until a level may be reached or it may be ruined, at most until ``end``; return that bar."""
    low_at, high_at = _find_bounds(market, book, start, end)
    stop = _find_touch(market, start, end, low_at, high_at)
    floor = 0.0
    if charges.stop_out_level > 0.0:
        floor = charges.stop_out_level * leg_margin(params, charges, book, 0, 1, 0, 1.0)
    marks = equity.shape[0] == market.close.shape[0]
    if not marks and floor == 0.0 and _is_safe(params, book, low_at, high_at):
        return stop
    if book.tally[N_OPEN] > 1 or params.converts_by_price:
        return _mark_many(params, market, book, start, stop, floor, equity)
    return _mark_one(params, market, book, start, stop, floor, equity)


@kernel
def _find_touch(market: Market, start: int, end: int, low_at: float, high_at: float) -> int:
    """Return the first bar from ``start`` on whose low or high is at or beyond a bound, at most ``end``."""
    bar = start
    # Blocks of bars are looked at without a branch for each.
    while bar + 16 <= end:
        touched = 0
        for place in range(bar, bar + 16):
            touched += int(market.low[place] <= low_at) + int(market.high[place] >= high_at)
        if touched > 0:
            break
        bar += 16
    while bar < end and market.low[bar] > low_at and market.high[bar] < high_at:
        bar += 1
    return bar


@kernel
def _is_safe(params: Params, book: Book, low_at: float, high_at: float) -> bool:
    """Say whether the account stays above zero while no level is reached: one position, at its stop, leaves more than nothing."""
    if book.tally[N_OPEN] != 1 or book.floats[0, F_STOP] == 0.0:
        return False
    side, steps, entry = book.ints[0, P_SIDE], book.ints[0, P_STEPS], book.floats[0, F_ENTRY]
    worst = profit_money(params, side, steps, entry, book.floats[0, F_STOP])
    return bool(book.money[M_BALANCE] + book.floats[0, F_SWAP] + min(worst, 0.0) > 1.0)


@kernel
def _find_bounds(market: Market, book: Book, start: int, end: int) -> tuple[float, float]:
    """Return the bids at or below, and at or above which a level may be reached."""
    least, most = spread_at(market, start), spread_at(market, start)
    if market.spread.shape[0] > 1:
        for bar in range(start, end):
            least, most = min(least, market.spread[bar]), max(most, market.spread[bar])
    low_at, high_at = -math.inf, math.inf
    for row in range(book.tally[N_OPEN]):
        stop, target = book.floats[row, F_STOP], book.floats[row, F_TARGET]
        if book.ints[row, P_SIDE] == 1:
            if stop != 0.0:
                low_at = max(low_at, stop)
            if target != 0.0:
                high_at = min(high_at, target)
        else:
            if stop != 0.0:
                high_at = min(high_at, stop - most - stop * _NEAR)
            if target != 0.0:
                low_at = max(low_at, target - least + target * _NEAR)
    return low_at, high_at


@kernel
def _mark_one(
    params: Params, market: Market, book: Book, start: int, end: int, floor: float, equity: FloatArray
) -> int:
    side, steps, entry = book.ints[0, P_SIDE], book.ints[0, P_STEPS], book.floats[0, F_ENTRY]
    balance, swap = book.money[M_BALANCE], book.floats[0, F_SWAP]
    tick_n, tick_d = params.tick_numerator, params.tick_denominator
    many = market.spread.shape[0] > 1
    marks = equity.shape[0] == market.close.shape[0]
    limit = max(floor, 0.0)
    ruined = 0
    for bar in range(start, end):
        price = market.close[bar]
        if side == -1:
            price = snap(price + (market.spread[bar] if many else market.spread[0]), tick_n, tick_d)
        money = (price - entry) * side * steps * params.lots_per_step * params.unit_profit
        worth = balance + (round_cents(money) + swap)
        ruined += int(worth <= limit)
        if marks:
            equity[bar] = worth
    if ruined == 0:
        return end
    return _find_ruin(params, market, book, start, end, limit)


@kernel
def _find_ruin(params: Params, market: Market, book: Book, start: int, end: int, limit: float) -> int:
    bar = start
    while bar < end:
        bid = market.close[bar]
        worth = book.money[M_BALANCE] + floating_money(params, book, 0, bid, ask_at(params, market, bar, bid))
        if worth <= limit:
            break
        bar += 1
    return bar


@kernel
def _mark_many(
    params: Params, market: Market, book: Book, start: int, end: int, floor: float, equity: FloatArray
) -> int:
    for bar in range(start, end):
        bid = market.close[bar]
        worth = book.money[M_BALANCE] + floating_money(params, book, 0, bid, ask_at(params, market, bar, bid))
        if worth <= 0.0 or worth <= floor:
            return bar
        if equity.shape[0] == market.close.shape[0]:
            equity[bar] = worth
    return end
