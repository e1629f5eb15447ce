"""How far a statistic may be from the truth: intervals by Wilson's formula and by resampling blocks. Seeded, so repeatable."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Interval = tuple[float | None, float | None]

DRAWS = 1000
FEWEST = 10
"""With fewer values than this an interval would be wider than it looks."""


def wilson_interval(successes: int, count: int, *, level: float = 0.95) -> Interval | None:
    """
    Return the interval of a share, which holds for few trades and for shares near 0 and 1. None without trades.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.

    >>> [round(bound, 4) for bound in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    """
    if not count:
        return None
    z = NormalDist().inv_cdf(0.5 + level / 2)
    share, room = successes / count, z * z / count
    middle = (share + room / 2) / (1 + room)
    half = z / (1 + room) * math.sqrt(share * (1 - share) / count + room / (4 * count))
    return min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share)


def resample_blocks(count: int, *, draws: int = DRAWS, seed: int = 0) -> tuple[IntArray, int]:
    """
    Return the first places of blocks, ``(draws, blocks)``, and their length: about the cube root of ``count``.

    Blocks keep what neighbours have in common (a series of losses is no accident of the draw); they run over the end into the
    beginning. Source: Politis & Romano, "A Circular Block-Resampling Procedure for Stationary Data", 1992.
    """
    length = max(round(count ** (1 / 3)), 1)
    blocks = max(math.ceil(count / length), 1)
    return np.random.default_rng(seed).integers(0, count, size=(draws, blocks), dtype=np.int64), length


def block_means(columns: FloatArray, starts: IntArray, length: int) -> FloatArray:
    """
    Return the mean of every column over each draw of blocks, ``(columns, draws)``, by running sums: the cost does not grow with
    the blocks' length.

    :param columns: ``(columns, count)``.
    """
    count = columns.shape[1]
    around = np.concatenate((columns, columns[:, :length]), axis=1)
    sums = np.concatenate((np.zeros((len(columns), 1)), np.cumsum(around, axis=1)), axis=1)
    ends = starts + min(length, count)
    means = np.empty((len(columns), len(starts)))
    for place, running in enumerate(sums):
        means[place] = (running[ends] - running[starts]).sum(axis=1) / (starts.shape[1] * min(length, count))
    return means


def bootstrap_interval(
    columns: FloatArray,
    statistic: Callable[[FloatArray], FloatArray],
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval | None:
    """
    Return the percentile interval of a statistic of means, by `resample_blocks`; None with fewer than ten values.

    A bound is None where draws without an answer (no loss, so no profit factor) reach beyond it: there is no telling.

    :param statistic: takes means ``(columns, draws)``, gives ``(draws,)``; infinity where it does not exist.
    """
    count = columns.shape[1]
    if count < FEWEST:
        return None
    starts, length = resample_blocks(count, draws=draws, seed=seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.sort(statistic(block_means(columns, starts, length)))
    low, high = (values[round(share * (len(values) - 1))] for share in ((1 - level) / 2, (1 + level) / 2))
    return float(low) if np.isfinite(low) else None, float(high) if np.isfinite(high) else None


def expectancy_interval(values: FloatArray, *, level: float = 0.95) -> Interval | None:
    """Return the interval of a mean profit per trade [as given: money or R]."""
    return bootstrap_interval(values[None, :], lambda means: means[0], level=level)


def profit_factor_interval(profit: FloatArray, *, level: float = 0.95) -> Interval | None:
    """Return the interval of won over lost money."""
    parts = np.stack((np.maximum(profit, 0.0), np.maximum(-profit, 0.0)))
    return bootstrap_interval(parts, lambda means: np.where(means[1] > 0, means[0] / means[1], np.inf), level=level)


def sharpe_interval(returns: FloatArray, *, periods_per_year: int, level: float = 0.95) -> Interval | None:
    """Return the interval of a year's Sharpe ratio."""
    if not bool(np.isfinite(returns).all()):
        return None

    def ratio(means: FloatArray) -> FloatArray:
        variance = np.maximum(means[1] - means[0] ** 2, 0.0)
        ratios: FloatArray = np.where(variance > 1e-24, means[0] / np.sqrt(variance), np.inf)
        return ratios * math.sqrt(periods_per_year)

    return bootstrap_interval(np.stack((returns, returns**2)), ratio, level=level)
