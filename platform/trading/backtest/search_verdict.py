"""What a finished search is worth: the best point against the luck of having looked."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trading.backtest.deflated import Evidence, warn_overfitting, weigh
from trading.backtest.search import Objective, Setting, Summary, run_document
from trading.backtest.search_space import Space
from trading.backtest.walk_forward import WalkReport
from trading.metrics.curves import daily_returns

FloatArray = NDArray[np.float64]

SAMPLED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The best point, what speaks for it, and warnings in words. ``best`` is None where no point counted."""

    best: Summary | None
    evidence: Evidence | None
    warnings: tuple[str, ...]


def judge_search(
    base: Mapping[str, Any],
    space: Space,
    summaries: Sequence[Summary],
    objective: Objective,
    setting: Setting,
    *,
    walk: WalkReport | None = None,
    sample: int = SAMPLED,
    seed: int = 0,
) -> Verdict:
    """
    Return the verdict on a search.

    The best and a random sample of the other points are run once more for their daily returns: summaries hold none, and all tries
    count, whether or not they are in the sample.

    :param summaries: of every point tried.
    :param walk: of a walk-forward over the same history, where there is one.
    """
    ranked = objective.rank(summaries)
    if not ranked:
        least = f"no point counted: none made at least {objective.min_trades} trades within the limits of the search"
        return Verdict(best=None, evidence=None, warnings=(f"{least[0].upper()}{least[1:]}.",))
    best = ranked[0]
    ran = sorted(summary.number for summary in summaries if summary.statistics is not None)
    others = [number for number in ran if number != best.number]
    drawn = random.Random(seed).sample(others, min(sample, len(others)))
    ready = setting.for_runs(len(drawn) + 1)
    returns = [_returns(space.document(base, number), ready) for number in (best.number, *drawn)]
    evidence = weigh(
        returns[0],
        np.stack(returns, axis=1),
        trades=int((best.statistics or {})["trades"]),
        parameters=sum(len(dimension.values) > 1 for dimension in space.dimensions),
        trials=len(ran),
    )
    if walk is not None:
        evidence = replace(evidence, walk_forward_efficiency=walk.efficiency, out_of_sample_return=walk.return_fraction)
    return Verdict(best=best, evidence=evidence, warnings=tuple(warn_overfitting(evidence)))


def _returns(document: Mapping[str, Any], setting: Setting) -> FloatArray:
    bars = setting.bars
    equity = run_document(document, setting).equity_fine
    return np.nan_to_num(daily_returns(bars.time, np.maximum(equity, 0.0)), nan=0.0, posinf=0.0, neginf=0.0)
