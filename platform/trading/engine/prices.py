"""Float prices that sit exactly on ticks, in the numba subset."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.jit import kernel


def tick_ratio(tick_size: Decimal) -> tuple[float, float]:
    """
    Return ``tick_size`` as numerator and denominator, both whole.

    A price computed as ``ticks * numerator / denominator`` is the double nearest to the decimal price, the same that reading
    its text gives; ``ticks * 0.00001`` is not.

    >>> tick_ratio(Decimal("0.25"))
    (1.0, 4.0)
    """
    numerator, denominator = tick_size.as_integer_ratio()
    return float(numerator), float(denominator)


@kernel
def snap(price: float, tick_numerator: float, tick_denominator: float) -> float:
    """Return the double of the tick nearest to ``price``."""
    if tick_numerator == 1.0:
        # The same number: a division by one changes nothing but takes its time.
        return math.floor(price * tick_denominator + 0.5) / tick_denominator
    return math.floor(price * tick_denominator / tick_numerator + 0.5) * tick_numerator / tick_denominator


@kernel
def to_ticks(distance: float, tick_numerator: float, tick_denominator: float) -> float:
    """Return a distance of two prices as a whole number of ticks (a float that is an integer)."""
    if tick_numerator == 1.0:
        return math.floor(distance * tick_denominator + 0.5)
    return math.floor(distance * tick_denominator / tick_numerator + 0.5)


@kernel
def whole_ticks(distance: float, tick_numerator: float, tick_denominator: float) -> float:
    """
    Return a distance [price] rounded down to whole ticks; what is no finite number above zero gives 0.0.

    A millionth of a tick decides for the whole one: floats miss it by less.
    """
    if not 0.0 < distance < math.inf:
        return 0.0
    if tick_numerator == 1.0:
        return math.floor(distance * tick_denominator + 1e-6) / tick_denominator
    return math.floor(distance * tick_denominator / tick_numerator + 1e-6) * tick_numerator / tick_denominator


def snap_array(prices: NDArray[np.float64], tick_size: Decimal) -> NDArray[np.float64]:
    """Return `snap` of every price: the same operations, so the same doubles."""
    numerator, denominator = tick_ratio(tick_size)
    snapped: Any = np.floor(prices * denominator / numerator + 0.5) * numerator / denominator
    return snapped  # type: ignore[no-any-return]
