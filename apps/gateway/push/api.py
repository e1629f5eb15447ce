"""`/apps/<id>/…`: the calls that Pusher's server libraries make, signed with the application's secret."""

from __future__ import annotations

import json
import time
from typing import Any, Final
from urllib.parse import parse_qsl

from django.conf import settings

from apps.common.asgi import Application, Receive, Scope, Send
from apps.gateway.push.frames import MOST_DATA_BYTES, find_fault, is_channel
from apps.gateway.push.rooms import get_rooms

MOST_BODY_BYTES: Final = 256 * 1024
MOST_CHANNELS: Final = 100
MOST_EVENTS: Final = 10

Answer = tuple[int, dict[str, Any]]


def mount(application: Application) -> Application:
    """Return the application with these calls in front, where the platform serves pushes itself."""
    if not settings.PUSHER_SERVE:
        return application
    before = f"/apps/{settings.PUSHER['APP_ID']}/"

    async def with_push(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(before):
            await _serve(scope, receive, send, scope["path"].removeprefix(before))
        else:
            await application(scope, receive, send)

    return with_push


async def _serve(scope: Scope, receive: Receive, send: Send, rest: str) -> None:
    body = await _read_body(receive)
    if body is None:
        return
    status, answer = await _answer(scope, body, rest)
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def _read_body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message.get("body", b""))
        if size <= MOST_BODY_BYTES:
            parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts) if size <= MOST_BODY_BYTES else b"\0"


async def _answer(scope: Scope, body: bytes, rest: str) -> Answer:
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if body == b"\0":
        return 413, {"error": f"A body is at most {MOST_BODY_BYTES} bytes."}
    fault = find_fault(
        key=settings.PUSHER["KEY"],
        secret=settings.PUSHER["SECRET"],
        method=scope["method"],
        path=scope["path"],
        query=query,
        body=body,
        at_s=time.time(),
    )
    if fault is not None:
        return 401, {"error": fault}
    if scope["method"] == "POST":
        return await _trigger(rest, body)
    return _tell(rest, query) if scope["method"] == "GET" else (405, {"error": "GET or POST."})


async def _trigger(rest: str, body: bytes) -> Answer:
    try:
        asked = json.loads(body)
        events = asked["batch"] if rest == "batch_events" else [asked] if rest == "events" else None
        if events is None:
            return 404, {"error": "No such call."}
        read = [_read_event(event) for event in events]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return 400, {"error": str(error)[:200] or "The body is not an event."}
    if len(read) > MOST_EVENTS:
        return 400, {"error": f"A batch has at most {MOST_EVENTS} events."}
    for channels, name, data, skip in read:
        await get_rooms().publish(channels, name, data, skip)
    return 200, {}


def _read_event(event: Any) -> tuple[list[str], str, str, str | None]:
    channels = event.get("channels") or [event["channel"]]
    name, data, skip = event["name"], event["data"], event.get("socket_id")
    if not isinstance(channels, list) or not 1 <= len(channels) <= MOST_CHANNELS or not all(map(is_channel, channels)):
        raise ValueError(f"channels: 1 to {MOST_CHANNELS} names")
    if not isinstance(name, str) or not 1 <= len(name) <= 200:
        raise ValueError("name: 1 to 200 letters")
    if not isinstance(data, str) or len(data.encode()) > MOST_DATA_BYTES:
        raise ValueError(f"data: a text of at most {MOST_DATA_BYTES} bytes")
    return channels, name, data, skip if isinstance(skip, str) else None


def _tell(rest: str, query: dict[str, str]) -> Answer:
    rooms, parts = get_rooms(), rest.split("/")
    if parts == ["channels"]:
        return 200, {"channels": {name: {} for name in rooms.list_channels(query.get("filter_by_prefix", ""))}}
    if len(parts) == 2 and parts[0] == "channels":
        count = rooms.list_channels(parts[1]).get(parts[1], 0)
        return 200, {"occupied": count > 0, "subscription_count": count}
    if len(parts) == 3 and (parts[0], parts[2]) == ("channels", "users"):
        return 200, {"users": [{"id": user} for user in rooms.list_users(parts[1])]}
    return 404, {"error": "No such call."}
