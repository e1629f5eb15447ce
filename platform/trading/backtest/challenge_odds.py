"""How likely a strategy is to pass a challenge: its days or trades resampled, and the risk per trade that maximises it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trading import jit
from trading.backtest.challenge_day import Account
from trading.backtest.challenge_kernel import (
    BY_DAILY_LOSS,
    BY_END,
    BY_INACTIVITY,
    BY_MAX_LOSS,
    BY_TARGET,
    BY_TIME_LIMIT,
    FAILED,
    NOT_REACHED,
    PASSED,
    PhaseRules,
    Pool,
    walk_phase,
)
from trading.backtest.challenge_pool import SYNTHETIC_DAYS, pool_of_days, pool_of_trades, rules_of
from trading.backtest.challenge_report import Reason
from trading.backtest.resampling import check_draws, draw_blocks
from trading.backtest.shares import Share, wilson
from trading.backtest.track import Track
from trading.errors import InvalidValue
from trading.risk.packs import RulePack

BY_DAY, BY_TRADE = "day", "trade"
QUANTILES: Final = (5, 25, 50, 75, 95)
_REASONS: Final = {
    BY_TARGET: Reason.TARGET,
    BY_DAILY_LOSS: Reason.DAILY_LOSS,
    BY_MAX_LOSS: Reason.MAX_LOSS,
    BY_TIME_LIMIT: Reason.TIME_LIMIT,
    BY_INACTIVITY: Reason.INACTIVITY,
    BY_END: Reason.END_OF_DATA,
}
# Below, loading numba takes longer than the plain loop.
_WORTH_COMPILING_DAYS: Final = 50_000
_REDRAWN_DAYS: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    How to resample.

    :param paths: resampled accounts.
    :param days: days with bars each phase may take at most; a path that needs more counts as not passed. A week has five or six of
        them: where the account's midnight is later than the market's opening, Sunday evening is a day of its own.
    :param by: `BY_DAY` draws whole days in blocks, `BY_TRADE` single trades.
    :param mean_block_days: how many days stay together on average; 5 keeps weeks.
    :param seed: equal seeds give equal answers, on every machine.
    """

    paths: int = 10_000
    days: int = 250
    by: str = BY_DAY
    mean_block_days: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.by not in (BY_DAY, BY_TRADE):
            raise InvalidValue(f"resample by {BY_DAY} or {BY_TRADE}, not {self.by!r}", field="by")
        check_draws(1, self.paths, self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOdds:
    """
    How the paths that reached a phase fared in it.

    ``passed`` and ``survived`` are shares of those paths: passed reached the target, survived were not lost by the end of the days.
    ``days`` are the calendar days of those that passed at the `QUANTILES`, empty where none did; ``reasons`` counts how paths ended.
    """

    phase: str
    has_target: bool
    passed: Share
    survived: Share
    reasons: dict[Reason, int]
    days: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """
    The chance to pass: ``passed`` is the share of paths that passed every phase with a target, with the interval of counting paths.

    ``history`` is the 90 % interval when the history itself is drawn again: what other luck of the same strategy might have left
    us to resample. It is the honest one where trades are few. ``days`` are calendar days through all phases, at the `QUANTILES`.
    """

    plan: Plan
    risk_scale: float
    passed: Share
    history: tuple[float, float]
    phases: tuple[PhaseOdds, ...]
    days: tuple[float, ...]
    source_days: int
    source_segments: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "risk_scale": self.risk_scale,
            "passed": self.passed.as_dict(),
            "history_low": self.history[0],
            "history_high": self.history[1],
            "days": dict(zip(QUANTILES, self.days, strict=False)),
            "source_days": self.source_days,
            "source_segments": self.source_segments,
            "phases": [
                {
                    "phase": phase.phase,
                    "has_target": phase.has_target,
                    "passed": phase.passed.as_dict(),
                    "survived": phase.survived.as_dict(),
                    "reasons": {str(reason): count for reason, count in phase.reasons.items()},
                    "days": dict(zip(QUANTILES, phase.days, strict=False)),
                }
                for phase in self.phases
            ],
        }


