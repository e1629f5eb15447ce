"""What an equity curve says."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TRADING_DAYS_PER_YEAR = 252


def drawdown(equity: FloatArray) -> FloatArray:
    """
    Return how far equity is below its highest value so far, as a fraction of that value [0 <= x].

    Causal, of the same length. May exceed 1 where equity falls below zero.

    :raises InvalidValue: where equity is empty, not one-dimensional, not finite, or does not begin above zero.

    >>> drawdown(np.array([100.0, 125.0, 100.0, 150.0])).tolist()
    [0.0, 0.0, 0.2, 0.0]
    """
    return find_falls(equity)[0]


def find_falls(equity: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return `drawdown`, and the same in money; errors are its own."""
    if equity.ndim != 1 or not len(equity) or not bool(np.isfinite(equity).all()) or equity[0] <= 0:
        raise InvalidValue("an equity curve is a list of finite numbers that begins above zero")
    peak = np.maximum.accumulate(equity)
    fallen: FloatArray = peak - equity
    return fallen / peak, fallen


def daily_returns(times_s: IntArray, equity: FloatArray) -> FloatArray:
    """
    Return the change of equity from the end of one UTC day with bars to the end of the next [fraction].

    Days without bars (weekends) are no days. The first day's return is against the first equity.
    """
    if not len(equity):
        return np.zeros(0)
    day = times_s // 86400
    last_of_day = np.flatnonzero(np.concatenate((day[1:] != day[:-1], [True])))
    ends = np.concatenate(([equity[0]], equity[last_of_day]))
    with np.errstate(divide="ignore", invalid="ignore"):
        returns: FloatArray = np.diff(ends) / ends[:-1]
    return returns


def sharpe_ratio(returns: FloatArray, *, periods_per_year: int = TRADING_DAYS_PER_YEAR) -> float | None:
    """
    Return mean over standard deviation (sample) of returns, for a year; None with fewer than two returns or no variation.

    >>> round(sharpe_ratio(np.array([0.01, 0.03])), 3)      # 0.02 / 0.01414 * sqrt(252)
    22.45
    """
    if len(returns) < 2 or not bool(np.isfinite(returns).all()):
        return None
    deviation = float(np.std(returns, ddof=1))
    if deviation < 1e-12:
        return None
    return float(np.mean(returns)) / deviation * math.sqrt(periods_per_year)
