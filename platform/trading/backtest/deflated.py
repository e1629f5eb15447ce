"""
How much of a good Sharpe ratio is left after one has looked for it.

Whoever tries a hundred strategies finds one with a fine past by luck alone. These are the usual corrections, on returns per period
(days as a rule), never per year. Sources: D. Bailey, M. López de Prado, "The Sharpe ratio efficient frontier" (2012) and "The deflated
Sharpe ratio" (2014); D. Bailey, J. Borwein, M. López de Prado, Q. Zhu, "The probability of backtest overfitting" (2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidValue

FloatArray = NDArray[np.float64]

EULER_GAMMA: Final = 0.5772156649015329
MOST_CELLS: Final = 20_000_000
_NORMAL: Final = NormalDist()
_NO_SPREAD: Final = 1e-15


@dataclass(frozen=True, slots=True)
class Moments:
    """Of returns per period: how many, Sharpe ratio (mean over standard deviation), skewness and kurtosis (3 for a normal one)."""

    count: int
    sharpe: float
    skewness: float
    kurtosis: float


def moments(returns: FloatArray) -> Moments | None:
    """
    Return the moments of returns; None with fewer than three, or where they do not vary.

    :raises InvalidValue: where a return is not finite.
    """
    if not bool(np.isfinite(returns).all()):
        raise InvalidValue("returns must be finite", field="returns")
    spread = float(np.std(returns)) if len(returns) > 2 else 0.0
    if spread < _NO_SPREAD:
        return None
    z = (returns - returns.mean()) / spread
    sharpe = float(returns.mean()) / float(np.std(returns, ddof=1))
    return Moments(len(returns), sharpe, float((z**3).mean()), float((z**4).mean()))


def probabilistic_sharpe(found: Moments, *, benchmark: float = 0.0) -> float:
    """
    Return the probability that the true Sharpe ratio is above ``benchmark``, given how long and how skewed the record is.

    ``Φ((SR - SR*) √(n - 1) / √(1 - γ3 SR + (γ4 - 1)/4 SR²))``, all per period.

    >>> round(probabilistic_sharpe(Moments(24, 0.458, -2.448, 10.164)), 3)     # the paper's hedge fund, monthly
    0.913
    """
    under = 1 - found.skewness * found.sharpe + (found.kurtosis - 1) / 4 * found.sharpe**2
    return _NORMAL.cdf((found.sharpe - benchmark) * math.sqrt(found.count - 1) / math.sqrt(max(under, 1e-12)))


def expected_best_sharpe(trials: float, variance: float) -> float:
    """
    Return the Sharpe ratio the best of so many worthless trials is expected to show, per period.

    ``√V ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e)))``.

    :param trials: independent trials, at least 1.
    :param variance: of the Sharpe ratios of the trials.
    :raises InvalidValue: where a figure is impossible.

    >>> round(expected_best_sharpe(100, 1 / 250 / 2), 4)    # the paper's example: 0.1132 a day
    0.1132
    """
    if not trials >= 1 or not variance >= 0:
        raise InvalidValue("trials are at least 1, their variance is not negative", field="trials")
    if trials <= 1:
        return 0.0
    high = _NORMAL.inv_cdf(1 - 1 / trials)
    higher = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    expected: float = math.sqrt(variance) * ((1 - EULER_GAMMA) * high + EULER_GAMMA * higher)
    return max(0.0, expected)


def deflated_sharpe(found: Moments, *, trials: float, variance: float) -> float:
    """
    Return the probability that the true Sharpe ratio is above zero after so many trials: below 0.95 the find may well be luck.

    >>> round(deflated_sharpe(Moments(1250, 2.5 / math.sqrt(250), -3, 10), trials=100, variance=1 / 250 / 2), 2)   # the paper's
    0.9
    """
    return probabilistic_sharpe(found, benchmark=expected_best_sharpe(trials, variance))


def effective_trials(returns: FloatArray) -> float:
    """
    Return how many independent trials a search amounts to: neighbours in a grid are nearly one.

    ``N (1 - ρ) + ρ`` with ρ the mean correlation between trials (not below 0). With one trial, or none that vary, it is their number.

    :param returns: ``(periods, trials)``, of the same periods.
    :raises InvalidValue: where it is no such table, not finite, or too large.

    >>> same = np.random.default_rng(1).normal(size=(50, 1)).repeat(10, axis=1)
    >>> round(effective_trials(same), 6)
    1.0
    """
    _check_table(returns)
    varied = returns[:, returns.std(axis=0) > _NO_SPREAD]
    trials = varied.shape[1]
    if trials < 2:
        return float(max(returns.shape[1], 1))
    z = (varied - varied.mean(axis=0)) / varied.std(axis=0)
    # The mean of all correlations without the table of them: the variance of the sum holds it.
    total = float((z.sum(axis=1) ** 2).mean())
    mean = min(1.0, max(0.0, (total - trials) / (trials * (trials - 1))))
    return float(trials * (1 - mean) + mean)


def overfitting_probability(returns: FloatArray, *, blocks: int = 10) -> float | None:
    """
    Return how often the best trial of one half of the history is below the median in the other half (CSCV): 0.5 is pure luck.

    All ways to take half of ``blocks`` stretches are tried. None with fewer than two trials, or too few periods for the blocks.

    :param returns: ``(periods, trials)``, of the same periods, oldest first.
    :param blocks: an even number from 4 to 16.
    :raises InvalidValue: where it is no such table, not finite, or too large.
    """
    _check_table(returns)
    if blocks not in range(4, 17, 2):
        raise InvalidValue("blocks are an even number from 4 to 16", field="blocks")
    periods, trials = returns.shape
    length = periods // blocks
    if trials < 2 or length < 2:
        return None
    cut = returns[periods - length * blocks :].reshape(blocks, length, trials)
    sums, squares = cut.sum(axis=1), (cut**2).sum(axis=1)
    half = [list(chosen) for chosen in combinations(range(blocks), blocks // 2)]
    below = 0.0
    for chosen in half:
        rest = [block for block in range(blocks) if block not in chosen]
        trained = _sharpes(sums[chosen], squares[chosen], length)
        tested = _sharpes(sums[rest], squares[rest], length)
        best = tested[int(np.argmax(trained))]
        rank = (np.sum(tested < best) + 0.5 * np.sum(tested == best)) / trials
        below += 1.0 if rank < 0.5 else 0.5 if rank == 0.5 else 0.0
    return below / len(half)


def _sharpes(sums: FloatArray, squares: FloatArray, length: int) -> FloatArray:
    count = len(sums) * length
    mean = sums.sum(axis=0) / count
    variance = np.maximum(squares.sum(axis=0) / count - mean**2, 0.0)
    ratios: FloatArray = np.where(variance > 1e-24, mean / np.sqrt(np.maximum(variance, 1e-24)), 0.0)
    return ratios


def _check_table(returns: FloatArray) -> None:
    if returns.ndim != 2 or returns.size > MOST_CELLS or not bool(np.isfinite(returns).all()):
        raise InvalidValue(f"returns are a table of at most {MOST_CELLS:,} finite numbers", field="returns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a choice; whatever is not known is None. Sharpe ratios here are probabilities from the functions above."""

    trades: int
    parameters: int
    trials: int
    effective_trials: float | None = None
    probabilistic_sharpe: float | None = None
    deflated_sharpe: float | None = None
    overfitting_probability: float | None = None
    walk_forward_efficiency: float | None = None
    out_of_sample_return: float | None = None


