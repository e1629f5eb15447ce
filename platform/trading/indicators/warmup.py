"""How many bars an indicator needs until what it began with no longer matters."""

from __future__ import annotations

import math
from functools import lru_cache

from trading.errors import InvalidValue

SEED_BOUND_FOR_SIGNALS = 1e-3
"""No signal while the seed still weighs this much in an average."""
SEED_BOUND_FOR_REFOLD = 1e-9
"""History that makes a restart indistinguishable from never having stopped."""


@lru_cache(maxsize=4096)
def warmup_bars(name: str, period: int, *, residual: float) -> int:
    """
    Return how many bars indicator ``name`` must see until the weight of its seed is below ``residual``.

    After the seed, k updates leave it the weight ``(1 - alpha) ** k``: so many updates are asked for, after the bars of the seed.

    :raises InvalidValue: for an unknown name, a period below 1, or a residual outside (0, 1).

    >>> warmup_bars("SMA", 50, residual=1e-3)      # forgets completely
    50
    >>> warmup_bars("EMA", 50, residual=1e-3)      # 50 + 173: 0.96078 ** 173 = 0.00099
    223
    >>> warmup_bars("EMA", 50, residual=1e-9)
    569
    """
    if name not in ("SMA", "EMA", "RSI", "ATR") or period < 1 or not 0 < residual < 1:
        raise InvalidValue(f"no warm-up of {name!r} with period {period} and residual {residual}")
    seed = period + 1 if name == "RSI" else period
    alpha = _alpha(name, period)
    if alpha >= 1:
        return seed
    return seed + math.ceil(math.log(residual) / math.log1p(-alpha))


def _alpha(name: str, period: int) -> float:
    if name == "SMA":
        return 1.0
    return 2.0 / (period + 1.0) if name == "EMA" else 1.0 / period
