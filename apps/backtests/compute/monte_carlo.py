"""Monte Carlo: the backtest's own trades or days in other orders, or drawn again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from apps.backtests.figures import load_result
from apps.backtests.models import Chunk
from apps.backtests.services.finishing import ChunkOutcome
from trading.backtest.monte_carlo import Draw, resample


def draw_again(chunk: Chunk, checkpoint: Callable[[float], None]) -> ChunkOutcome:
    """Return the fan of equity, the drawdowns, and the chance of ruin."""
    run, settings = chunk.study.run, chunk.study.settings
    columns = load_result(run, "pnl", "equity_s", "equity")
    steps = columns["pnl"]
    if settings["by"] == "day":
        day = columns["equity_s"] // 86_400
        ends = np.flatnonzero(np.append(day[1:] != day[:-1], True))
        steps = np.diff(np.append(float(run.balance), columns["equity"][ends]))
    checkpoint(0.2)
    draw = Draw(
        method=settings["method"], paths=settings["paths"], mean_block=settings["mean_block"], seed=settings["seed"]
    )
    fan = resample(
        steps, float(run.balance), draw, compounding=settings["compounding"], ruin_fraction=settings["ruin_fraction"]
    )
    result = fan.as_dict()
    headline = {
        "ruin": result["ruin"],
        "loss": result["loss"],
        "max_drawdown_fraction": result["max_drawdown_fraction"],
    }
    return ChunkOutcome({**result, "by": settings["by"], "steps_drawn": len(steps)}, headline)
