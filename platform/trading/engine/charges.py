"""What a broker charges and binds: commission, swap, margin, to the cent, in the numba subset."""

from __future__ import annotations

import math
from typing import NamedTuple

from trading.engine.params import Params
from trading.jit import kernel


class Charges(NamedTuple):
    """
    Plain numbers of one symbol's costs; 0 means "none".

    ``slippage`` is a price by which market and stop fills are worse; commission is per lot and side [account currency]; swaps are a
    price per night that a lot earns (negative: pays). ``margin_per_lot`` is money, or money per 1.0 of the price where
    ``margin_by_price``; ``margin_hedged_fraction`` is the share of it that a lot covered by an opposite one still binds.
    """

    slippage: float = 0.0
    commission_per_lot: float = 0.0
    swap_long: float = 0.0
    swap_short: float = 0.0
    margin_per_lot: float = 0.0
    margin_by_price: bool = False
    margin_hedged_fraction: float = 0.0
    stop_out_level: float = 0.0
    """Equity as a fraction of the margin bound, at which the broker closes positions."""


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
def commission_money(params: Params, charges: Charges, steps: int) -> float:
    """Return the commission of one deal, to the cent."""
    if charges.commission_per_lot == 0.0:
        return 0.0
    return round_cents(charges.commission_per_lot * steps * params.lots_per_step)


@kernel
def swap_money(params: Params, charges: Charges, side: int, steps: int, nights: float, price: float) -> float:
    """Return what so many nights add to a position's swap, to the cent; negative where they cost."""
    per_night = charges.swap_long if side == 1 else charges.swap_short
    move = per_night * steps * params.lots_per_step * nights
    if params.converts_by_price:
        return round_cents(move * params.contract_size / price)
    return round_cents(move * params.unit_profit)


@kernel
def margin_money(params: Params, charges: Charges, steps: int, price: float) -> float:
    """Return what a position opened at ``price`` binds by itself, to the cent."""
    money = charges.margin_per_lot * steps * params.lots_per_step
    return round_cents(money * price if charges.margin_by_price else money)


@kernel
def bound_margin(charges: Charges, buy_steps: int, buy_margin: float, sell_steps: int, sell_margin: float) -> float:
    """
    Return what positions of one symbol bind together: opposite ones cover each other, and the uncovered rest binds in full.

    >>> bound_margin(Charges(), 30, 300.0, 10, 110.0)
    200.0
    """
    if buy_steps == 0 or sell_steps == 0:
        return buy_margin + sell_margin
    larger_margin, larger, covered = buy_margin, buy_steps, sell_steps
    if sell_steps > buy_steps:
        larger_margin, larger, covered = sell_margin, sell_steps, buy_steps
    uncovered = larger_margin * (larger - covered) / larger
    average = (buy_margin + sell_margin) / (buy_steps + sell_steps)
    return round_cents(uncovered + covered * average * charges.margin_hedged_fraction)


def nights_charged(weekday: int, triple_weekday: int, *, trades_weekends: bool = False) -> int:
    """
    Return how many nights of swap the night after a day of the server's clock costs. Sunday is 0, as in the terminal.

    >>> [nights_charged(day, 3) for day in range(7)]
    [0, 1, 1, 3, 1, 1, 0]
    """
    if trades_weekends:
        return 1
    if weekday in (0, 6):
        return 0
    return 3 if weekday == triple_weekday else 1
