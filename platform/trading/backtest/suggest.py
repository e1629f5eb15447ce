"""
Suggestions of where to look next, by Optuna's tree-structured Parzen estimator. Storage is the caller's.

Every call builds the study anew from the finished trials, so equal trials (in the order of their numbers), space and seed give equal
suggestions on every machine, whichever worker ran what. What two workers finish between two calls changes the next suggestions: a
search is repeatable where its batches are run one after another.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from trading.backtest.search import require_affordable
from trading.backtest.search_space import Space
from trading.errors import InvalidValue

_BAD: Final = -1e12
_ATTEMPTS: Final = 20


def suggest(space: Space, finished: Sequence[tuple[int, float | None]], *, count: int, seed: int) -> list[int]:
    """
    Return up to ``count`` numbers of points that are worth trying next; fewer where hardly any are left.

    :param finished: numbers and scores (the higher the better) of points tried so far; a score of None counts as very bad, so that
        its neighbourhood is avoided.
    :raises InvalidValue: where nothing is asked for.
    :raises InvalidSpace: where the search has tried as many points as are allowed.
    """
    if count < 1:
        raise InvalidValue("ask for at least one point", field="count")
    require_affordable(len(finished) + count, hint="stop here and look at the best ones")
    import optuna  # half a second: only those who search pay for it

    logging.getLogger("optuna").setLevel(logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        seed=seed + 1_000_003 * len(finished), multivariate=True, constant_liar=True, n_startup_trials=10
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    distributions = _distributions(optuna, space)
    for number, score in sorted(finished, key=lambda pair: pair[0]):
        study.add_trial(_trial(optuna, space, distributions, number, score))
    tried, found = {number for number, _ in finished}, []
    for _ in range(count * _ATTEMPTS):
        trial = study.ask(distributions)
        number = _number(space, trial.params)
        if space.broken(number):
            study.tell(trial, _BAD)
        elif number not in tried:
            tried.add(number)
            found.append(number)
        if len(found) == count:
            break
    return found


def _distributions(optuna: Any, space: Space) -> dict[str, Any]:
    """Return the places of values, not the values: a range of any step is then a range of whole numbers."""
    return {
        dimension.path: (
            optuna.distributions.IntDistribution(0, len(dimension.values) - 1)
            if dimension.is_ordered
            else optuna.distributions.CategoricalDistribution(tuple(range(len(dimension.values))))
        )
        for dimension in space.dimensions
    }


def _trial(optuna: Any, space: Space, distributions: dict[str, Any], number: int, score: float | None) -> Any:
    values = space.values(number)
    places = {dimension.path: dimension.values.index(values[dimension.path]) for dimension in space.dimensions}
    return optuna.trial.create_trial(params=places, distributions=distributions, value=_BAD if score is None else score)


def _number(space: Space, places: dict[str, int]) -> int:
    return space.number({dimension.path: dimension.values[places[dimension.path]] for dimension in space.dimensions})
