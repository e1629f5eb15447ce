"""
The approval door: the same address as the approval view, in front of Django.

Requests wait in a queue; one worker thread per process takes all that wait (at most 256) into one `decide`, so a burst
costs one commit instead of two hundred. Reading, credentials, judging and bytes are those of the view. Nobody waits
longer than 1.5 s: what was not answered until then is refused, and if its turn has not come it never comes.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import close_old_connections

from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import PlatformError, Unavailable
from apps.common.ids import new_id, public_id
from apps.common.wire import MAX_BODY_BYTES
from apps.risk.services.credentials import API, Credential
from apps.risk.services.decide import MOST_ITEMS, decide
from apps.risk.services.facts import load_facts
from apps.risk.services.wire import Answer, TradeRequest, answer_refusal, read_trade_request
from trading.protocol import ApprovalRequest

PATHS: Final = frozenset({"/api/v1/trades/approve"})
ANSWER_WITHIN_S: Final = 1.5
BODY_WITHIN_S: Final = 5.0
MOST_WAITING: Final = 4 * MOST_ITEMS

WARMING: Final = ApprovalRequest(
    bot_id="nobody",
    symbol="-",
    direction="BUY",
    entry_price=Decimal(2),
    stop_loss=Decimal(1),
    requested_lots=Decimal(1),
)

log = structlog.get_logger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def mount(django_application: Application) -> Application:
    """Return the application with the door in front; everything but a POST to its address goes to Django."""
    worker = Worker()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            worker.start()  # with the first request of any kind: the first approval finds it warm
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS:
            await _serve(worker, scope, receive, send)
        else:
            await django_application(scope, receive, send)

    return application


@dataclass(slots=True)
class _Waiting:
    """One request in the queue: whose turn is over before it came is left out."""

    request: TradeRequest
    answered: asyncio.Future[Answer]
    loop: asyncio.AbstractEventLoop
    until_s: float  # monotonic


def _settle(answers: list[tuple[_Waiting, Answer]]) -> None:
    """Hand out a batch's answers: one call to each loop, not one for each answer."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Answer]]] = {}
    for waiting, answer in answers:
        by_loop.setdefault(waiting.loop, []).append((waiting, answer))
    for loop, heard in by_loop.items():
        try:
            loop.call_soon_threadsafe(_set_answers, heard)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.warning("APPROVALS_UNHEARD", request_ids=[waiting.request.request_id for waiting, _ in heard])


def _set_answers(heard: list[tuple[_Waiting, Answer]]) -> None:
    for waiting, answer in heard:
        if not waiting.answered.done():
            waiting.answered.set_result(answer)


class Worker:
    """The queue and its one thread. The thread starts with the first request and outlives every error."""

    def __init__(self) -> None:
        self._queue: queue.Queue[_Waiting] = queue.Queue(MOST_WAITING)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    async def ask(self, request: TradeRequest, until_s: float) -> Answer:
        """Return the answer to a request, or a refusal where it does not come in time."""
        self.start()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(request, loop.create_future(), loop, until_s)
        try:
            self._queue.put_nowait(waiting)
        except queue.Full:
            return _unavailable(request.request_id)
        try:
            async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
                return await waiting.answered
        except TimeoutError:
            log.warning("APPROVAL_TIMED_OUT", request_id=request.request_id)
            return _unavailable(request.request_id)

    def start(self) -> None:
        """Start the thread unless it runs."""
        if self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="approvals", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        self._warm()
        while True:
            batch = self._take()
            try:
                self._answer(batch)
            except Exception:
                log.exception("APPROVALS_FAILED", items=len(batch))
                _settle([(waiting, _unavailable(waiting.request.request_id)) for waiting in batch])
            finally:
                close_old_connections()

    def _warm(self) -> None:
        """Connect, and go the way of a request that nobody may make: what is done once is done before it is waited for."""
        try:
            nobody = TradeRequest(Credential(API, "", "", "warming"), WARMING, "", None, "")
            decide([nobody], read_at())
            load_facts([], {}, {})
        except Exception as error:
            log.info("APPROVALS_COLD", problem=f"{type(error).__name__}: {error}"[:200])
        finally:
            close_old_connections()

    def _take(self) -> list[_Waiting]:
        batch = [self._queue.get()]
        while len(batch) < MOST_ITEMS:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _answer(self, batch: list[_Waiting]) -> None:
        mono_s = time.monotonic()
        due = [waiting for waiting in batch if waiting.until_s > mono_s]
        if not due:
            return
        answers = decide([waiting.request for waiting in due], read_at())
        _settle(list(zip(due, answers, strict=True)))


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
    headers = _read_headers(scope["headers"])
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


def _read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def _read_ip(scope: Scope, headers: dict[str, str]) -> str:
    if settings.BEHIND_PROXY and (told := headers.get("x-forwarded-for", "").rsplit(",", 1)[-1].strip()):
        return told
    client = scope.get("client")
    return str(client[0]) if client else ""


async def _send(send: Send, answer: Answer, request_id: str) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(answer.body)),
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id,
        **answer.headers(),
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
    await send({"type": "http.response.body", "body": answer.body})


def _unavailable(request_id: str) -> Answer:
    message = "The request could not be judged in time, so it is not approved."
    return answer_refusal(Unavailable(Code.UNAVAILABLE, message), request_id)
