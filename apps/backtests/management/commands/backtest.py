"""`manage.py backtest`: run a rule document, or a strategy of the catalogue, over a CSV of bars."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.backtests.services.files import catalogue_document, read_rules, run_from_files, shape_result
from trading.backtest.run import Costs
from trading.errors import TradingError


class Command(BaseCommand):
    """Run a rule document or a ready strategy over a CSV of bars; needs no database and no running platform."""

    help = "Run a rule document or a ready strategy over a CSV of bars; needs no database and no running platform."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--rules", type=Path, help="rule document (JSON)")
        what.add_argument(
            "--type", help="strategy of the catalogue, e.g. MovingAverageStrategy, with its own exit and risk"
        )
        parser.add_argument("--params", help="its parameters: a JSON object, or @FILE that holds one")
        parser.add_argument("--calendar", type=Path, help="CSV of calendar events for a strategy that trades news")
        parser.add_argument(
            "--other", action="append", type=_other, default=[], help="bars of another symbol: GBPUSD=GBPUSD_M5.csv"
        )
        parser.add_argument("--data", type=Path, required=True, help="bars (CSV)")
        parser.add_argument(
            "--zone",
            default="UTC",
            help="clock of its times: UTC, Europe/Berlin, +02:00, SERVER_NY+7 (most MT5 servers)",
        )
        parser.add_argument("--symbol", required=True, help="symbol with a typical specification, e.g. EURUSD")
        parser.add_argument("--timeframe", required=True, help="M1 M5 M15 M30 H1 H4 D1 W1")
        parser.add_argument(
            "--spread",
            type=_decimal,
            default=None,
            help="spread in pips; default: the spread column of the data, and where it says none 1 pip",
        )
        parser.add_argument(
            "--commission", type=_decimal, default=Decimal(0), help="per lot and side, account currency"
        )
        parser.add_argument(
            "--slippage-ticks", type=int, default=0, help="ticks by which market and stop fills are worse"
        )
        parser.add_argument(
            "--swap-long", type=_decimal, default=Decimal(0), help="points per lot and night of a BUY; below 0 it costs"
        )
        parser.add_argument("--swap-short", type=_decimal, default=Decimal(0), help="the same of a SELL")
        parser.add_argument("--leverage", type=_decimal, help="asks for margin: 100 for 1:100; default: none is asked")
        parser.add_argument("--balance", type=_decimal, default=Decimal(10_000), help="first balance, account currency")
        parser.add_argument(
            "--from", dest="trade_from", type=_moment, help="trade from here on (ISO time with zone); before is history"
        )
        parser.add_argument("--pessimistic", action="store_true", help="stop before target where a bar reaches both")
        parser.add_argument("--json", type=Path, required=True, help="where the result goes; - for standard output")

    def handle(self, **options: Any) -> None:
        try:
            done = run_from_files(
                document=_document(options),
                data=options["data"],
                symbol=options["symbol"],
                timeframe=options["timeframe"],
                costs=_costs(options),
                balance=options["balance"],
                trade_from=options["trade_from"],
                pessimistic=options["pessimistic"],
                others=dict(options["other"]),
                zone=options["zone"],
            )
        except TradingError as error:
            raise CommandError(_describe(error)) from None
        except OSError as error:
            raise CommandError(f"FILE_UNREADABLE: {error}") from None
        for finding in done.findings:
            self.stderr.write(f"data: {finding}")
        text = json.dumps(shape_result(done.result), allow_nan=False)
        if str(options["json"]) == "-":
            self.stdout.write(text)
            return
        try:
            options["json"].write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"FILE_UNWRITABLE: {error}") from None
        self.stdout.write(_summary(done.result.statistics))


def _document(options: dict[str, Any]) -> dict[str, Any]:
    if options["type"]:
        return catalogue_document(options["type"], options["params"], options["calendar"])
    if options["params"] or options["calendar"]:
        raise CommandError("--params and --calendar belong to --type: a rule document holds its own")
    return read_rules(options["rules"])


def _costs(options: dict[str, Any]) -> Costs:
    return Costs(
        spread_pips=options["spread"],
        commission_per_lot=options["commission"],
        slippage_ticks=options["slippage_ticks"],
        swap_long_points=options["swap_long"],
        swap_short_points=options["swap_short"],
        leverage=options["leverage"],
    )


def _other(text: str) -> tuple[str, Path]:
    symbol, equals, path = text.partition("=")
    if not (symbol and equals and path):
        raise ArgumentTypeError(f"{text!r} must be SYMBOL=FILE")
    return symbol, Path(path)


def _summary(statistics: dict[str, Any]) -> str:
    return (
        f"{statistics['trades']} trades over {statistics['bars']} bars, net profit {statistics['net_profit']:.2f}, "
        f"largest drawdown {100 * statistics['max_drawdown_fraction']:.2f} %"
    )


def _describe(error: TradingError) -> str:
    lines = [f"{error.code}: {error.message}"]
    lines += [f"  {problem['field']}: {problem['message']}" for problem in error.extra.get("problems", [])[1:]]
    return "\n".join(lines)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an ISO time") from None
    if at.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} lacks its zone: write {text}Z for UTC")
    return at


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ArgumentTypeError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ArgumentTypeError(f"{text!r} is not a finite number")
    return number
