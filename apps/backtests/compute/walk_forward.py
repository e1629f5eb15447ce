"""Walk-forward: each window chooses on its training and trades its test unseen; then all tests are joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from apps.backtests.compute.search import KEPT, make_setting
from apps.backtests.models import Chunk, ChunkStage
from apps.backtests.search_plans import build_objective, build_search, build_space, build_walk
from apps.backtests.services.finishing import ChunkOutcome
from trading.backtest.deflated import Evidence, warn_overfitting
from trading.backtest.search import Summary, read_summary, run_point
from trading.backtest.walk_forward import WalkReport, WindowResult, choose, plan_windows, stitch, trade_choice
from trading.metrics.shapes import equity_shape

Checkpoint = Callable[[float], None]


def walk_window(chunk: Chunk, checkpoint: Checkpoint) -> ChunkOutcome:
    """Choose on one window's training; what was chosen is kept, its test is traded when all are joined."""
    study = chunk.study
    space, objective = build_space(study.settings), build_objective(study.settings)
    setting = make_setting(study.run)
    windows = plan_windows(setting.bars, build_walk(study.settings))
    window = next(each for each in windows if each.number == chunk.work["window"])
    training = replace(setting, bars=window.train(setting.bars))
    numbers, summaries = build_search(space, study.settings).numbers, []
    for place, number in enumerate(numbers):
        checkpoint(place / len(numbers))
        summaries.append(run_point(study.run.document, space, number, training))
    chosen = choose(summaries, objective)
    return ChunkOutcome({"chosen": _shape_choice(chosen)})


def join(chunk: Chunk, checkpoint: Checkpoint) -> ChunkOutcome:
    """Trade every test with its choice and join them to one unseen history."""
    study = chunk.study
    space, objective, setting = build_space(study.settings), build_objective(study.settings), make_setting(study.run)
    windows = plan_windows(setting.bars, build_walk(study.settings))
    parts = study.chunks.filter(stage=ChunkStage.WORK).order_by("number")
    chosen = {part.work["window"]: part.result["chosen"] for part in parts}
    results = []
    for place, window in enumerate(windows):
        checkpoint(place / len(windows))
        kept = chosen[window.number]
        results.append(
            trade_choice(window, read_summary(kept) if kept else None, study.run.document, space, setting, objective)
        )
    report = stitch(results)
    evidence = Evidence(
        trades=sum(int(result.test_statistics["trades"]) for result in results if result.test_statistics),
        parameters=len(space.dimensions),
        trials=len(build_search(space, study.settings).numbers),
        walk_forward_efficiency=report.efficiency,
        out_of_sample_return=report.return_fraction,
    )
    headline = {"return_fraction": report.return_fraction, "efficiency": report.efficiency, "windows": report.windows}
    return ChunkOutcome(_shape(report, results, evidence), headline, count=0)


def _shape(report: WalkReport, results: list[WindowResult], evidence: Evidence) -> dict[str, Any]:
    closes, equity = np.asarray(report.closes_s), np.asarray(report.equity)
    return {
        "return_fraction": report.return_fraction,
        "max_drawdown_fraction": report.max_drawdown_fraction,
        "sharpe_ratio": report.sharpe_ratio,
        "efficiency": report.efficiency,
        "profitable_share": report.profitable_share,
        "windows": [_shape_window(result) for result in results],
        "idle_windows": report.idle_windows,
        "trades": evidence.trades,
        "warnings": warn_overfitting(evidence),
        "equity": equity_shape(closes, equity, most_points=600),
        "stability": [
            {
                "path": one.path,
                "commonest": one.commonest,
                "commonest_share": one.commonest_share,
                "relative_spread": one.relative_spread,
            }
            for one in report.stability
        ],
    }


def _shape_window(result: WindowResult) -> dict[str, Any]:
    window = result.window
    return {
        "number": window.number,
        "train_from": _moment(window.train_from_s),
        "train_to": _moment(window.train_to_s),
        "test_from": _moment(window.test_from_s),
        "test_to": _moment(window.test_to_s),
        "values": result.values,
        "train_score": result.train_score,
        "test_score": result.test_score,
        "train_return": result.train_return,
        "test_return": result.test_return,
        "trades": result.test_statistics["trades"] if result.test_statistics else 0,
    }


def _shape_choice(chosen: Summary | None) -> dict[str, Any] | None:
    if chosen is None or chosen.statistics is None:
        return None
    return {**chosen.as_dict(), "statistics": {name: chosen.statistics.get(name) for name in KEPT}}


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
