"""Pusher, where an account is configured: events of a team, and commands for an executor. It may fail; nothing waits."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)
WAITING = 1000
TIMEOUT_S = 5


class PusherDoor:
    """Sends published events to Pusher from a queue of its own; what does not fit is dropped, as a push may be."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._waiting: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue(WAITING)

    @classmethod
    def from_settings(cls) -> PusherDoor | None:
        """Return the door, or None where PUSHER_* is not set."""
        given = settings.PUSHER
        if not (given["APP_ID"] and given["KEY"] and given["SECRET"]):
            return None
        import pusher

        place = {"host": given["HOST"]} if given["HOST"] else {"cluster": given["CLUSTER"] or "mt1"}
        client = pusher.Pusher(
            app_id=given["APP_ID"], key=given["KEY"], secret=given["SECRET"], timeout=TIMEOUT_S, ssl=True, **place
        )
        return cls(client)

    def offer(self, team_id: str, events: list[dict[str, Any]]) -> None:
        """Queue events; never waits."""
        for event in events:
            for channel, name in address(team_id, event):
                try:
                    self._waiting.put_nowait((channel, name, event))
                except asyncio.QueueFull:
                    log.warning("PUSH_DROPPED", channel=channel, kind=name)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            channel, name, event = await self._waiting.get()
            try:
                await asyncio.to_thread(self._client.trigger, channel, name, event)
            except Exception as error:
                log.warning("PUSH_FAILED", channel=channel, kind=name, problem=repr(error)[:200])


def address(team_id: str, event: dict[str, Any]) -> list[tuple[str, str]]:
    """
    Return where an event is pushed: (channel, event name).

    >>> address("t", {"kind": "trade.opened", "data": {}})
    [('private-team-t', 'trade.opened')]
    >>> address("t", {"kind": "command.created", "data": {"executor_id": "exr_1"}})[1]
    ('private-executor-exr_1', 'command-received')
    """
    places = [(f"private-team-{team_id}", event["kind"])]
    executor_id = event["data"].get("executor_id")
    if event["kind"] == "command.created" and executor_id:
        places.append((f"private-executor-{executor_id}", "command-received"))
    return places
