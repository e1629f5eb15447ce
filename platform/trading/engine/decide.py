"""
`decide`: what a strategy does when a bar has closed. One rule for backtest, paper and live.

It is asked at the moment of the next open, with that moment's quote and book, and knows closed bars only. Two pure functions of
scalars: one for every position held, one for the entry. Stops move here, at bar closes, and never away from the price.
"""

from __future__ import annotations

import math

from trading.engine.lots import size_steps
from trading.engine.params import Params
from trading.engine.prices import snap, to_ticks
from trading.jit import kernel

HOLD, CLOSE_OPPOSITE, CLOSE_TRAILING, MOVE_STOP = 0, 1, 2, 3

NO_SIGNAL, OPEN = 0, 1
SKIP_DIRECTION, SKIP_FILTER, SKIP_NOT_ALLOWED, SKIP_POSITIONS, SKIP_DAILY_LOSS, SKIP_STOP, SKIP_VOLUME = (
    2,
    3,
    4,
    5,
    6,
    7,
    8,
)

SKIP_NAMES = {
    SKIP_DIRECTION: "direction",
    SKIP_FILTER: "filters",
    SKIP_NOT_ALLOWED: "entries_not_allowed",
    SKIP_POSITIONS: "max_open_trades",
    SKIP_DAILY_LOSS: "max_daily_loss",
    SKIP_STOP: "stop_too_near",
    SKIP_VOLUME: "below_minimum_volume",
}


@kernel
def decide_position(
    params: Params, signal: int, high: float, low: float, bid: float, ask: float, side: int, entry: float, stop: float
) -> tuple[int, float]:
    """
    Return ``(HOLD | CLOSE_OPPOSITE | CLOSE_TRAILING | MOVE_STOP, new stop)`` of one position held through the closed bar.

    The trailing stop begins once the best price of a bar is the trailing distance in profit, as in the terminal, and follows the
    best price. A new stop the market has already passed closes at once; one the broker would not take yet waits.

    :param signal: the raw signal of the closed bar, +1, -1 or 0.
    :param high: and ``low``, the extremes of the closed bar [bid].
    :param bid: and ``ask``, the quote of this moment, on ticks.
    """
    if params.exit_on_opposite and signal == -side:
        return CLOSE_OPPOSITE, 0.0
    if params.trail_distance == 0.0:
        return HOLD, 0.0
    if side == 1:
        moved = snap(high - params.trail_distance, params.tick_numerator, params.tick_denominator)
        if moved < entry or moved <= stop:
            return HOLD, 0.0
        if bid <= moved:
            return CLOSE_TRAILING, 0.0
        room = bid - moved
    else:
        best = low + (ask - bid)
        moved = snap(best + params.trail_distance, params.tick_numerator, params.tick_denominator)
        if moved > entry or (stop != 0.0 and moved >= stop):
            return HOLD, 0.0
        if ask >= moved:
            return CLOSE_TRAILING, 0.0
        room = moved - ask
    if to_ticks(room, params.tick_numerator, params.tick_denominator) < params.stops_level_ticks:
        return HOLD, 0.0
    return MOVE_STOP, moved


@kernel
def decide_entry(
    params: Params,
    signal: int,
    in_window: bool,
    entries_allowed: bool,
    open_positions: int,
    bid: float,
    ask: float,
    balance: float,
    equity: float,
    day_start_equity: float,
    risk_budget: float,
    lot_multiplier: float,
) -> tuple[int, int, float, float, float]:
    """
    Return ``(NO_SIGNAL | OPEN | SKIP_..., steps, entry, stop, target)``; stop or target 0.0 where there is none.

    :param open_positions: own positions that remain after this bar's closes.
    :param risk_budget: most that may be lost at the stop [account currency], infinite where facts set none.
    """
    if signal == 0:
        return NO_SIGNAL, 0, 0.0, 0.0, 0.0
    if (signal == 1 and not params.buys) or (signal == -1 and not params.sells):
        return SKIP_DIRECTION, 0, 0.0, 0.0, 0.0
    if not in_window:
        return SKIP_FILTER, 0, 0.0, 0.0, 0.0
    if not entries_allowed:
        return SKIP_NOT_ALLOWED, 0, 0.0, 0.0, 0.0
    if open_positions >= params.open_positions_max:
        return SKIP_POSITIONS, 0, 0.0, 0.0, 0.0
    # Asked the positive way round, so that a NaN in the book refuses.
    if params.daily_loss_fraction > 0.0 and not equity > day_start_equity * (1.0 - params.daily_loss_fraction):
        return SKIP_DAILY_LOSS, 0, 0.0, 0.0, 0.0

    entry = ask if signal == 1 else bid
    stop, target = 0.0, 0.0
    if params.stop_distance > 0.0:
        stop = snap(entry - signal * params.stop_distance, params.tick_numerator, params.tick_denominator)
    if params.target_distance > 0.0:
        target = snap(entry + signal * params.target_distance, params.tick_numerator, params.tick_denominator)
    if not _has_room(params, signal, bid, ask, stop, target):
        return SKIP_STOP, 0, 0.0, 0.0, 0.0

    if not risk_budget > 0.0:
        return SKIP_VOLUME, 0, 0.0, 0.0, 0.0
    risk_money = risk_budget
    if params.risk_fraction > 0.0:
        by_balance = balance * params.risk_fraction
        if not by_balance > 0.0:
            return SKIP_VOLUME, 0, 0.0, 0.0, 0.0
        risk_money = min(by_balance, risk_budget)
    if risk_money < math.inf and stop == 0.0:
        return SKIP_STOP, 0, 0.0, 0.0, 0.0
    steps = size_steps(params, risk_money, entry, stop, lot_multiplier)
    if steps == 0:
        return SKIP_VOLUME, 0, 0.0, 0.0, 0.0
    return OPEN, steps, entry, stop, target


@kernel
def _has_room(params: Params, side: int, bid: float, ask: float, stop: float, target: float) -> bool:
    # A position is closed at the other side of the quote: a stop inside the spread would close it as it opens.
    exit_price = bid if side == 1 else ask
    if stop < 0.0 or target < 0.0:
        return False
    if stop != 0.0 and not _is_far_enough(params, (exit_price - stop) * side):
        return False
    return target == 0.0 or _is_far_enough(params, (target - exit_price) * side)


@kernel
def _is_far_enough(params: Params, room: float) -> bool:
    ticks = to_ticks(room, params.tick_numerator, params.tick_denominator)
    return ticks > 0.0 and ticks >= params.stops_level_ticks
