"""`manage.py seed_demo`: make the demo's rows, or find them. Safe to run at every start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.common.clock import read_at
from apps.gateway.services.demo import seed_demo


class Command(BaseCommand):
    help = "Make a demo team with a paper account, an executor and an API key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--data-dir", type=Path, required=True, help="where demo.json and agent.toml are kept")
        parser.add_argument("--strategy", action="store_true", help="also create and activate a strategy")
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        url = os.environ.get("MIKROBOT_URL", "http://127.0.0.1:8000")
        made = seed_demo(
            data_dir=options["data_dir"].resolve(), server_url=url, at=read_at(), with_strategy=options["strategy"]
        )
        if options["json"]:
            self.stdout.write(json.dumps(made))
            return
        for name, value in made.items():
            self.stdout.write(f"{name}: {value if value is not None else '(changed by hand)'}")
