"""
The door of agents: the addresses of the desired set and of snapshots, in front of Django.

Requests wait in queues; a thread takes all that wait at once. Only the plain case is answered here: a known key, a well-formed
question, nothing that happened. Everything else goes on to Django and its views, which say what is wrong, or do the whole
work; they stay the contract. A waiting poll holds no thread and no database connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import structlog

from apps.common.asgi import EMPTY_BODY, Application, Receive, Scope, Send, read_headers, read_messages, replay
from apps.common.batching import Batcher, Overloaded
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import error_body
from apps.common.ids import new_id, public_id
from apps.common.wire import to_json
from apps.executors.authentication import find_executors
from apps.gateway.credentials import ip_of
from apps.gateway.doors import INSTANCE, LONGEST_WAIT_MS
from apps.gateway.hub import get_hub
from apps.gateway.places import Nudged
from apps.gateway.services.desired import Puller, build_desired_sets
from apps.gateway.services.plain_snapshots import View, take_plain_snapshots
from apps.teams import limits
from trading.protocol import MalformedMessage, SnapshotMessage, decode, encode

DESIRED: Final = "/api/v1/executor/desired"
SNAPSHOT: Final = "/api/v1/executor/snapshot"
LARGEST_PLAIN: Final = 256 * 1024
ANSWER_WITHIN_S: Final = 10.0
# A batch costs the interpreter 10 ms, and each snapshot in it half of one. Their age counts from when they came.
GATHER_SNAPSHOTS_S: Final = 0.1
MOST_KNOWN: Final = 20_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question for a desired set. `since`: say only that it stands where this is its version."""

    key_id: str
    secret: str
    instance_id: str
    since: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """One snapshot as it came, and when."""

    key_id: str
    secret: str
    body: bytes
    came_mono_s: float


@dataclass(frozen=True, slots=True)
class Question:
    since: int
    wait_s: float


class Gone(Exception):
    """Who asked waits no more."""


@dataclass(frozen=True, slots=True)
class Stands:
    """The version is the one that the agent has."""

    executor_id: UUID


def mount(application: Application) -> Application:
    """Return the application with the door in front."""
    door = Door(application)

    async def with_door(scope: Scope, receive: Receive, send: Send) -> None:
        asked = (scope["method"], scope["path"]) if scope["type"] == "http" else None
        if asked == ("GET", DESIRED):
            await door.serve_desired(scope, receive, send)
        elif asked == ("POST", SNAPSHOT):
            await door.serve_snapshot(scope, receive, send)
        else:
            await application(scope, receive, send)

    return with_door


