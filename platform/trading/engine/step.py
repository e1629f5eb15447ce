"""
What happens to one strategy's positions at one bar, in the numba subset: the three steps the backtests are made of.

The order is the order of the live world. At the open, levels the open has jumped over fill first (the broker was there before us);
then the strategy decides on the bar just closed with this quote and this book: its closes and its entry fill at the open, its stop moves
are in force; then the bar runs its path.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import (
    EXIT_OPPOSITE,
    EXIT_PARTIAL,
    EXIT_SESSION,
    EXIT_SIGNAL,
    EXIT_STOP,
    EXIT_TARGET,
    EXIT_TIME,
    EXIT_TRAILING,
    F_ENTRY,
    F_FIRST_STOP,
    F_STOP,
    F_TARGET,
    F_TRAIL,
    M_BALANCE,
    M_DAY_START,
    N_OPEN,
    P_DECIDED,
    P_FIRST_STEPS,
    P_LEG,
    P_MOVED,
    P_SIDE,
    P_STEPS,
    Book,
    close_position,
    leg_margin,
    open_position,
)
from trading.engine.charges import Charges
from trading.engine.decide import (
    CLOSE_OPPOSITE,
    CLOSE_SESSION,
    CLOSE_SIGNAL,
    CLOSE_TIME,
    HOLD,
    NO_SIGNAL,
    OPEN,
    SKIP_MARGIN,
    Held,
    Moment,
    decide_entry,
    decide_position,
)
from trading.engine.match import NO_FILL, STOP_FILL, match_open, match_path
from trading.engine.params import Params
from trading.engine.prices import snap
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Market(NamedTuple):
    """
    The bars of one symbol: those the price is known by, on ticks, and of the strategy's own (the same or coarser) what `decide` needs.

    ``spread`` holds one price for all bars, or one for each. ``closed`` holds, for every bar, the number of the strategy's bar that is
    over where it opens and was not before, -1 where there is none; empty where both are the same bars.
    """

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    spread: FloatArray
    closed: IntArray
    own_time: IntArray
    own_high: FloatArray
    own_low: FloatArray
    own_seconds: int


class Events(NamedTuple):
    """
    The bars at whose opening more may happen than levels being reached, in order, and what is known there.

    ``decided`` is the strategy's bar that closed there (-1: none did); ``side`` to the distances are its wishes; ``nights`` of swap are
    due; ``turns`` says that a trading day begins; the rest are the facts of that moment.
    """

    at: IntArray
    decided: IntArray
    side: NDArray[np.int8]
    closes: NDArray[np.int8]
    must_be_flat: NDArray[np.bool_]
    in_window: NDArray[np.bool_]
    stop_distance: FloatArray
    target_distance: FloatArray
    trail_distance: FloatArray
    nights: FloatArray
    turns: NDArray[np.bool_]
    entries_allowed: NDArray[np.bool_]
    lot_multiplier: FloatArray
    risk_budget: FloatArray


@kernel
def spread_at(market: Market, bar: int) -> float:
    """Return the spread of a bar [price]."""
    return float(market.spread[bar] if market.spread.shape[0] > 1 else market.spread[0])


@kernel
def ask_at(params: Params, market: Market, bar: int, bid: float) -> float:
    """Return the ask beside a bid of a bar, on a tick."""
    return snap(bid + spread_at(market, bar), params.tick_numerator, params.tick_denominator)


@kernel
def decided_at(market: Market, bar: int) -> int:
    """Return the strategy's bar that is over where ``bar`` opens; -1 for none."""
    return bar - 1 if market.closed.shape[0] == 0 else int(market.closed[bar])


@kernel
def fill_open(params: Params, charges: Charges, market: Market, book: Book, leg: int, bar: int) -> None:
    """Fill what the open has jumped over."""
    bid = market.open[bar]
    ask = ask_at(params, market, bar, bid)
    row = 0
    while row < book.tally[N_OPEN]:
        if book.ints[row, P_LEG] != leg:
            row += 1
            continue
        side = book.ints[row, P_SIDE]
        kind, price = match_open(side, book.floats[row, F_STOP], book.floats[row, F_TARGET], bid, ask)
        if kind == NO_FILL:
            row += 1
        else:
            _fill(params, charges, book, row, bar, kind, price)


@kernel
def fill_path(
    params: Params, charges: Charges, market: Market, book: Book, leg: int, bar: int, pessimistic: bool
) -> None:
    """Fill what the bar reaches on its way."""
    spread = spread_at(market, bar)
    row = 0
    while row < book.tally[N_OPEN]:
        if book.ints[row, P_LEG] != leg:
            row += 1
            continue
        kind, price = match_path(
            book.ints[row, P_SIDE],
            book.floats[row, F_STOP],
            book.floats[row, F_TARGET],
            market.open[bar],
            market.high[bar],
            market.low[bar],
            market.close[bar],
            spread,
            pessimistic,
        )
        if kind == NO_FILL:
            row += 1
        else:
            _fill(params, charges, book, row, bar, kind, price)


