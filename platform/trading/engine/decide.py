"""
`decide`: what a strategy does when a bar has closed. One rule for backtest, paper and live.

It is asked at the moment of the next open, with that moment's quote and book, and knows closed bars only. Two pure functions of
scalars: one for every position held, one for the entry. Stops move here, at bar closes, and never away from the price. Nothing is
remembered between two bars that the book does not say: so a restart decides as if there had been none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.engine.lots import STEP_TOLERANCE, size_steps
from trading.engine.params import Params, Reach
from trading.engine.prices import snap, to_ticks, whole_ticks
from trading.engine.source import CLOSE_ALL, CLOSE_BUYS, CLOSE_SELLS
from trading.jit import kernel

HOLD, CLOSE_OPPOSITE, CLOSE_TRAILING, CLOSE_SIGNAL, CLOSE_TIME, CLOSE_SESSION = 0, 1, 2, 3, 4, 5

NO_SIGNAL, OPEN = 0, 1
SKIP_DIRECTION, SKIP_FILTER, SKIP_NOT_ALLOWED, SKIP_POSITIONS, SKIP_DAILY_LOSS, SKIP_STOP, SKIP_VOLUME, SKIP_MARGIN = (
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
)

SKIP_NAMES = {
    SKIP_DIRECTION: "direction",
    SKIP_FILTER: "filters",
    SKIP_NOT_ALLOWED: "entries_not_allowed",
    SKIP_POSITIONS: "max_open_trades",
    SKIP_DAILY_LOSS: "max_daily_loss",
    SKIP_STOP: "stop_too_near",
    SKIP_VOLUME: "below_minimum_volume",
    SKIP_MARGIN: "not_enough_margin",
}


class Moment(NamedTuple):
    """
    The closed bar as its next open sees it: the raw signal (+1, -1, 0), what the strategy wants out of, the bar's extremes [bid] and
    the quote of this moment, all on ticks. ``must_be_flat``: nothing may be held over this moment.
    """

    signal: int
    closes: int
    must_be_flat: bool
    high: float
    low: float
    bid: float
    ask: float


class Held(NamedTuple):
    """
    One position held through the closed bar; prices 0.0 where there are none.

    ``first_steps`` and ``first_stop`` are those of the opening. ``trail`` is the trailing distance the strategy gave it, 0.0 for the
    rules' own. ``bars`` and ``seconds`` count from the opening of the bar it was opened in to the close of this one.
    """

    side: int
    steps: int
    first_steps: int
    entry: float
    stop: float
    first_stop: float
    trail: float
    bars: int
    seconds: int


@kernel
def decide_position(params: Params, moment: Moment, held: Held) -> tuple[int, int, float]:
    """
    Return ``(HOLD | CLOSE_..., steps to close now, new stop)``; 0 and 0.0 for none. A close closes all.

    Trailing and break-even begin once the best price of a bar is so far in profit, and a partial exit once it has reached its level;
    all act at the bar's close, at the market. A new stop the market has already passed closes at once; one the broker would
    not take yet waits.
    """
    if params.exit_on_opposite and moment.signal == -held.side:
        return CLOSE_OPPOSITE, 0, 0.0
    if moment.closes != 0 and _is_closed_by(moment.closes, held.side):
        return CLOSE_SIGNAL, 0, 0.0
    if moment.must_be_flat:
        return CLOSE_SESSION, 0, 0.0
    if not params.is_managed:
        return HOLD, 0, 0.0
    if 0 < params.bars_max <= held.bars or 0 < params.seconds_max <= held.seconds:
        return CLOSE_TIME, 0, 0.0
    best = moment.high
    if held.side == -1:
        best = snap(moment.low + (moment.ask - moment.bid), params.tick_numerator, params.tick_denominator)
    risk = abs(held.entry - held.first_stop) if held.first_stop != 0.0 else 0.0
    moved = _move_stop(params, held, best, risk)
    part = _find_part(params, held, best, risk) if params.partials.shape[0] > 0 else 0
    if moved == 0.0:
        return HOLD, part, 0.0
    room = moment.bid - moved if held.side == 1 else moved - moment.ask
    ticks = to_ticks(room, params.tick_numerator, params.tick_denominator)
    if ticks <= 0.0:
        return CLOSE_TRAILING, 0, 0.0
    if ticks < params.stops_level_ticks:
        return HOLD, part, 0.0
    return HOLD, part, moved


@kernel
def _is_closed_by(closes: int, side: int) -> bool:
    return closes == CLOSE_ALL or (closes == CLOSE_BUYS and side == 1) or (closes == CLOSE_SELLS and side == -1)


@kernel
def find_distance(params: Params, rule: Reach, entry: float, risk: float) -> float:
    """Return a distance in whole ticks, rounded down, as a price; 0.0 where there is none; infinite for multiples of no risk."""
    if rule.r > 0.0 and risk == 0.0:
        return math.inf
    distance = rule.price + rule.fraction * entry + rule.r * risk
    return whole_ticks(distance, params.tick_numerator, params.tick_denominator)


@kernel
def _has_reached(params: Params, rule: Reach, held: Held, best: float, risk: float) -> bool:
    distance = find_distance(params, rule, held.entry, risk)
    if distance == math.inf:
        return False
    profit = (best - held.entry) * held.side
    return to_ticks(profit - distance, params.tick_numerator, params.tick_denominator) >= 0.0


@kernel
def _move_stop(params: Params, held: Held, best: float, risk: float) -> float:
    """Return the stop that trailing and break-even want, where it is nearer than the one in force; else 0.0."""
    moved = 0.0
    distance = held.trail if held.trail > 0.0 else find_distance(params, params.trail, held.entry, risk)
    if 0.0 < distance < math.inf:
        trailed = snap(best - held.side * distance, params.tick_numerator, params.tick_denominator)
        if params.trails_from_start:
            begun = _has_reached(params, params.trail_start, held, best, risk)
        else:
            begun = (trailed - held.entry) * held.side >= 0.0
        if begun:
            moved = trailed
    rule = params.break_even_at
    if rule.price + rule.fraction + rule.r > 0.0 and _has_reached(params, rule, held, best, risk):
        level = held.entry + held.side * find_distance(params, params.break_even_offset, held.entry, risk)
        level = snap(level, params.tick_numerator, params.tick_denominator)
        if moved == 0.0 or (level - moved) * held.side > 0.0:
            moved = level
    if moved <= 0.0 or (held.stop != 0.0 and (moved - held.stop) * held.side <= 0.0):
        return 0.0
    return moved


@kernel
def _find_part(params: Params, held: Held, best: float, risk: float) -> int:
    """
    Return how many steps are to be closed now: down to what the levels reached leave of the first volume.

    What is left tells which were done. A part below the minimum volume, or one that would leave less than it, is not done.
    """
    left = held.first_steps
    wanted = held.first_steps
    for row in range(params.partials.shape[0]):
        share = params.partials[row, 3]
        part = math.floor(held.first_steps * share + STEP_TOLERANCE)
        if part < params.min_steps or left - part < params.min_steps:
            continue
        left -= part
        rule = Reach(params.partials[row, 0], params.partials[row, 1], params.partials[row, 2])
        if _has_reached(params, rule, held, best, risk):
            wanted = left
    part = held.steps - wanted
    return part if part >= params.min_steps else 0


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
    stop_distance: float = 0.0,
    target_distance: float = 0.0,
) -> tuple[int, int, float, float, float]:
    """
    Return ``(NO_SIGNAL | OPEN | SKIP_..., steps, entry, stop, target)``; stop or target 0.0 where there is none.

    :param open_positions: own positions that remain after this bar's closes.
    :param risk_budget: most that may be lost at the stop [account currency], infinite where facts set none.
    :param stop_distance: and ``target_distance``, what the strategy asks for with this signal [price]; 0.0 for the rules' own.
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
    stop, target, are_levels = _find_levels(params, signal, entry, stop_distance, target_distance)
    if not are_levels or not has_room(params, signal, bid, ask, stop, target):
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
def _find_levels(
    params: Params, side: int, entry: float, stop_distance: float, target_distance: float
) -> tuple[float, float, bool]:
    """Return ``(stop, target, whether both are possible)``; what is wanted but below one tick, or no number, is not."""
    tick_n, tick_d = params.tick_numerator, params.tick_denominator
    wants_stop = stop_distance != 0.0 or params.stop.price + params.stop.fraction > 0.0
    away = find_distance(params, params.stop, entry, 0.0)
    if stop_distance != 0.0:
        away = whole_ticks(stop_distance, tick_n, tick_d)
    if wants_stop and not 0.0 < away < entry:
        return 0.0, 0.0, False
    rule = params.target
    wants_target = target_distance != 0.0 or rule.price + rule.fraction + rule.r > 0.0
    ahead = find_distance(params, rule, entry, away)
    if target_distance != 0.0:
        ahead = whole_ticks(target_distance, tick_n, tick_d)
    if wants_target and not 0.0 < ahead < math.inf:
        return 0.0, 0.0, False
    stop = snap(entry - side * away, tick_n, tick_d) if wants_stop else 0.0
    target = snap(entry + side * ahead, tick_n, tick_d) if wants_target else 0.0
    return stop, target, True


@kernel
def has_room(params: Params, side: int, bid: float, ask: float, stop: float, target: float) -> bool:
    """Say whether stop and target (0.0: none) are as far from the quote as the broker wants them."""
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
