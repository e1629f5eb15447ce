"""Run a backtest from files: needs no database and no running platform."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.common.wire import to_wire_number, to_wire_time
from trading.backtest.run import Costs, Result, Trade, run_prepared
from trading.data.examine import Policy
from trading.data.files import read_bars
from trading.engine.sources import Prepared, prepare
from trading.errors import InvalidRules
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.calendar_rows import read_calendar
from trading.strategies.catalogue import get_spec


@dataclass(frozen=True, slots=True)
class FileBacktest:
    """A finished run and the sentences about what was wrong with its data."""

    result: Result
    findings: list[str]


def run_from_files(
    *,
    document: Mapping[str, Any],
    data: Path,
    symbol: str,
    timeframe: str,
    costs: Costs,
    balance: Decimal,
    trade_from: datetime | None = None,
    pessimistic: bool = False,
    others: Mapping[str, Path] | None = None,
    zone: str = "UTC",
) -> FileBacktest:
    """
    Run a rule document on ``timeframe`` over the bars in ``data``, which may be finer; ``others`` are files of other symbols.

    :param zone: the clock of the files' times, as `read_bars` takes it.

    :raises OSError: where a file cannot be read.
    :raises TradingError: where rules, symbol, timeframe or bars are wrong.
    """
    frame = Timeframe.parse(timeframe)
    instrument = typical_instrument(symbol)
    prepared = prepare(document, instrument, frame)
    bars, findings = read_file(data, zone)
    beside = {}
    for name, path in (others or {}).items():
        beside[name], more = read_file(path, zone)
        findings += [f"{name}: {sentence}" for sentence in more]
    costs, said = costs.settle_spread(bars)
    findings += [said] if said else []
    way: dict[str, Any] = {"trade_from": trade_from, "pessimistic": pessimistic, "others": beside}
    result = run_prepared(bars, prepared, costs, balance, **way)
    return FileBacktest(result, findings + list(_find_reservations(prepared, result)))


def _find_reservations(prepared: Prepared, result: Result) -> Iterator[str]:
    """Yield what the numbers alone would not tell."""
    source = prepared.source
    needed: int = getattr(source, "first_signal_bars", getattr(source, "first_wish_bar", 0))
    if len(result.equity) < needed:
        yield f"the first signal needs {needed:,} {prepared.timeframe} bars, and there are {len(result.equity):,}"


def read_file(path: Path, zone: str = "UTC") -> tuple[Bars, list[str]]:
    """
    Return the bars of a file, and the sentences about what was wrong with them.

    :param zone: the clock of its times, where they carry no offset.
    :raises OSError: where the file cannot be read.
    :raises TradingError: where it holds no bars, or nobody knows the zone.
    """
    with path.open("rb") as file:
        read = read_bars(file, zone=zone, policy=Policy.DROP_IMPOSSIBLE)
    return read.bars, [finding.sentence for finding in read.findings]


def catalogue_document(name: str, parameters: str | None, calendar: Path | None = None) -> dict[str, Any]:
    """
    Return the document of a strategy of the catalogue with its own exit and risk.

    :param parameters: a JSON object, or ``@file`` that holds one.
    :param calendar: a CSV of calendar events, given to the strategy as ``events``.
    :raises OSError: where a file cannot be read.
    :raises TradingError: where there is no such strategy, or the parameters are no JSON object.
    """
    text = parameters or "{}"
    told = _read_object(_read_text(Path(text[1:])) if text.startswith("@") else text, "--params")
    if calendar is not None:
        told["events"] = read_calendar(_read_text(calendar))
    return get_spec(name).document(told)


def read_rules(path: Path) -> dict[str, Any]:
    """
    Read a rule document; one wrapped as ``{"rules": ...}`` (a START_STRATEGY payload) is unwrapped.

    :raises OSError: where the file cannot be read.
    :raises InvalidRules: where it is no JSON object.
    """
    document = _read_object(_read_text(path), path.name)
    inner = document.get("rules")
    return inner if isinstance(inner, dict) else document


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRules(f"{path.name} is not text in UTF-8: byte {error.start} is none") from None


def _read_object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise InvalidRules(f"{name} is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRules(f"{name} is nested too deep") from None
    if not isinstance(found, dict):
        raise InvalidRules(f"{name} must hold a JSON object")
    return found


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