@kernel
def _fill(params: Params, charges: Charges, book: Book, row: int, bar: int, kind: int, price: float) -> None:
    reason = EXIT_TARGET
    if kind == STOP_FILL:
        reason = EXIT_TRAILING if book.ints[row, P_MOVED] else EXIT_STOP
        worse = price - book.ints[row, P_SIDE] * charges.slippage
        price = snap(worse, params.tick_numerator, params.tick_denominator)
    close_position(params, charges, book, row, book.ints[row, P_STEPS], bar, price, reason)


@kernel
def decide_exits(
    params: Params,
    charges: Charges,
    market: Market,
    book: Book,
    leg: int,
    bar: int,
    decided: int,
    signal: int,
    closes: int,
    must_be_flat: bool,
) -> None:
    """Ask `decide_position` about every position of the leg, and do what it says at the open of ``bar``."""
    bid = market.open[bar]
    ask = ask_at(params, market, bar, bid)
    moment = Moment(signal, closes, must_be_flat, market.own_high[decided], market.own_low[decided], bid, ask)
    closed_s = market.own_time[decided] + market.own_seconds
    row = 0
    while row < book.tally[N_OPEN]:
        if book.ints[row, P_LEG] != leg:
            row += 1
            continue
        side, first = book.ints[row, P_SIDE], book.ints[row, P_DECIDED] + 1
        held = Held(
            side,
            book.ints[row, P_STEPS],
            book.ints[row, P_FIRST_STEPS],
            book.floats[row, F_ENTRY],
            book.floats[row, F_STOP],
            book.floats[row, F_FIRST_STOP],
            book.floats[row, F_TRAIL],
            decided - first + 1,
            closed_s - market.own_time[first],
        )
        action, part, moved = decide_position(params, moment, held)
        price = snap(
            (bid if side == 1 else ask) - side * charges.slippage, params.tick_numerator, params.tick_denominator
        )
        if action != HOLD:
            close_position(params, charges, book, row, held.steps, bar, price, _find_exit(action))
            continue
        if part > 0:
            close_position(params, charges, book, row, part, bar, price, EXIT_PARTIAL)
        if moved != 0.0:
            book.floats[row, F_STOP] = moved
            book.ints[row, P_MOVED] = 1
        row += 1


@kernel
def _find_exit(action: int) -> int:
    if action == CLOSE_OPPOSITE:
        return EXIT_OPPOSITE
    if action == CLOSE_SIGNAL:
        return EXIT_SIGNAL
    if action == CLOSE_TIME:
        return EXIT_TIME
    if action == CLOSE_SESSION:
        return EXIT_SESSION
    return EXIT_TRAILING


@kernel
def count_leg(book: Book, leg: int) -> int:
    """Return how many positions a leg holds."""
    count = 0
    for row in range(book.tally[N_OPEN]):
        if book.ints[row, P_LEG] == leg:
            count += 1
    return count


@kernel
def decide_open(
    params: Params,
    charges: Charges,
    market: Market,
    book: Book,
    events: Events,
    event: int,
    leg: int,
    balance: float,
    equity: float,
    free_margin: float,
) -> None:
    """
    Ask `decide_entry` what the event's signal comes to, and open it at the open of its bar, where the broker has the margin.

    :param balance: and ``equity``, those of the moment, before this bar's own closes.
    :param free_margin: what the account could still bind beside the leg's own positions; infinite where margin is not asked for.
    """
    bar = int(events.at[event])
    signal = int(events.side[event])
    bid = market.open[bar]
    ask = ask_at(params, market, bar, bid)
    verdict, steps, entry, stop, target = decide_entry(
        params,
        signal,
        events.in_window[event] and not events.must_be_flat[event],
        events.entries_allowed[event],
        count_leg(book, leg),
        bid,
        ask,
        balance,
        equity,
        book.money[M_DAY_START],
        events.risk_budget[event],
        events.lot_multiplier[event],
        events.stop_distance[event],
        events.target_distance[event],
    )
    asks = verdict == OPEN and free_margin < math.inf
    if asks and leg_margin(params, charges, book, leg, signal, steps, entry) > free_margin:
        verdict = SKIP_MARGIN
    if verdict == OPEN:
        decided, trail = int(events.decided[event]), events.trail_distance[event]
        open_position(params, charges, book, leg, bar, decided, signal, steps, entry, stop, target, trail)
    elif verdict != NO_SIGNAL:
        book.skipped[verdict] += 1


@kernel
def has_money(book: Book) -> bool:
    """Say whether the balance is still above zero."""
    return bool(book.money[M_BALANCE] > 0.0)
