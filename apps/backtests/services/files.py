"""Run a backtest from files: needs no database and no running platform."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.common.wire import to_wire_number, to_wire_time
from trading.backtest.run import Costs, Result, Trade, run
from trading.data.examine import Policy
from trading.data.files import read_bars
from trading.errors import InvalidRules
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class FileBacktest:
    """A finished run and the sentences about what was wrong with its data."""

    result: Result
    findings: list[str]


def run_from_files(
    *,
    rules: Path,
    data: Path,
    symbol: str,
    timeframe: str,
    costs: Costs,
    balance: Decimal,
    trade_from: datetime | None = None,
    pessimistic: bool = False,
) -> FileBacktest:
    """
    Run the rule document in ``rules`` on ``timeframe`` over the bars in ``data``, which may be finer.

    :raises OSError: where a file cannot be read.
    :raises TradingError: where rules, symbol, timeframe or bars are wrong.
    """
    frame = Timeframe.parse(timeframe)
    instrument = typical_instrument(symbol)
    document = read_rules(rules)
    with data.open("rb") as file:
        read = read_bars(file, policy=Policy.DROP_IMPOSSIBLE)
    result = run(
        read.bars, document, instrument, costs, balance, timeframe=frame, trade_from=trade_from, pessimistic=pessimistic
    )
    return FileBacktest(result, [finding.sentence for finding in read.findings])


def read_rules(path: Path) -> dict[str, Any]:
    """
    Read a rule document; one wrapped as ``{"rules": ...}`` (a START_STRATEGY payload) is unwrapped.

    :raises InvalidRules: where the file is no JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise InvalidRules(f"{path.name} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidRules(f"{path.name} must hold a JSON object")
    inner = document.get("rules")
    return inner if isinstance(inner, dict) else document


def shape_result(result: Result) -> dict[str, Any]:
    """Return a result as JSON values: trades, statistics, equity at the close of every bar."""
    points = zip(result.closes_at(), result.equity.tolist(), strict=True)
    return {
        "trades": [_shape_trade(trade) for trade in result.trades],
        "statistics": result.statistics,
        "equity": [{"at": to_wire_time(at), "equity": round(value, 2)} for at, value in points],
    }


def _shape_trade(trade: Trade) -> dict[str, Any]:
    return {
        "opened_at": to_wire_time(trade.opened_at),
        "closed_at": to_wire_time(trade.closed_at),
        "side": str(trade.side),
        "volume_lots": to_wire_number(trade.volume_lots),
        "entry_price": to_wire_number(trade.entry_price),
        "exit_price": to_wire_number(trade.exit_price),
        "pnl": to_wire_number(trade.pnl),
        "exit_reason": str(trade.exit_reason),
    }


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")
