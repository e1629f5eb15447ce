"""
The agents' lane: a web process handles a few of their reports and snapshots at a time, and the others wait in the order they came.

One interpreter does not do twenty at once any faster than two; but twenty threads that compute stand between an approval and
the interpreter each time it comes back from the database. What agents ask and wait for (the long poll) is not in the lane.

The lane shapes, it does not limit: who has waited half a second goes on beside it. So two that hang on an account's lock never
make another account's view stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = 2
WAIT_AT_MOST_S: Final = 0.5
PATHS: Final = frozenset({"/api/v1/executor/snapshot", "/api/v1/executor/reports"})

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def mount(application: Application) -> Application:
    """Return the application with the lane in front of it."""
    lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def laned(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            return await application(scope, receive, send)
        body = await _read(receive)  # before its turn: who sends slowly keeps nobody waiting
        if body is not None:
            lane = lanes.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
            async with _place(lane):
                await application(scope, _Replayed(body, receive).receive, send)

    return laned


@asynccontextmanager
async def _place(lane: asyncio.Semaphore) -> AsyncIterator[None]:
    """Hold a place in the lane, or none where none became free in time."""
    try:
        async with asyncio.timeout(WAIT_AT_MOST_S):
            await lane.acquire()
    except TimeoutError:
        yield
        return
    try:
        yield
    finally:
        lane.release()


async def _read(receive: Receive) -> list[dict[str, Any]] | None:
    """Return the messages of a whole body; None where the sender is gone."""
    messages: list[dict[str, Any]] = []
    while not messages or messages[-1].get("more_body", False):
        messages.append(await receive())
        if messages[-1]["type"] != "http.request":
            return None
    return messages


class _Replayed:
    """The receiving end of a request whose body was read already."""

    def __init__(self, messages: list[dict[str, Any]], receive: Receive) -> None:
        self._messages, self._receive = messages[::-1], receive

    async def receive(self) -> dict[str, Any]:
        return self._messages.pop() if self._messages else await self._receive()
