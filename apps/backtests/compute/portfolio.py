"""Several backtests on one account: one balance, one margin, one day's loss, one limit of positions."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from apps.backtests.models import Chunk, Run
from apps.backtests.selectors import get_run
from apps.backtests.services.bars import load_run_bars
from apps.backtests.services.finishing import ChunkOutcome
from apps.backtests.services.terms import build_costs
from trading.backtest.portfolio import Leg, PortfolioResult, run_portfolio
from trading.backtest.result import REASONS, Trades
from trading.engine.decide import SKIP_NAMES
from trading.metrics.curves import drawdown, sharpe_ratio
from trading.metrics.returns import returns_by_day
from trading.metrics.shapes import equity_shape
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

MOST_TRADES = 5_000


def run_together(chunk: Chunk, checkpoint: Callable[[float], None]) -> ChunkOutcome:
    """
    Return the account's equity, each leg's share in it beside what it made alone, and the trades of all.

    :raises NotFound: where a backtest was deleted since.
    :raises TradingError: where a leg cannot be traded.
    """
    run, settings = chunk.study.run, chunk.study.settings
    runs = [run, *(get_run(chunk.study.team_id, name) for name in settings["with"])]
    legs = []
    for place, each in enumerate(runs):
        checkpoint(0.3 * place / len(runs))
        legs.append(_make_leg(each))
    result = run_portfolio(
        legs, Decimal(run.balance), positions_max=settings["positions_max"], pessimistic=run.pessimistic
    )
    checkpoint(0.9)
    shortest_s = min(leg.bars.timeframe.seconds for leg in legs)
    found = _describe(result, result.times_s + shortest_s, float(run.balance))
    found["legs"] = [_describe_leg(each, result.trades[each.public_id]) for each in runs]
    found["trades"], found["trade_count"] = _list_trades(runs, result)
    headline = {name: found[name] for name in ("return_fraction", "max_drawdown_fraction", "sharpe_ratio")}
    return ChunkOutcome(found, {**headline, "legs": len(runs), "trades": found["trade_count"]})


def _make_leg(run: Run) -> Leg:
    loaded = load_run_bars(run)
    return Leg(
        name=run.public_id,
        bars=loaded.bars,
        document=run.document,
        instrument=Instrument.from_dict(run.instrument),
        costs=build_costs(run.costs),
        timeframe=Timeframe(run.timeframe),
        others=loaded.others,
    )


def _describe(result: PortfolioResult, closes_s: Any, balance: float) -> dict[str, Any]:
    equity = np.asarray(result.equity)
    skipped = {SKIP_NAMES[code]: int(result.skipped[code]) for code in SKIP_NAMES if result.skipped[code]}
    return {
        "balance": balance,
        "final_balance": result.final_balance,
        "return_fraction": result.final_balance / balance - 1,
        "max_drawdown_fraction": float(drawdown(np.append(balance, equity)).max()),
        "sharpe_ratio": sharpe_ratio(returns_by_day(closes_s, equity, balance)),
        "equity": equity_shape(closes_s, equity, most_points=600),
        "skipped": skipped,
    }


def _describe_leg(run: Run, trades: Trades) -> dict[str, Any]:
    pnl = trades.columns().pnl
    return {
        "backtest_id": run.public_id,
        "name": run.name,
        "symbol": run.symbol,
        "timeframe": run.timeframe,
        "digits": run.instrument["digits"],
        "trades": len(pnl),
        "won": int((pnl > 0).sum()),
        "net_profit": round(float(pnl.sum()), 2),
        "alone_trades": run.headline.get("trades"),
        "alone_net_profit": run.headline.get("net_profit"),
    }


def _list_trades(runs: list[Run], result: PortfolioResult) -> tuple[list[dict[str, Any]], int]:
    """Return the newest trades of all legs, in order of closing, and how many there are."""
    rows: list[tuple[int, int, int]] = []
    columns = [result.trades[run.public_id].columns() for run in runs]
    for leg, one in enumerate(columns):
        rows += [(int(closed), leg, place) for place, closed in enumerate(one.closed_s)]
    shown = sorted(rows)[-MOST_TRADES:]
    return [_shape_trade(leg, columns[leg], place) for _, leg, place in shown], len(rows)


def _shape_trade(leg: int, columns: Any, place: int) -> dict[str, Any]:
    return {
        "leg": leg,
        "opened_s": int(columns.opened_s[place]),
        "closed_s": int(columns.closed_s[place]),
        "side": "BUY" if columns.side[place] > 0 else "SELL",
        "volume_lots": round(float(columns.lots[place]), 8),
        "entry_price": float(columns.entry_price[place]),
        "exit_price": float(columns.exit_price[place]),
        "pnl": round(float(columns.pnl[place]), 2),
        "exit_reason": str(REASONS[int(columns.reason[place])]),
    }
