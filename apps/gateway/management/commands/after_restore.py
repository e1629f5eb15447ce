"""`manage.py after_restore`: once after a backup was put back, before the server is started."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand

from apps.common.clock import read_at
from apps.gateway.services.restoring import settle_restored


class Command(BaseCommand):
    help = (
        "Once after a backup was put back: halts every account, pauses what ran, and raises the numbers agents compare, so that "
        "nothing from before the backup is done again. Then look, `manage.py halt platform --lift`, and resume what shall run."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        done = settle_restored(actor=f"shell:{getpass.getuser()}", at=read_at())
        self.stdout.write(
            f"fleet epoch {done.fleet_epoch}; {done.halted} accounts halted, {done.paused} assignments paused. "
            "Compare positions with the broker, then `manage.py halt platform --lift`, then resume what shall run."
        )
