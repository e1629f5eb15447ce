"""`manage.py import_news`: bring a calendar of scheduled releases in, or find it there already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common.clock import read_at
from apps.common.errors import PlatformError
from apps.market.news import import_news, read_calendar


class Command(BaseCommand):
    """Import scheduled releases from a file."""

    help = "Import scheduled releases (CSV with a header, or a JSON list: at, currency, impact, title)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--source", required=True, help="who says so; its earlier word on the same span is replaced"
        )

    def handle(self, **options: Any) -> None:
        try:
            done = import_news(rows=read_calendar(options["file"]), source=options["source"], at=read_at())
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"FILE_UNREADABLE: {error}") from None
        except PlatformError as error:
            raise CommandError(f"{error.code}: {error.message}") from None
        self.stdout.write(f"{done.added} added, {done.kept} known already, {done.removed} removed")
