"""
The approval door: the same address as the approval view, in front of Django.

Requests are gathered, and one worker thread per process takes all that wait (at most 256) into one `decide`, so a burst
costs one commit instead of two hundred. Reading, credentials, judging and bytes are those of the view. Nobody waits
longer than 1.5 s.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from django.conf import settings

from apps.common.asgi import Application, Receive, Scope, Send, read_headers
from apps.common.errors import PlatformError
from apps.common.ids import new_id, public_id
from apps.common.wire import MAX_BODY_BYTES
from apps.risk.queueing import Worker
from apps.risk.services.wire import Answer, answer_refusal, read_trade_request

PATHS: Final = frozenset({"/api/v1/trades/approve"})
ANSWER_WITHIN_S: Final = 1.5
BODY_WITHIN_S: Final = 5.0

_ALWAYS: Final = ((b"Content-Type", b"application/json"), (b"X-Content-Type-Options", b"nosniff"))


def mount(django_application: Application) -> Application:
    """Return the application with the door in front; everything but a POST to its address goes to Django."""
    worker = Worker()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            worker.start()  # with the first request of any kind: the first approval finds it warm
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS:
            await _serve(worker, scope, receive, send)
        else:
            if scope["type"] == "http":
                await worker.give_way()
            await django_application(scope, receive, send)

    return application


async def _serve(worker: Worker, scope: Scope, receive: Receive, send: Send) -> None:
    until_s = time.monotonic() + ANSWER_WITHIN_S
    request_id = public_id("req", new_id())
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            raw = await _read_body(receive)
    except TimeoutError:
        return  # a sender this slow is not listening either
    if raw is None:
        return
    headers = read_headers(scope["headers"])
    try:
        request = read_trade_request(raw, headers, ip=_read_ip(scope, headers), request_id=request_id)
    except PlatformError as refused:
        answer = answer_refusal(refused, request_id)
    else:
        answer = await worker.ask(request, until_s)
    await _send(send, answer, request_id)


async def _read_body(receive: Receive) -> bytes | None:
    """Return the body, one byte too long where it is too long; None where the sender is gone."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if size <= MAX_BODY_BYTES:
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        if not message.get("more_body", False):
            return b"".join(parts)[: MAX_BODY_BYTES + 1]


def _read_ip(scope: Scope, headers: dict[str, str]) -> str:
    if settings.BEHIND_PROXY and (told := headers.get("x-forwarded-for", "").rsplit(",", 1)[-1].strip()):
        return told
    client = scope.get("client")
    return str(client[0]) if client else ""


async def _send(send: Send, answer: Answer, request_id: str) -> None:
    pairs = [
        *_ALWAYS,
        (b"Content-Length", b"%d" % len(answer.body)),
        (b"X-Request-Id", request_id.encode()),
        *[(name.encode(), value.encode()) for name, value in answer.headers().items()],
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})
