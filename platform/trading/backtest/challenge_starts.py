"""The history as it was, begun on every one of its days: how many of these challenges were passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from trading.backtest.challenge_day import Account
from trading.backtest.challenge_kernel import FAILED, PASSED
from trading.backtest.challenge_odds import QUANTILES, walk_phase_paths
from trading.backtest.challenge_pool import pool_of_days, rules_of
from trading.backtest.track import Track
from trading.errors import InvalidValue
from trading.risk.packs import RulePack

MOST_DAYS_A_PHASE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """
    Challenges begun on every trading day of the history and followed through all phases with a target.

    Neighbours share nearly all their days, so there is no interval: this tells what happened, not what will. ``undecided`` were still
    running when the history ended. ``days`` are the calendar days of those that passed, at the `QUANTILES`.
    """

    starts: int
    passed: int
    failed: int
    undecided: int
    days: tuple[float, ...]

    @property
    def passed_share(self) -> float | None:
        """Return the share of those decided; None where none was."""
        decided = self.passed + self.failed
        return self.passed / decided if decided else None


def begin_every_day(track: Track, pack: RulePack, account: Account) -> Starts:
    """
    Return what became of a challenge begun on each day; a phase takes at most 1,000 trading days.

    :raises IncompletePack: if the pack leaves figures open, or knows no account of that size.
    :raises InvalidValue: where the backtest opened nothing, or the pack has no phase with a target.
    """
    rules = [rules_of(pack, phase, account) for phase in pack.phases if phase.target]
    if not rules:
        raise InvalidValue("this pack has no profit target: there is nothing to pass", field="pack")
    pool = pool_of_days(track, pack.zone, pack.resets, compounding=account.compounding)
    ordinals, count = np.cumsum(pool.gap_days), len(pool.first)
    start, reached = np.arange(count), np.ones(count, dtype=np.bool_)
    failed, ended = np.zeros(count, dtype=np.bool_), ordinals.copy()
    for phase in rules:
        draws = start[:, None] + np.arange(min(count, MOST_DAYS_A_PHASE))[None, :]
        draws[draws >= count] = -1
        walked = walk_phase_paths(
            pool, draws.astype(np.int32), phase, account.risk_scale, reached, compounding=account.compounding
        )
        failed |= walked.status == FAILED
        reached = walked.status == PASSED
        ended[reached] = ordinals[start[reached]] + walked.days[reached] - 1
        start = np.searchsorted(ordinals, ended, side="right")
        # Who passed on the last day of the history still waits for the next phase to begin.
        start = np.minimum(start, count)
        if phase is not rules[-1]:
            reached &= start < count
            start = np.minimum(start, count - 1)
    days = ended[reached] - ordinals[reached] + 1
    return Starts(
        starts=count,
        passed=int(reached.sum()),
        failed=int(failed.sum()),
        undecided=count - int(reached.sum()) - int(failed.sum()),
        days=tuple(float(x) for x in np.percentile(days, QUANTILES)) if len(days) else (),
    )