class Door:
    """What is in front of the views of agents in one web process."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._desired: Batcher[Asked, Stands | bytes | None] = Batcher("desired", answer_desired)
        self._snapshots: Batcher[Told, bytes | None] = Batcher(
            "snapshots", answer_snapshots, gather_s=GATHER_SNAPSHOTS_S
        )
        # Which executor a key is: only to be woken by its nudges before the key is looked at, never to believe the key.
        self._known: OrderedDict[str, UUID] = OrderedDict()

    async def serve_desired(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the desired set: at once where `since` is not its version, else when that changes or time is up."""
        headers = read_headers(scope["headers"])
        question = _read_question(scope)
        if question is None or limits.peek("failures", ip_of(scope)) > 0:
            return await self._application(scope, receive, send)
        asked = Asked(*_credentials(headers), headers.get(INSTANCE.lower(), "")[:64], question.since)
        gone = asyncio.ensure_future(_await_end(receive))
        try:
            answer = await self._pull(asked, question.wait_s, gone)
        except Gone:
            return
        except Overloaded:
            return await _refuse(send)
        except Exception as error:  # the view says what is wrong, in the words of all views
            log.warning("DESIRED_FAILED", problem=repr(error)[:200])
            answer = None
        finally:
            gone.cancel()
            await asyncio.wait([gone])
        if answer is None:
            await self._application(scope, replay([EMPTY_BODY], receive), send)
        else:
            await _send(send, answer)

    async def serve_snapshot(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a snapshot in which nothing happened; the others are the view's."""
        headers = read_headers(scope["headers"])
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_PLAIN or limits.peek("failures", ip_of(scope)) > 0:
            return await self._application(scope, receive, send)
        messages = await read_messages(receive)
        if messages is None:
            return
        body = b"".join(message.get("body", b"") for message in messages)
        try:
            answer = await self._snapshots.ask(Told(*_credentials(headers), body, time.monotonic()), ANSWER_WITHIN_S)
        except Overloaded:
            return await _refuse(send)
        except Exception as error:
            log.warning("SNAPSHOT_FAILED", problem=repr(error)[:200])
            answer = None
        if answer is None:
            await self._application(scope, replay(messages, receive), send)
        else:
            await _send(send, answer)

    async def _pull(self, asked: Asked, wait_s: float, gone: asyncio.Future[None]) -> bytes | None:
        """Return the set, or None for the view to answer; :raises Gone: where nobody waits any more."""
        until_s = time.monotonic() + wait_s
        while asked.since and (left_s := until_s - time.monotonic()) > 0:
            with self._woken_by(asked.key_id) as nudged:
                answer = await self._desired.ask(asked, ANSWER_WITHIN_S)
                if not isinstance(answer, Stands):
                    return answer
                if nudged is None:  # a key never seen here: from now on its nudges are heard
                    self._know(asked.key_id, answer.executor_id)
                    continue
                woken: asyncio.Future[Any] = asyncio.ensure_future(nudged.wait(left_s))
                await asyncio.wait({woken, gone}, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                await asyncio.wait([woken])
            if gone.done():
                raise Gone
        answer = await self._desired.ask(replace(asked, since=0), ANSWER_WITHIN_S)
        assert not isinstance(answer, Stands)
        return answer

    def _woken_by(self, key_id: str) -> contextlib.AbstractContextManager[Nudged | None]:
        executor_id = self._known.get(key_id)
        return contextlib.nullcontext() if executor_id is None else get_hub().waiting_for(executor_id)

    def _know(self, key_id: str, executor_id: UUID) -> None:
        self._known[key_id] = executor_id
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)


def answer_desired(asked: Sequence[Asked]) -> list[Stands | bytes | None]:
    """Return for each question the set, or that it stands; None for the view."""
    executors = find_executors([(one.key_id, one.secret) for one in asked])
    answers: list[Stands | bytes | None] = [None] * len(asked)
    places, pullers = [], []
    for place, (one, executor) in enumerate(zip(asked, executors, strict=True)):
        if executor is None or limits.take("executor", f"executor:{executor.code}") > 0:
            continue
        if executor.desired_version == one.since:
            answers[place] = Stands(executor.pk)
        else:
            places.append(place)
            pullers.append(Puller(executor, one.instance_id))
    if pullers:
        for place, wanted in zip(places, build_desired_sets(pullers, read_at()), strict=True):
            answers[place] = encode(wanted)
    return answers


def answer_snapshots(told: Sequence[Told]) -> list[bytes | None]:
    """Take the snapshots in which nothing happened and return their answers; None for the view."""
    executors = find_executors([(one.key_id, one.secret) for one in told])
    at, mono_s = read_at(), time.monotonic()
    views: list[View | None] = []
    for one, executor in zip(told, executors, strict=True):
        message = _decode(one.body) if executor is not None else None
        came_at = at - timedelta(seconds=mono_s - one.came_mono_s)
        views.append(View(executor, message, came_at) if executor is not None and message is not None else None)
    return [encode(answer) if answer is not None else None for answer in take_plain_snapshots(views, at)]


def _decode(body: bytes) -> SnapshotMessage | None:
    try:
        return decode(body, SnapshotMessage)
    except MalformedMessage:
        return None


def _read_question(scope: Scope) -> Question | None:
    """Return `since` and how long to wait; None for what the view shall refuse or read."""
    numbers = {"since": 0, "wait_ms": 0}
    for name, text in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name not in numbers or not text.isascii() or not text.isdigit() or len(text) > 18:
            return None
        numbers[name] = int(text)
    return Question(numbers["since"], min(numbers["wait_ms"], LONGEST_WAIT_MS) / 1000)


def _credentials(headers: dict[str, str]) -> tuple[str, str]:
    return headers.get("x-api-key", ""), headers.get("x-api-secret", "")


async def _await_end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send) -> None:
    request_id = public_id("req", new_id())
    body = {
        **error_body(Code.UNAVAILABLE, "More agents ask than can be answered; ask again."),
        "request_id": request_id,
    }
    await _send(send, to_json(body), status=503, request_id=request_id)


async def _send(send: Send, body: bytes, *, status: int = 200, request_id: str | None = None) -> None:
    headers = {
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-Id": request_id or public_id("req", new_id()),
    }
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
