"""What a curve of equity earned, and at what unrest. Ratios that do not exist are None."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.metrics.curves import daily_returns, sharpe_ratio

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DAY_S, YEAR_S = 86_400, 31_557_600  # a year of 365.25 days
_TINY = 1e-12


def count_periods_per_year(times_s: IntArray) -> int:
    """
    Return how many days with bars a year of this data has, as one of 252 (closed on weekends), 365 (never closed), 52 (weekly).

    >>> count_periods_per_year(np.arange(0, 400 * 86400, 86400))
    365
    """
    if len(times_s) < 2:
        return 252
    day = times_s // DAY_S
    days = 1 + int(np.count_nonzero(np.diff(day)))
    span = max(int(day[-1] - day[0]) + 1, 1)
    share = days / span
    return 365 if share > 0.93 and span > 14 else 52 if share < 0.25 and span > 30 else 252


def cagr(first: float, last: float, elapsed_s: float) -> float | None:
    """
    Return the yearly growth that leads from ``first`` to ``last`` [fraction]; None below a day, or where money ran out.

    >>> round(cagr(100.0, 121.0, 2 * 31_557_600), 4)
    0.1
    """
    if elapsed_s < DAY_S or first <= 0 or last <= 0:
        return None
    exponent = YEAR_S / elapsed_s * math.log(last / first)
    return math.expm1(exponent) if exponent < 50 else None


def sortino_ratio(returns: FloatArray, *, periods_per_year: int) -> float | None:
    """
    Return mean return over downside deviation (root mean square of the losses, target 0), for a year; None without losses.

    Source: Sortino & Price, "Performance Measurement in a Downside Risk Framework", 1994.

    >>> round(sortino_ratio(np.array([0.02, -0.01, 0.01, -0.01]), periods_per_year=252), 3)
    5.612
    """
    if len(returns) < 2 or not bool(np.isfinite(returns).all()):
        return None
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)))
    return None if downside < _TINY else float(np.mean(returns)) / downside * math.sqrt(periods_per_year)


def volatility(returns: FloatArray, *, periods_per_year: int) -> float | None:
    """Return the sample standard deviation of returns, for a year [fraction]; None with fewer than two."""
    if len(returns) < 2 or not bool(np.isfinite(returns).all()):
        return None
    return float(np.std(returns, ddof=1)) * math.sqrt(periods_per_year)


def probabilistic_sharpe(returns: FloatArray, *, benchmark: float = 0.0) -> float | None:
    """
    Return the probability that the true Sharpe ratio exceeds ``benchmark`` (per period), given length, skew and fat tails.

    Source: Bailey & López de Prado, "The Sharpe Ratio Efficient Frontier", 2012, eq. 4. None where the ratio does not exist.

    >>> round(probabilistic_sharpe(np.array([0.01, -0.01] * 50 + [0.02])), 2)
    0.58
    """
    count = len(returns)
    if count < 3 or not bool(np.isfinite(returns).all()):
        return None
    centred = returns - returns.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    if spread < _TINY:
        return None
    skew, kurtosis = float(np.mean(centred**3)) / spread**3, float(np.mean(centred**4)) / spread**4
    ratio = float(returns.mean()) / float(np.std(returns, ddof=1))
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if variance <= 0:
        return None
    return 0.5 * (1 + math.erf((ratio - benchmark) * math.sqrt((count - 1) / variance) / math.sqrt(2)))


def describe_returns(
    times_s: IntArray, equity: FloatArray, initial: float, max_drawdown: float, *, periods_per_year: int | None = None
) -> dict[str, Any]:
    """
    Return growth, unrest and their ratios of a curve of equity (one point per bar, beginning from ``initial``).

    Days are UTC days with bars; ``calmar`` is CAGR over the deepest drawdown.
    """
    if not len(equity):
        return {
            "initial": initial,
            "final": initial,
            "net_profit": 0.0,
            "return_fraction": 0.0,
            "days": 0,
        } | dict.fromkeys(_RATIOS)
    periods = periods_per_year or count_periods_per_year(times_s)
    final, elapsed_s = float(equity[-1]), float(times_s[-1] - times_s[0])
    returns = returns_by_day(times_s, equity, initial)
    growth = cagr(initial, final, elapsed_s)
    return {
        "initial": initial,
        "final": final,
        "net_profit": round(final - initial, 2),
        "return_fraction": final / initial - 1,
        "days": len(returns),
        "periods_per_year": periods,
        "cagr_fraction": growth,
        "volatility_fraction": volatility(returns, periods_per_year=periods),
        "sharpe": sharpe_ratio(returns, periods_per_year=periods),
        "sortino": sortino_ratio(returns, periods_per_year=periods),
        "calmar": growth / max_drawdown if growth is not None and max_drawdown > _TINY else None,
        "probabilistic_sharpe": probabilistic_sharpe(returns),
        "best_day_fraction": float(returns.max()) if len(returns) else None,
        "worst_day_fraction": float(returns.min()) if len(returns) else None,
    }


def returns_by_day(times_s: IntArray, equity: FloatArray, initial: float) -> FloatArray:
    """Return the change of equity day by day [fraction], the first day against ``initial``."""
    if not len(equity):
        return np.zeros(0)
    return daily_returns(np.append(times_s[:1], times_s), np.append(initial, equity))


_RATIOS = (
    "periods_per_year", "cagr_fraction", "volatility_fraction", "sharpe", "sortino", "calmar", "probabilistic_sharpe",
    "best_day_fraction", "worst_day_fraction",
)  # fmt: skip