class Sampler:
    """
    A backtest, a rule pack and a plan, drawn once: every question is then asked of the same paths (common random numbers).

    :raises IncompletePack: if the pack leaves figures open, or knows no account of that size.
    :raises InvalidValue: where the backtest has no trades, or the plan is too large.
    """

    def __init__(self, track: Track, pack: RulePack, account: Account, plan: Plan) -> None:
        self.plan, self.account, self.phases = plan, account, pack.phases
        self.rules = [rules_of(pack, phase, account) for phase in pack.phases]
        self.targets = [number for number, rules in enumerate(self.rules) if rules.target > 0]
        self._source = track, pack.zone, pack.resets
        by_day = plan.by == BY_DAY
        self.pool = self._pool_of_days() if by_day else self._pool_of_trades(seed=plan.seed)
        self.draws = draw_blocks(
            len(self.pool.first),
            paths=plan.paths,
            length=plan.days * len(pack.phases),
            mean_block=plan.mean_block_days if by_day else 1.0,
            seed=plan.seed,
        )

    def _pool_of_days(self) -> Pool:
        return pool_of_days(*self._source, compounding=self.account.compounding)

    def _pool_of_trades(self, *, seed: int, days: int = SYNTHETIC_DAYS, redraw: bool = False) -> Pool:
        compounding = self.account.compounding
        return pool_of_trades(*self._source, compounding=compounding, seed=seed, days=days, redraw=redraw)

    def odds(self, risk_scale: float = 1.0, *, histories: int = 40, paths_each: int = 500) -> Odds:
        """
        Return the chance to pass at a risk scale (1: the backtest's own risk).

        :param histories: how often the history itself is drawn again for ``history``, with ``paths_each`` paths; 0 leaves it out.
        """
        walked = self._walk(risk_scale, self.draws)
        passed = self._passed(walked)
        total = np.sum([walked[number].days for number in self.targets], axis=0)
        return Odds(
            plan=self.plan,
            risk_scale=risk_scale,
            passed=wilson(int(passed.sum()), self.plan.paths),
            history=self._history(risk_scale, histories, paths_each),
            phases=tuple(self._phase(number, phase) for number, phase in enumerate(walked)),
            days=_quantiles(total[passed]) if self.targets else (),
            source_days=len(self.pool.first),
            source_segments=len(self.pool.end),
        )

    def share_passed(self, risk_scale: float) -> Share:
        """Return the share of paths that pass every phase with a target."""
        walked = self._walk(risk_scale, self.draws, last=max(self.targets, default=0) + 1)
        return wilson(int(self._passed(walked).sum()), self.plan.paths)

    def _walk(
        self, risk_scale: float, draws: NDArray[np.int32], *, pool: Pool | None = None, last: int | None = None
    ) -> list[Walked]:
        return walk_phases(
            pool or self.pool,
            draws.reshape(len(draws), len(self.rules), -1),
            self.rules[:last],
            risk_scale * self.account.risk_scale,
            compounding=self.account.compounding,
        )

    def _history(self, risk_scale: float, histories: int, paths: int) -> tuple[float, float]:
        if not histories or not self.targets:
            return 0.0, 1.0
        shares = [
            float(self._passed(self._walk(risk_scale, draws, pool=pool, last=max(self.targets) + 1)).mean())
            for pool, draws in self._redrawn(histories, paths)
        ]
        low, high = np.percentile(shares, (5, 95))
        return float(low), float(high)

    def _redrawn(self, histories: int, paths: int) -> Iterator[tuple[Pool, NDArray[np.int32]]]:
        """Yield other histories that might have been: as long as ours, drawn from it with replacement."""
        plan, days = self.plan, len(self.pool.first)
        if plan.by == BY_TRADE:
            for number in range(histories):
                seed = plan.seed + 1 + number
                pool = self._pool_of_trades(seed=seed, days=_REDRAWN_DAYS, redraw=True)
                yield pool, self.draws[:paths] % _REDRAWN_DAYS
            return
        mean = min(plan.mean_block_days, float(days))
        for history in draw_blocks(days, paths=histories, length=days, mean_block=mean, seed=plan.seed + 1):
            yield self.pool, history[self.draws[:paths]]

    def _passed(self, walked: list[Walked]) -> NDArray[np.bool_]:
        """Say which paths passed the last phase with a target, and so all of them."""
        if not self.targets:
            return np.zeros(len(walked[0].status), dtype=np.bool_)
        return np.asarray(walked[max(self.targets)].status == PASSED)

    def _phase(self, number: int, walked: Walked) -> PhaseOdds:
        reached = walked.status != NOT_REACHED
        passed, count = walked.status == PASSED, int(reached.sum())
        reasons = {reason: int((walked.reason[reached] == code).sum()) for code, reason in _REASONS.items()}
        return PhaseOdds(
            phase=self.phases[number].name,
            has_target=self.rules[number].target > 0,
            passed=wilson(int(passed.sum()), count),
            survived=wilson(int((reached & (walked.status != FAILED)).sum()), count),
            reasons={reason: found for reason, found in reasons.items() if found},
            days=_quantiles(walked.days[passed]),
        )


@dataclass(frozen=True, slots=True)
class Walked:
    """How every path of a phase ended: codes of the kernel, calendar days, balance in units of the initial one."""

    status: NDArray[np.int8]
    reason: NDArray[np.int8]
    days: NDArray[np.int32]
    balance: NDArray[np.float64]


def walk_phases(
    pool: Pool, draws: NDArray[np.int32], rules: Sequence[PhaseRules], scale: float, *, compounding: bool
) -> list[Walked]:
    """
    Walk phase after phase; a path enters the next where it passed the one before.

    :param draws: day numbers by path, phase and day; negative ones end a path.
    """
    reached, walked = np.ones(len(draws), dtype=np.bool_), []
    for number, phase in enumerate(rules):
        walked.append(walk_phase_paths(pool, draws[:, number], phase, scale, reached, compounding=compounding))
        reached = walked[-1].status == PASSED
    return walked


def walk_phase_paths(
    pool: Pool,
    draws: NDArray[np.int32],
    rules: PhaseRules,
    scale: float,
    reached: NDArray[np.bool_],
    *,
    compounding: bool,
) -> Walked:
    """Walk the paths that reached a phase, compiled where that is sooner; ``draws`` by path and day."""
    function = walk_phase if draws.size < _WORTH_COMPILING_DAYS else jit.compiled(walk_phase)
    paths = len(draws)
    walked = Walked(np.zeros(paths, np.int8), np.zeros(paths, np.int8), np.zeros(paths, np.int32), np.ones(paths))
    out = walked.status, walked.reason, walked.days, walked.balance
    function(pool, np.ascontiguousarray(draws), rules, float(scale), compounding, reached, *out)
    return walked


def _quantiles(days: NDArray[Any]) -> tuple[float, ...]:
    return tuple(float(x) for x in np.percentile(days, QUANTILES)) if len(days) else ()
