"""
The agents' lane: a web process handles a few of their reports and snapshots at a time, and the others wait in the order they came.

One interpreter does not do twenty at once any faster than two; but twenty threads that compute stand between an approval and
the interpreter each time it comes back from the database. What agents ask and wait for (the long poll) is not in the lane.

The lane shapes, it does not limit: who has waited half a second goes on beside it. So two that hang on an account's lock never
make another account's view stale.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakKeyDictionary

from apps.common.asgi import Application, Receive, Scope, Send, read_messages, replay

AT_ONCE: Final = 2
WAIT_AT_MOST_S: Final = 0.5
PATHS: Final = frozenset({"/api/v1/executor/snapshot", "/api/v1/executor/reports"})


def mount(application: Application) -> Application:
    """Return the application with the lane in front of it."""
    lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def laned(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            return await application(scope, receive, send)
        messages = await read_messages(receive)  # before its turn: who sends slowly keeps nobody waiting
        if messages is not None:
            lane = lanes.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
            async with _place(lane):
                await application(scope, replay(messages, receive), send)

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
