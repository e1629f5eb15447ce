"""One backtest: its bars, the engine, and what a trader wants to know of the outcome."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from numpy.typing import NDArray

from apps.backtests import storage
from apps.backtests.compute.columns import to_arrays, to_metrics
from apps.backtests.models import Run, WorkStatus
from apps.backtests.services.bars import RunBars, load_run_bars
from apps.backtests.services.finishing import Computed, result_key
from apps.backtests.services.terms import build_costs
from apps.common.wire import to_plain
from trading.backtest.run import Result
from trading.backtest.run import run as run_engine
from trading.metrics.report import describe
from trading.metrics.shapes import excursion_shape, histogram_shape, monthly_shape
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe


def compute(run: Run, checkpoint: Callable[[float], None]) -> Computed:
    """
    Return what a backtest comes to, or the finished run of the same inputs.

    :raises TradingError: where rules, bars or costs cannot be traded.
    """
    loaded = load_run_bars(run)
    checkpoint(0.1)
    costs, findings = settle_costs(run.costs, loaded)
    data_hash = storage.hash_arrays(storage.bars_to_arrays(loaded.bars, list(loaded.others.values())))
    same = _find_same(run, result_key(run, data_hash, costs))
    if same is not None:
        return Computed(loaded, data_hash, findings, costs, reused=same)
    result = execute(run, loaded, costs)
    checkpoint(0.7)
    arrays = to_arrays(result, loaded.bars, Instrument.from_dict(run.instrument))
    summary = to_plain(summarize(result, arrays, run))
    checkpoint(0.95)
    return Computed(loaded, data_hash, findings, costs, arrays, make_headline(summary), summary)


def execute(run: Run, loaded: RunBars, costs: dict[str, Any], document: dict[str, Any] | None = None) -> Result:
    """Run the engine with a backtest's terms, over these bars, with its own document or another."""
    return run_engine(
        loaded.bars,
        document if document is not None else run.document,
        Instrument.from_dict(run.instrument),
        build_costs(costs),
        Decimal(run.balance),
        timeframe=Timeframe(run.timeframe),
        others=loaded.others,
        pessimistic=run.pessimistic,
    )


def settle_costs(costs: dict[str, Any], loaded: RunBars) -> tuple[dict[str, Any], list[str]]:
    """Return the costs in force and the findings with what had to be assumed."""
    settled, said = build_costs(costs).settle_spread(loaded.bars)
    if not said:
        return costs, loaded.findings
    return {**costs, "spread_pips": f"{settled.spread_pips:f}"}, [*loaded.findings, said]


def summarize(result: Result, arrays: dict[str, NDArray[Any]], run: Run) -> dict[str, Any]:
    """Return everything the result page shows beside the curves: `trading.metrics.report`, the shapes of its charts, what was skipped."""
    trades, initial = to_metrics(arrays, run.symbol), float(run.balance)
    times, equity = arrays["equity_s"], arrays["equity"]
    multiples = trades.r_multiples
    return {
        **describe(times, equity, trades, initial_balance=initial),
        "monthly": monthly_shape(times, equity, initial),
        "distribution": histogram_shape(multiples if len(multiples) == len(trades) else trades.profit),
        "distribution_unit": "R" if len(multiples) == len(trades) else run.currency,
        "excursion_points": excursion_shape(trades, most_points=400),
        "final_balance": result.final_balance,
        "commission": round(float(arrays["commission"].sum()), 2),
        "swap": round(float(arrays["swap"].sum()), 2),
        "skipped_signals": result.statistics.get("skipped_signals", {}),
    }


def make_headline(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers a list shows."""
    trades, returns = summary["trades"], summary["returns"]
    return {
        "trades": trades["trades"],
        "net_profit": trades["net_profit"],
        "return_fraction": returns["return_fraction"],
        "max_drawdown_fraction": summary["drawdown"]["max_fraction"],
        "profit_factor": trades["profit_factor"],
        "win_rate": trades["win_rate"],
        "sharpe": returns.get("sharpe"),
        "expectancy_r": trades["expectancy_r"],
        "final_balance": summary["final_balance"],
    }


def _find_same(run: Run, key: str) -> Run | None:
    same = Run.objects.filter(team_id=run.team_id, result_key=key, status=WorkStatus.DONE).exclude(pk=run.pk)
    return same.exclude(columns_file="").order_by("finished_at").first()
