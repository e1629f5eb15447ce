"""Settings and parts of what searches parameters: sweep, search by suggestions, walk-forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apps.backtests.limits import Allowance
from apps.backtests.models import ChunkStage, Run
from apps.backtests.plan_settings import Part, Settings, StudyPlan
from apps.backtests.services.bars import load_own_bars
from apps.common.errors import Impossible
from trading.backtest.search import GRID, RANDOM, Objective, Search
from trading.backtest.search_space import Space, parse_space
from trading.backtest.walk_forward import WalkPlan, plan_windows

SPACE = ("parameters", "constraints", "objective", "min_trades", "seed")
# A part should take a few seconds: it is what a killed worker loses, and what a cancel waits for at most.
BARS_A_PART = 6_000_000
MOST_PARTS = 400
ROUND = 16  # suggestions that are made at once
OBJECTIVES = (
    "sharpe_ratio", "net_profit", "return_fraction", "profit_factor", "expectancy", "win_rate", "max_drawdown_fraction",
)  # fmt: skip
LOWER_IS_BETTER = frozenset({"max_drawdown_fraction"})


def plan_sweep(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """Read `parameters`, `constraints`, `objective`, `min_trades`, `method` (grid or random), `count`, `seed`."""
    read = Settings(settings, (*SPACE, "method", "count"))
    given, space = read_space(run, read)
    given |= {"method": read.choice("method", GRID, (GRID, RANDOM)), "count": None}
    if given["method"] == RANDOM:
        given["count"] = read.whole("count", 200, least=1, most=allowance.points)
    search = build_search(space, given)
    refuse_more(len(search.numbers), allowance)
    chunks = search.chunks(_part_size(run, len(search.numbers)))
    parts = [Part(ChunkStage.WORK, place, {"numbers": list(chunk.numbers)}) for place, chunk in enumerate(chunks)]
    return StudyPlan({**given, "skipped": search.skipped}, [*parts, Part(is_ready=False)], len(search.numbers))


def plan_optuna(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """Read `parameters`, `constraints`, `objective`, `min_trades`, `count`, `seed`; rounds follow each other, so it is repeatable."""
    read = Settings(settings, (*SPACE, "count"))
    given, space = read_space(run, read)
    count = min(read.whole("count", 96, least=ROUND, most=allowance.points), space.size)
    sizes = [min(ROUND, count - first) for first in range(0, count, ROUND)]
    parts = [Part(ChunkStage.WORK, place, {"count": size}, is_ready=not place) for place, size in enumerate(sizes)]
    return StudyPlan({**given, "count": count}, [*parts, Part(is_ready=False)], count)


def plan_walk_forward(run: Run, settings: Mapping[str, Any], allowance: Allowance) -> StudyPlan:
    """Read a sweep's settings, and `train_days`, `test_days`, `step_days`, `purge_days`, `anchored`."""
    names = ("method", "count", "train_days", "test_days", "step_days", "purge_days", "anchored")
    read = Settings(settings, (*SPACE, *names))
    given, space = read_space(run, read)
    given |= {"method": read.choice("method", GRID, (GRID, RANDOM)), "count": None}
    if given["method"] == RANDOM:
        given["count"] = read.whole("count", 50, least=1, most=allowance.points)
    span = _days_of(run)
    given |= {
        "train_days": float(read.number("train_days", round(span / 4, 1), least="0.01", most=36_500)),
        "test_days": float(read.number("test_days", round(span / 12, 1), least="0.01", most=36_500)),
        "purge_days": float(read.number("purge_days", 0, least=0, most=3_650)),
        "anchored": read.flag("anchored", False),
    }
    given["step_days"] = float(read.number("step_days", given["test_days"], least="0.01", most=36_500))
    windows = plan_windows(load_own_bars(run), build_walk(given))
    points = len(build_search(space, given).numbers)
    refuse_more(points * len(windows), allowance)
    parts = [Part(ChunkStage.WORK, window.number, {"window": window.number}) for window in windows]
    return StudyPlan(given, [*parts, Part(is_ready=False)], len(windows))


def read_space(run: Run, read: Settings) -> tuple[dict[str, Any], Space]:
    """Return the settings every search has, and its space, which fits the backtest's document."""
    given: dict[str, Any] = {
        "parameters": read.mapping("parameters"),
        "constraints": read.items("constraints"),
        "objective": read.choice("objective", "sharpe_ratio", OBJECTIVES),
        "min_trades": read.whole("min_trades", 30, least=0, most=100_000),
        "seed": read.whole("seed", 0, least=0, most=2**31 - 1),
    }
    space = build_space(given)
    space.require_fits(run.document)
    return given, space


def build_space(settings: Mapping[str, Any]) -> Space:
    """Return the space of stored settings."""
    return parse_space({"parameters": settings["parameters"], "constraints": settings["constraints"]})


def build_search(space: Space, settings: Mapping[str, Any]) -> Search:
    """Return the points of stored settings."""
    return Search(space, method=settings["method"], count=settings["count"], seed=settings["seed"])


def build_objective(settings: Mapping[str, Any]) -> Objective:
    """Return what is best by stored settings."""
    name = settings["objective"]
    return Objective(statistic=name, lowest=name in LOWER_IS_BETTER, min_trades=settings["min_trades"])


def build_walk(settings: Mapping[str, Any]) -> WalkPlan:
    """Return how stored settings cut the history."""
    names = ("train_days", "test_days", "step_days", "purge_days", "anchored")
    return WalkPlan(**{name: settings[name] for name in names})


def refuse_more(points: int, allowance: Allowance) -> None:
    """
    Do nothing for as many runs as the tier allows.

    :raises Impossible: TOO_MANY_POINTS, or NO_POINTS where every point breaks a constraint.
    """
    if not points:
        raise Impossible("NO_POINTS", "No point keeps all constraints.", "settings.constraints")
    if points > allowance.points:
        message = f"{points:,} runs are more than the {allowance.points:,} this team’s tier allows: take larger steps, fewer parameters, or search at random."
        extra = {"points": points, "allowed": allowance.points}
        raise Impossible("TOO_MANY_POINTS", message, "settings.parameters", extra)


def _part_size(run: Run, points: int) -> int:
    by_time = max(1, BARS_A_PART // max(1, run.bar_count or 1))
    return max(-(-points // MOST_PARTS), min(by_time, 100))


def _days_of(run: Run) -> float:
    if run.first_bar_at is None or run.last_bar_at is None:
        return 1.0
    return max(1.0, (run.last_bar_at - run.first_bar_at).total_seconds() / 86_400)


def name_of(path: str) -> str:
    """
    Return a parameter's path in words.

    >>> name_of("entry.indicators.0.period"), name_of("exit.stopLoss")
    ('first period', 'stop loss')
    """
    ordinals: Sequence[str] = ("first", "second", "third", "fourth")
    words = [
        part
        for part in path.split(".")
        if part not in ("entry", "exit", "risk", "parameters", "indicators", "management")
    ]
    spoken = [ordinals[int(part)] if part.isdigit() and int(part) < 4 else part for part in words]
    text = " ".join(spoken).replace("_", " ")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in text).strip()
