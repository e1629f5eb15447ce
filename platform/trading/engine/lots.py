"""
How much to trade, in whole volume steps and in the numba subset.

The same rule as the Decimal one that clears trades; a property test holds the two equal.
"""

from __future__ import annotations

import math

from trading.engine.params import Params
from trading.jit import kernel

STEP_TOLERANCE = 1e-6
"""Share of a step by which floats may miss a whole one: 290 / 1000 / 0.01 is 28.999999999999996."""


@kernel
def loss_per_lot(params: Params, entry: float, stop: float) -> float:
    """Return what one lot loses between entry and stop [account currency]: the larger of now and at the stop."""
    distance = abs(entry - stop)
    if params.converts_by_price:
        return distance * params.contract_size / min(entry, stop)
    return distance * params.unit_loss


@kernel
def floor_steps(lots: float, lots_per_step: float) -> int:
    """
    Return ``lots`` in whole steps, rounded down, with the tolerance of `STEP_TOLERANCE`.

    >>> floor_steps(0.29, 0.01), floor_steps(0.2899, 0.01)
    (29, 28)
    """
    return math.floor(lots / lots_per_step + STEP_TOLERANCE)


@kernel
def size_steps(params: Params, risk_money: float, entry: float, stop: float, lot_multiplier: float) -> int:
    """
    Return the volume of an entry in steps: ``min(cap, by risk) * multiplier``, rounded down; 0 where it is below the minimum.

    Whatever is not a number above zero, gives 0.

    :param risk_money: what may be lost at the stop [account currency]; infinite for "only the cap counts".
    :param lot_multiplier: up to 1; more is taken as 1: it may shrink a trade, never grow it.
    """
    if not (risk_money > 0.0 and lot_multiplier > 0.0):
        return 0
    lots = params.cap_steps * params.lots_per_step
    if risk_money < math.inf:
        loss = loss_per_lot(params, entry, stop)
        if not loss > 0.0:
            return 0
        lots = min(lots, risk_money / loss)
    steps = floor_steps(lots * min(lot_multiplier, 1.0), params.lots_per_step)
    return steps if steps >= params.min_steps else 0
