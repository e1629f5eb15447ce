"""One backtest: its bars, the engine, and what a trader wants to know of the outcome."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.backtests import storage
from apps.backtests.models import Run, WorkStatus
from apps.backtests.services.bars import RunBars, load_run_bars
from apps.backtests.services.finishing import Computed, result_key
from apps.backtests.services.terms import build_costs
from trading.backtest.run import Result
from trading.backtest.run import run as run_engine
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

# What is taken where neither the bars nor the person say what the spread was: never nothing.
FALLBACK_SPREAD_PIPS = "1"
HEADLINE = (
    "trades", "net_profit", "return_fraction", "max_drawdown_fraction", "profit_factor", "win_rate", "sharpe_ratio",
    "expectancy", "final_balance",
)  # fmt: skip


def compute(run: Run, checkpoint: Callable[[float], None]) -> Computed:
    """
    Return what a backtest comes to, or the finished run of the same inputs.

    :raises TradingError: where rules, bars or costs cannot be traded.
    """
    loaded = load_run_bars(run)
    checkpoint(0.1)
    costs, findings = settle_costs(run.costs, loaded)
    data_hash = storage.hash_arrays(storage.bars_to_arrays(loaded.bars))
    same = _find_same(run, result_key(run, data_hash, costs))
    if same is not None:
        return Computed(loaded.bars, data_hash, findings, costs, reused=same)
    result = execute(run, loaded.bars, costs)
    checkpoint(0.7)
    arrays = to_arrays(result)
    summary = summarize(result)
    checkpoint(0.95)
    headline = {name: summary.get(name) for name in HEADLINE}
    return Computed(loaded.bars, data_hash, findings, costs, arrays, headline, summary)


def execute(run: Run, bars: Bars, costs: dict[str, Any], document: dict[str, Any] | None = None) -> Result:
    """Run the engine with a backtest's terms, over these bars, with its own document or another."""
    return run_engine(
        bars,
        document if document is not None else run.document,
        Instrument.from_dict(run.instrument),
        build_costs(costs),
        Decimal(run.balance),
        timeframe=Timeframe(run.timeframe),
        pessimistic=run.pessimistic,
    )


def settle_costs(costs: dict[str, Any], loaded: RunBars) -> tuple[dict[str, Any], list[str]]:
    """Return the costs in force and the findings with what had to be assumed."""
    if costs.get("spread_pips") is not None or bool(np.any(loaded.bars.spread_points > 0)):
        return costs, loaded.findings
    said = f"The bars do not say what the spread was: {FALLBACK_SPREAD_PIPS} pip was taken."
    return {**costs, "spread_pips": FALLBACK_SPREAD_PIPS}, [*loaded.findings, said]


def to_arrays(result: Result) -> dict[str, NDArray[Any]]:
    """Return trades and equity as arrays to keep."""
    trades = list(result.trades)
    return {
        "opened_s": np.array([trade.opened_at.timestamp() for trade in trades], dtype=np.int64),
        "closed_s": np.array([trade.closed_at.timestamp() for trade in trades], dtype=np.int64),
        "side": np.array([trade.side.sign for trade in trades], dtype=np.int8),
        "lots": np.array([float(trade.volume_lots) for trade in trades]),
        "entry_price": np.array([float(trade.entry_price) for trade in trades]),
        "exit_price": np.array([float(trade.exit_price) for trade in trades]),
        "pnl": np.array([float(trade.pnl) for trade in trades]),
        "reason": np.array([str(trade.exit_reason) for trade in trades], dtype="U20"),
        "equity_s": np.asarray(result.closes_s, dtype=np.int64),
        "equity": np.asarray(result.equity),
    }


def summarize(result: Result) -> dict[str, Any]:
    """Return everything the result page shows beside the curves."""
    return dict(result.statistics)


def _find_same(run: Run, key: str) -> Run | None:
    same = Run.objects.filter(team_id=run.team_id, result_key=key, status=WorkStatus.DONE).exclude(pk=run.pk)
    return same.exclude(columns_file="").order_by("finished_at").first()
