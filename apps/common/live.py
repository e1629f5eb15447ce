"""The way of published events to the web processes: one channel-layer group a team."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer

MESSAGE = "events.published"
SEND_TIMEOUT_S = 5.0
# The loop in which the web process listens. Only the in-memory layer needs it: its queues belong to one loop.
_listening: list[asyncio.AbstractEventLoop] = []


def group_of(team_id: uuid.UUID | None) -> str:
    """
    Return the group in which a team's events are published.

    >>> group_of(None)
    'platform'
    """
    return f"team-{team_id}" if team_id else "platform"


def listen_here(loop: asyncio.AbstractEventLoop) -> None:
    """Say in which loop this process listens."""
    _listening[:] = [loop]


async def publish(team_id: uuid.UUID | None, events: list[dict[str, Any]]) -> None:
    """
    Give events to whoever listens for the team.

    :raises Exception: whatever the layer raises where it is away, or TimeoutError where it hangs.
    """
    await send_to_group(group_of(team_id), {"type": MESSAGE, "team_id": str(team_id or ""), "events": events})


async def send_to_group(group: str, message: dict[str, Any]) -> None:
    """
    Send one message to a group of the channel layer, from whichever loop.

    :raises Exception: whatever the layer raises where it is away, or TimeoutError where it hangs.
    """
    layer = get_channel_layer()
    sending = layer.group_send(group, message)
    if isinstance(layer, InMemoryChannelLayer) and _listening and _listening[0] is not asyncio.get_running_loop():
        if _listening[0].is_closed():
            sending.close()
            return
        sending = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(sending, _listening[0]))
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await sending
