"""`manage.py prepare`: bring the database to the newest tables and the rules that ship with them. Safe at every start."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from apps.accounts.services import load_presets


class Command(BaseCommand):
    help = "Apply the migrations and load the packaged rule packs."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        written = load_presets()
        if options["verbosity"]:
            self.stdout.write(f"rule packs: {written} new versions")
