"""`/app/<key>`: a Pusher client's socket. What it hears are nudges; nothing it says is acted upon."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.conf import settings

from apps.gateway.push.frames import MOST_DATA_BYTES, is_channel, make_auth, make_frame, needs_auth
from apps.gateway.push.rooms import Guest, Rooms, get_rooms

UNKNOWN_APP, WRONG_PROTOCOL, NO_PONG, TOO_LARGE, TOO_MANY = 4001, 4007, 4201, 4302, 4301
PROTOCOLS: Final = range(5, 8)
ACTIVITY_S: Final = 120
PONG_WITHIN_S: Final = 30
MOST_CHANNELS: Final = 100
CLIENT_EVENTS_PER_S: Final = 10

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def serve(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """One socket, from its handshake to its end."""
    await receive()
    await send({"type": "websocket.accept"})
    fault = _find_fault(scope)
    if fault is not None:
        await send({"type": "websocket.send", "text": make_frame("pusher:error", fault)})
        await send({"type": "websocket.close", "code": fault["code"]})
        return
    guest, rooms = Guest(), get_rooms()
    rooms.enter(guest)
    guest.tell(
        make_frame("pusher:connection_established", {"socket_id": guest.socket_id, "activity_timeout": ACTIVITY_S})
    )
    writing = asyncio.create_task(_write(guest, send))
    try:
        await Conversation(guest, rooms).listen(receive)
        await asyncio.wait([writing], timeout=1.0)
    finally:
        rooms.leave(guest)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)


def _find_fault(scope: dict[str, Any]) -> dict[str, Any] | None:
    key = scope["url_route"]["kwargs"]["key"]
    query = scope.get("query_string", b"").decode("latin-1")
    protocol = next((part[9:] for part in query.split("&") if part.startswith("protocol=")), "7")
    if not hmac.compare_digest(key.encode(), settings.PUSHER["KEY"].encode()):
        return {"code": UNKNOWN_APP, "message": "There is no application of this key."}
    if not protocol.isdigit() or int(protocol) not in PROTOCOLS:
        return {"code": WRONG_PROTOCOL, "message": "Protocols 5 to 7 are spoken here."}
    return None


async def _write(guest: Guest, send: Send) -> None:
    while True:
        frame = await guest.outbox.get()
        if isinstance(frame, int):
            await send({"type": "websocket.close", "code": frame})
            return
        await send({"type": "websocket.send", "text": frame})


class Conversation:
    """What a client says, and what it is answered."""

    def __init__(self, guest: Guest, rooms: Rooms) -> None:
        self._guest, self._rooms = guest, rooms
        self._client_events: list[float] = []

    async def listen(self, receive: Receive) -> None:
        """Read until the client goes, is sent away, or is silent for too long."""
        asked = False
        while True:
            try:
                async with asyncio.timeout(PONG_WITHIN_S if asked else ACTIVITY_S):
                    message = await receive()
            except TimeoutError:
                if asked:
                    return self._send_away(NO_PONG, "No pong came.")
                self._guest.tell(make_frame("pusher:ping", {}))
                asked = True
                continue
            asked = False
            if message["type"] == "websocket.disconnect":
                return
            if (text := message.get("text") or "") and len(text) > MOST_DATA_BYTES:
                return self._send_away(TOO_LARGE, f"A frame is at most {MOST_DATA_BYTES} bytes.")
            await self._hear(text)

    def _send_away(self, code: int, why: str) -> None:
        self._guest.end(code, make_frame("pusher:error", {"code": code, "message": why}))

    async def _hear(self, text: str) -> None:
        try:
            frame = json.loads(text)
            event, data = frame["event"], frame.get("data") or {}
            data = json.loads(data) if isinstance(data, str) and event.startswith("pusher:") else data
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return self._complain("A frame is a JSON object with an event.")
        if event == "pusher:ping":
            self._guest.tell(make_frame("pusher:pong", {}))
        elif event == "pusher:subscribe":
            self._subscribe(data if isinstance(data, dict) else {})
        elif event == "pusher:unsubscribe" and isinstance(data, dict) and data.get("channel") in self._guest.channels:
            self._rooms.unsubscribe(self._guest, data["channel"])
        elif isinstance(event, str) and event.startswith("client-"):
            await self._pass_on(frame.get("channel"), event, data)

    def _complain(self, why: str) -> None:
        self._guest.tell(make_frame("pusher:error", {"code": None, "message": why}))

    def _subscribe(self, asked: dict[str, Any]) -> None:
        channel, about = asked.get("channel"), asked.get("channel_data")
        if not isinstance(channel, str) or not is_channel(channel):
            return self._complain("A channel is 1 to 164 letters, digits and _-=@,.;")
        if len(self._guest.channels) >= MOST_CHANNELS:
            return self._refuse(channel, f"A socket hears at most {MOST_CHANNELS} channels.", 400)
        about = about if isinstance(about, str) else None
        if needs_auth(channel) and not self._is_signed(channel, about, asked.get("auth")):
            return self._refuse(channel, "The signature is wrong.", 401)
        member = _read_member(about) if channel.startswith("presence-") else None
        if channel.startswith("presence-") and member is None:
            return self._refuse(channel, "channel_data must be a JSON object with a user_id.", 400)
        told = self._rooms.subscribe(self._guest, channel, member)
        self._guest.tell(make_frame("pusher_internal:subscription_succeeded", told, channel))

    def _is_signed(self, channel: str, about: str | None, auth: object) -> bool:
        wanted = make_auth(settings.PUSHER["KEY"], settings.PUSHER["SECRET"], self._guest.socket_id, channel, about)
        return isinstance(auth, str) and hmac.compare_digest(auth.encode(), wanted.encode())

    def _refuse(self, channel: str, why: str, status: int) -> None:
        fault = {"type": "AuthError" if status == 401 else "LimitError", "error": why, "status": status}
        self._guest.tell(make_frame("pusher:subscription_error", fault, channel))

    async def _pass_on(self, channel: object, event: str, data: Any) -> None:
        """Pass a client's own event to the others of a signed channel, but no one on to an executor's."""
        if channel not in self._guest.channels or not isinstance(channel, str) or not needs_auth(channel):
            return
        if channel.startswith("private-executor-"):
            return
        now_s = asyncio.get_running_loop().time()
        self._client_events = [at for at in self._client_events if now_s - at < 1.0]
        if len(self._client_events) >= CLIENT_EVENTS_PER_S:
            return self._guest.tell(make_frame("pusher:error", {"code": TOO_MANY, "message": "Too many events."}))
        self._client_events.append(now_s)
        text = data if isinstance(data, str) else json.dumps(data)
        await self._rooms.publish([channel], event, text, self._guest.socket_id)


def _read_member(about: str | None) -> dict[str, Any] | None:
    try:
        member = json.loads(about or "")
    except (ValueError, RecursionError):
        return None
    known = isinstance(member, dict) and isinstance(member.get("user_id"), str | int)
    return member if known else None
