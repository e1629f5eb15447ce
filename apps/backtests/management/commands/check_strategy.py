"""`manage.py check_strategy`: does a strategy look ahead?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.backtests.services.checks import check_named, check_rules
from trading.errors import TradingError


class Command(BaseCommand):
    """Ask a strategy for its wishes with other futures, and tell what changed; needs no database and no running platform."""

    help = "Ask a strategy for its wishes with other futures, and tell what changed; ends with 1 where it looks ahead."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("name", nargs="?", help="strategy of the catalogue or of an installed package")
        what.add_argument("--rules", type=Path, help="rule document (JSON)")
        parser.add_argument("--params", help="its parameters: a JSON object, or @FILE that holds one")
        parser.add_argument("--data", type=Path, help="bars (CSV); without it, bars made for the purpose")
        parser.add_argument("--symbol", default="EURUSD", help="symbol with a typical specification")
        parser.add_argument("--timeframe", default="M5", help="timeframe of made bars: M1 M5 M15 M30 H1 H4 D1 W1")
        parser.add_argument("--bars", type=int, default=1000, help="how many bars, at most 20000")

    def handle(self, **options: Any) -> None:
        name, rules = options.pop("name"), options.pop("rules")
        told = {key: options[key] for key in ("data", "symbol", "timeframe", "bars")}
        try:
            report = check_rules(rules, **told) if rules else check_named(name, options["params"], **told)
        except TradingError as error:
            raise CommandError(f"{error.code}: {error.message}") from None
        except OSError as error:
            raise CommandError(f"FILE_UNREADABLE: {error}") from None
        for line in report.lines():
            self.stdout.write(line)
        if not report.is_clean:
            raise CommandError("not proven" if not report.findings else "this strategy's backtest is not its live run")
