"""Who is in which channel, in this process; and the way of a push to the other web processes."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
from channels.layers import get_channel_layer

from apps.common.live import listen_here, send_to_group
from apps.gateway.push.frames import make_frame

GROUP: Final = "push"
MOST_WAITING: Final = 200
OVER_CAPACITY: Final = 4100
RETRY_S: Final = (0.1, 0.3, 1.0, 2.0)

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class Guest:
    """One socket: what waits to be sent to it, and where it is."""

    socket_id: str = field(default_factory=lambda: f"{secrets.randbelow(10**9)}.{secrets.randbelow(10**9)}")
    channels: set[str] = field(default_factory=set)
    outbox: asyncio.Queue[str | int] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def tell(self, frame: str) -> None:
        """Queue a frame. A reader too slow for its queue is sent away: it comes again and looks."""
        try:
            self.outbox.put_nowait(frame)
        except asyncio.QueueFull:
            self.end(OVER_CAPACITY)

    def end(self, code: int, last: str | None = None) -> None:
        """Close the socket with this code, after one last frame; what still waited is dropped."""
        while not self.outbox.empty():
            self.outbox.get_nowait()
        if last is not None:
            self.outbox.put_nowait(last)
        self.outbox.put_nowait(code)


class Rooms:
    """The channels of one event loop. `get_rooms()` gives the loop's own."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self._guests: dict[str, Guest] = {}
        self._channels: dict[str, set[Guest]] = defaultdict(set)
        self._members: dict[str, dict[Guest, dict[str, Any]]] = defaultdict(dict)
        self._receiver: asyncio.Task[None] | None = None

    def enter(self, guest: Guest) -> None:
        """Take a socket in."""
        self._guests[guest.socket_id] = guest
        if self._receiver is None or self._receiver.done():
            listen_here(asyncio.get_running_loop())
            self._receiver = asyncio.create_task(self._receive(), name="push receiver")

    def leave(self, guest: Guest) -> None:
        """Forget a socket."""
        self._guests.pop(guest.socket_id, None)
        for channel in list(guest.channels):
            self.unsubscribe(guest, channel)

    def subscribe(self, guest: Guest, channel: str, member: dict[str, Any] | None = None) -> dict[str, Any]:
        """Let a socket hear a channel; return what the channel's success frame carries (the members, where it has them)."""
        if member is not None:
            if not self._is_present(channel, member):
                self._deliver(channel, make_frame("pusher_internal:member_added", member, channel), guest.socket_id)
            self._members[channel][guest] = member
        self._channels[channel].add(guest)
        guest.channels.add(channel)
        if member is None:
            return {}
        present = {str(one["user_id"]): one.get("user_info") for one in self._members[channel].values()}
        return {"presence": {"ids": list(present), "hash": present, "count": len(present)}}

    def unsubscribe(self, guest: Guest, channel: str) -> None:
        """Let a socket hear a channel no more."""
        guest.channels.discard(channel)
        self._channels[channel].discard(guest)
        member = self._members[channel].pop(guest, None)
        if member and not self._is_present(channel, member):
            left = {"user_id": member["user_id"]}
            self._deliver(channel, make_frame("pusher_internal:member_removed", left, channel))
        if not self._channels[channel]:
            del self._channels[channel]
            self._members.pop(channel, None)

    def list_channels(self, prefix: str = "") -> dict[str, int]:
        """Return the channels somebody of this process is in, with the number of sockets."""
        return {name: len(guests) for name, guests in self._channels.items() if name.startswith(prefix) and guests}

    def list_users(self, channel: str) -> list[str]:
        """Return who is in a presence channel, as far as this process knows."""
        return sorted({str(member["user_id"]) for member in self._members.get(channel, {}).values()})

    async def publish(self, channels: list[str], event: str, data: str, skip: str | None = None) -> None:
        """Send an event to the sockets of this process at once, and to the others' by the channel layer, which may lose it."""
        self._spread(channels, event, data, skip)
        message = {"type": "push.event", "from": self.name, "channels": channels, "event": event, "data": data}
        try:
            await send_to_group(GROUP, {**message, "skip": skip})
        except Exception as error:
            log.warning("PUSH_NOT_SPREAD", channels=channels[:3], problem=repr(error)[:200])

    async def close(self) -> None:
        """End the receiver."""
        if self._receiver is not None:
            self._receiver.cancel()
            await asyncio.gather(self._receiver, return_exceptions=True)

    def _is_present(self, channel: str, member: dict[str, Any]) -> bool:
        return any(one["user_id"] == member["user_id"] for one in self._members[channel].values())

    def _spread(self, channels: list[str], event: str, data: str, skip: str | None) -> None:
        for channel in channels:
            if channel in self._channels:
                self._deliver(channel, make_frame(event, data, channel), skip)

    def _deliver(self, channel: str, frame: str, skip: str | None = None) -> None:
        for guest in self._channels.get(channel, ()):
            if guest.socket_id != skip:
                guest.tell(frame)

    async def _receive(self) -> None:
        """Hear what other web processes were asked to push."""
        layer, failures = get_channel_layer(), 0
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(GROUP, channel)
                failures = 0
                while True:
                    message = await layer.receive(channel)
                    if message["from"] != self.name:
                        self._spread(message["channels"], message["event"], message["data"], message["skip"])
            except Exception as error:  # a push that is lost costs one poll
                log.warning("PUSH_RECEIVER_LOST", problem=repr(error)[:200])
            with contextlib.suppress(Exception):
                await layer.group_discard(GROUP, channel)
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Rooms] = WeakKeyDictionary()


def get_rooms() -> Rooms:
    """Return this loop's rooms."""
    return _rooms.setdefault(asyncio.get_running_loop(), Rooms())
