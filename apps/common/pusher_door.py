"""Pusher, or a server of its protocol, where one is configured: events of a team, commands for an executor. It may fail; nothing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.utils.module_loading import import_string

log = structlog.get_logger(__name__)
WAITING = 1000
TIMEOUT_S = 5
Push = tuple[str, str, Any]  # channel, event name, data


class PusherDoor:
    """Sends published events to Pusher from a queue of its own; what does not fit is dropped, as a push may be."""

    def __init__(self, client: Any, more: dict[str, Callable[[dict[str, Any]], Push | None]] | None = None) -> None:
        """`more`: by kind of event, what else is pushed for it (read from the database)."""
        self._client, self._more = client, more or {}
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(WAITING)

    @classmethod
    def from_settings(cls) -> PusherDoor | None:
        """Return the door, or None where PUSHER_* is not set."""
        given = settings.PUSHER
        if not (given["APP_ID"] and given["KEY"] and given["SECRET"]):
            return None
        import pusher

        place = (
            {"host": given["HOST"], "port": settings.PUSHER_PORT}
            if given["HOST"]
            else {"cluster": given["CLUSTER"] or "mt1"}
        )
        client = pusher.Pusher(
            app_id=given["APP_ID"],
            key=given["KEY"],
            secret=given["SECRET"],
            timeout=TIMEOUT_S,
            ssl=settings.PUSHER_TLS,
            **place,
        )
        return cls(client, {kind: import_string(name) for kind, name in settings.PUSHES.items()})

    def offer(self, team_id: str, events: list[dict[str, Any]]) -> None:
        """Queue events; never waits."""
        for event in events:
            try:
                self._waiting.put_nowait((team_id, event))
            except asyncio.QueueFull:
                log.warning("PUSH_DROPPED", kind=event["kind"])

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            team_id, event = await self._waiting.get()
            try:
                for push in await self._read_pushes(team_id, event):
                    await asyncio.to_thread(self._client.trigger, *push)
            except Exception as error:
                log.warning("PUSH_FAILED", kind=event["kind"], problem=repr(error)[:200])

    async def _read_pushes(self, team_id: str, event: dict[str, Any]) -> list[Push]:
        pushes: list[Push] = [(f"private-team-{team_id}", event["kind"], event)]
        if (read := self._more.get(event["kind"])) and (push := await database_sync_to_async(read)(event)):
            pushes.insert(0, push)  # an executor waits for it; people can wait
        return pushes
