"""`manage.py list_strategies`: what strategies there are."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trading.errors import TradingError
from trading.strategies.catalogue import get_spec, list_names
from trading.strategies.guide import render


class Command(BaseCommand):
    """List the strategies of the catalogue and of installed packages; needs no database."""

    help = "List the strategies of the catalogue and of installed packages; needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="the whole page docs/guides/catalogue.md")

    def handle(self, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(render(), ending="")
            return
        for name in list_names():
            try:
                self.stdout.write(f"{name}: {get_spec(name).summary}")
            except TradingError as error:
                self.stdout.write(f"{name}: {error.message}")