def weigh(best: FloatArray, tried: FloatArray, *, trades: int, parameters: int, trials: int | None = None) -> Evidence:
    """
    Return the evidence for the best of several trials.

    :param best: its returns per period.
    :param tried: returns of the trials there are, ``(periods, trials)``; a part of them will do.
    :param trades: how many trades the best one made.
    :param parameters: how many parameters the search varied.
    :param trials: how many were tried in all, by default as many as ``tried`` holds.
    :raises InvalidValue: where the tables are impossible.
    """
    count = max(trials or 0, tried.shape[1])
    found = moments(best)
    each = [one.sharpe for one in (moments(tried[:, place]) for place in range(tried.shape[1])) if one]
    share = effective_trials(tried) / tried.shape[1] if tried.shape[1] else 1.0
    effective = max(1.0, share * count)
    variance = float(np.var(each, ddof=1)) if len(each) > 1 else 0.0
    return Evidence(
        trades=trades,
        parameters=parameters,
        trials=count,
        effective_trials=effective,
        probabilistic_sharpe=probabilistic_sharpe(found) if found else None,
        deflated_sharpe=deflated_sharpe(found, trials=effective, variance=variance) if found else None,
        overfitting_probability=overfitting_probability(tried),
    )


def warn_overfitting(evidence: Evidence) -> list[str]:
    """
    Say in plain words why a result may not come again; an empty list means that nothing here speaks against it, which proves nothing.

    >>> warn_overfitting(Evidence(trades=12, parameters=4, trials=1))[0]
    '12 trades are too few to tell skill from luck; 30 are the least, 100 are better.'
    """
    e, found = evidence, []
    if e.trades < 30:
        found.append(f"{e.trades} trades are too few to tell skill from luck; 30 are the least, 100 are better.")
    elif e.trades < 10 * e.parameters:
        found.append(
            f"{e.trades} trades for {e.parameters} free parameters leave little to judge by: have at least ten trades for each."
        )
    if e.deflated_sharpe is not None and e.deflated_sharpe < 0.95 and e.trials > 1:
        found.append(
            f"After {e.trials:,} tries, the chance that this Sharpe ratio is more than the luck of the best is "
            f"{_percent(e.deflated_sharpe)}; 95 % is the usual bar."
        )
    elif e.probabilistic_sharpe is not None and e.probabilistic_sharpe < 0.95:
        found.append(
            f"The record is short: the chance that the true Sharpe ratio is above zero is {_percent(e.probabilistic_sharpe)}."
        )
    if e.overfitting_probability is not None and e.overfitting_probability > 0.25:
        found.append(
            f"The best on one half of the history was below the middle on the other half in {_percent(e.overfitting_probability)} of all "
            "cuts: choosing by this history hardly helps."
        )
    if e.out_of_sample_return is not None and e.out_of_sample_return <= 0:
        found.append(f"On unseen history the choices lost {_percent(-e.out_of_sample_return, 1)}.")
    elif e.walk_forward_efficiency is not None and e.walk_forward_efficiency < 0.5:
        found.append(
            f"Unseen, it grew at {_percent(e.walk_forward_efficiency)} of the pace it was chosen for; below 50 % most of it was fitting."
        )
    return found


def _percent(fraction: float, digits: int = 0) -> str:
    return f"{100 * fraction:.{digits}f} %"
