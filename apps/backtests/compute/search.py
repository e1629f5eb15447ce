"""Sweeps and searches: run points, gather them, say what the best is worth after so many tries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.backtests.compute.one import execute
from apps.backtests.models import Chunk, Run, Study, Trial
from apps.backtests.search_plans import build_objective, build_space
from apps.backtests.services.bars import RunBars, load_run_bars
from apps.backtests.services.finishing import ChunkOutcome
from apps.backtests.services.terms import build_costs
from trading.backtest.deflated import Evidence, warn_overfitting, weigh
from trading.backtest.search import Setting, Summary, run_point
from trading.backtest.search_space import Dimension, Space
from trading.backtest.suggest import suggest
from trading.metrics.returns import returns_by_day
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

Checkpoint = Callable[[float], None]
KEPT = (
    "trades", "net_profit", "return_fraction", "max_drawdown_fraction", "sharpe_ratio", "profit_factor", "win_rate",
    "expectancy", "final_balance",
)  # fmt: skip
TOP = 20
WEIGHED = 60  # trials whose daily returns are looked at for the doubts
MOST_CELLS = 2_500


def run_part(chunk: Chunk, checkpoint: Checkpoint) -> ChunkOutcome:
    """Run the points of a part: those it names, or those that are worth trying after all that are done."""
    study = chunk.study
    space, objective = build_space(study.settings), build_objective(study.settings)
    numbers = chunk.work.get("numbers")
    if numbers is None:
        done = list(Trial.objects.filter(study=study).order_by("number").values_list("number", "score"))
        numbers = suggest(space, done, count=chunk.work["count"], seed=study.settings["seed"])
    setting, trials = make_setting(study.run), []
    for place, number in enumerate(numbers):
        checkpoint(place / len(numbers))
        found = run_point(study.run.document, space, number, setting)
        trials.append((number, found.values, keep(found), objective.score(found.statistics)))
    return ChunkOutcome({}, trials=trials, count=len(trials))


def gather(chunk: Chunk, checkpoint: Checkpoint) -> ChunkOutcome:
    """Return the best points, the surface over two parameters, and what speaks against the best."""
    study = chunk.study
    space = build_space(study.settings)
    trials = Trial.objects.filter(study=study)
    top = list(trials.filter(score__isnull=False).order_by("-score", "number")[:TOP])
    result: dict[str, Any] = {
        "tried": trials.count(),
        "counted": trials.filter(score__isnull=False).count(),
        "skipped": study.settings.get("skipped", {}),
        "top": [{"number": one.number, "point": one.point, "values": one.values, "score": one.score} for one in top],
        "surface": make_surface(space, trials.values_list("point", "score")),
        "evidence": None,
        "warnings": ["No point made enough trades to count."] if not top else [],
    }
    if top:
        evidence = weigh_best(study, space, top[0], checkpoint)
        result |= {"evidence": asdict(evidence), "warnings": warn_overfitting(evidence)}
        result["document"] = space.document(study.run.document, top[0].number)
    headline = {"best": result["top"][0] if top else None, "tried": result["tried"], "warned": bool(result["warnings"])}
    return ChunkOutcome(result, headline, count=0)


def weigh_best(study: Study, space: Space, best: Trial, checkpoint: Checkpoint) -> Evidence:
    """Return the evidence for the best point, from its daily returns and those of trials evenly taken."""
    run, loaded = study.run, load_run_bars(study.run)
    numbers = list(
        Trial.objects.filter(study=study, values__has_key="trades").order_by("number").values_list("number", flat=True)
    )
    taken = sorted(
        {numbers[place] for place in np.linspace(0, len(numbers) - 1, min(WEIGHED, len(numbers))).astype(int)}
    )
    columns = []
    for place, number in enumerate(taken):
        checkpoint(place / (len(taken) + 1))
        columns.append(daily_returns_of(run, loaded, space.document(run.document, number)))
    own = daily_returns_of(run, loaded, space.document(run.document, best.number))
    return weigh(
        own,
        np.column_stack(columns),
        trades=best.values["trades"],
        parameters=len(space.dimensions),
        trials=len(numbers),
    )


def daily_returns_of(run: Run, loaded: RunBars, document: dict[str, Any]) -> NDArray[np.float64]:
    """Return what equity did from day to day with another document."""
    result = execute(run, loaded, run.costs, document)
    return returns_by_day(np.asarray(result.closes_s), np.asarray(result.equity), float(run.balance))


def make_surface(space: Space, trials: Iterable[tuple[dict[str, Any], float | None]]) -> dict[str, Any] | None:
    """Return the best score over the two longest ordered parameters; None where there are none, or too many cells."""
    ordered = sorted(
        (one for one in space.dimensions if one.is_ordered and len(one.values) > 1), key=lambda one: -len(one.values)
    )
    if not ordered:
        return None
    across = ordered[0]
    down = ordered[1] if len(ordered) > 1 else Dimension("", ("",), is_ordered=False)
    if len(across.values) * len(down.values) > MOST_CELLS:
        return None
    cells: list[list[float | None]] = [[None] * len(across.values) for _ in down.values]
    for point, score in trials:
        x = across.values.index(point[across.path])
        y = down.values.index(point[down.path]) if down.path else 0
        known = cells[y][x]
        if score is not None and (known is None or score > known):
            cells[y][x] = score
    return {
        "x": across.path,
        "y": down.path,
        "x_values": list(across.values),
        "y_values": list(down.values),
        "cells": cells,
    }


def make_setting(run: Run) -> Setting:
    """Return what every point of a study is run on: the backtest's own terms."""
    loaded = load_run_bars(run)
    return Setting(
        bars=loaded.bars,
        instrument=Instrument.from_dict(run.instrument),
        costs=build_costs(run.costs),
        balance=Decimal(run.balance),
        timeframe=Timeframe(run.timeframe),
        options={"pessimistic": run.pessimistic, "others": loaded.others},
    )


def keep(summary: Summary) -> dict[str, Any]:
    """Return what is kept of a point: its statistics, or why it could not be run."""
    if summary.statistics is None:
        return {"refused": summary.refused}
    return {name: summary.statistics.get(name) for name in KEPT}
