"""`manage.py relay`: publish what was committed. Start as many as you like; one works, the others stand by."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from apps.common.live import publish
from apps.common.pusher_door import PusherDoor
from apps.common.relay import Relay


class Command(BaseCommand):
    help = "Publish the outbox to sockets and Pusher until stopped."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            except NotImplementedError:  # Windows: Ctrl-C raises by itself
                break
    await Relay(publish, PusherDoor.from_settings()).run(stop)
