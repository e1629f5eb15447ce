"""The equity at every bar's close, from the trades of a run with one position at a time and standing levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import T_CLOSED, T_OPENED, T_SIDE, T_STEPS, V_ENTRY, V_PROFIT
from trading.engine.charges import Charges, commission_money, profit_money, round_cents
from trading.engine.params import Params
from trading.engine.prices import snap
from trading.jit import kernel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@kernel
def mark_trades(
    params: Params,
    charges: Charges,
    close: FloatArray,
    spread: FloatArray,
    trade_ints: IntArray,
    trade_floats: FloatArray,
    balance: float,
    equity: FloatArray,
) -> None:
    """
    Write what `run_loop` would mark: the balance, and between opening and closing what the position stands at.

    :param spread: one price for all bars, or one for each.
    :param trade_ints: and ``trade_floats``, the trades in order of closing, none beginning before the last has ended.
    """
    money, bar = balance, 0
    for trade in range(trade_ints.shape[0]):
        opened, closed, steps = trade_ints[trade, T_OPENED], trade_ints[trade, T_CLOSED], trade_ints[trade, T_STEPS]
        equity[bar:opened] = money
        paid = commission_money(params, charges, steps)
        money = round_cents(money - paid)
        side, entry = trade_ints[trade, T_SIDE], trade_floats[trade, V_ENTRY]
        for held in range(opened, closed):
            price = close[held]
            if side == -1:
                gap = spread[held] if spread.shape[0] > 1 else spread[0]
                price = snap(price + gap, params.tick_numerator, params.tick_denominator)
            equity[held] = money + round_cents(profit_money(params, side, steps, entry, price))
        money = round_cents(money + trade_floats[trade, V_PROFIT] - paid)
        bar = closed
    equity[bar:] = money
