"""
How large a body may be, decided before anything holds it.

Views have limits of their own, but a server hands a view its body only when it has all of it. So the length is looked at
while the headers are all there is, and where none is given the bytes are counted as they come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from typing import Any

from django.conf import settings

from apps.common.asgi import Application, Receive, Scope, Send
from apps.common.codes import Code
from apps.common.errors import error_body
from apps.common.ids import new_id, public_id
from apps.common.wire import to_json

STATUS = 413
LINGER_S = 5.0


class BodyTooLong(Exception):
    """More bytes came than the path takes."""


def limit_of(path: str) -> int:
    """Return the most bytes [B] a body sent to this path may have."""
    return int(settings.BODY_LIMITS.get(path, settings.BODY_LIMIT))


def is_declared_too_long(headers: Iterable[tuple[bytes, bytes]], limit: int) -> bool:
    """Say whether a Content-Length is above the limit; what is no number is the server's to refuse."""
    lengths = [value for name, value in headers if name.lower() == b"content-length"]
    return any(value.isdigit() and int(value) > limit for value in lengths)


def refuse_body(path: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return headers and body of the answer to a body that is too long: JSON for programs, a sentence for people."""
    limit, request_id = limit_of(path), public_id("req", new_id())
    message = f"This address takes at most {limit:,} bytes."
    if path.startswith(("/api/", "/v1/")):
        error = error_body(Code.BODY_TOO_LARGE, message, None, {"limit_bytes": limit})
        kind, body = "application/json", to_json({**error, "request_id": request_id})
    else:
        page = (
            f'<!doctype html><html lang="en"><title>Too large</title><h1>Too large</h1><p>{escape(message)}</p></html>'
        )
        kind, body = "text/html; charset=utf-8", page.encode()
    headers = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-Id": request_id,
        "X-Content-Type-Options": "nosniff",
    }
    return [(name.encode(), value.encode()) for name, value in headers.items()], body


def guard(inner: Application) -> Application:
    """Return the application behind a guard: a body beyond its path's limit is answered 413 and never read whole."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await inner(scope, receive, send)
            return
        path = scope["path"]
        limit = limit_of(path)
        if is_declared_too_long(scope["headers"], limit):
            await _refuse(path, receive, send)
            return
        counted = _Counted(receive, send, limit)
        try:
            await inner(scope, counted.receive, counted.send)
        except BodyTooLong:
            if not counted.has_answered:
                await _refuse(path, receive, send)

    return application


class _Counted:
    """The two ends of one request: counts what comes in, and remembers whether an answer has begun."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._left = receive, send, limit
        self.has_answered = False

    async def receive(self) -> dict[str, Any]:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise BodyTooLong
        return message

    async def send(self, message: dict[str, Any]) -> None:
        self.has_answered = True
        await self._send(message)


async def _refuse(path: str, receive: Receive, send: Send) -> None:
    """Answer, and throw away what still comes: a line that is cut while the sender sends takes the answer with it."""
    headers, body = refuse_body(path)
    await send({"type": "http.response.start", "status": STATUS, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            await _discard(receive)
    await send({"type": "http.response.body", "body": b""})


async def _discard(receive: Receive) -> None:
    while (message := await receive())["type"] == "http.request" and message.get("more_body", False):
        pass
