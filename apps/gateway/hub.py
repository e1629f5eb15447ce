"""
The hub: one per web process. It holds the one connection that LISTENs for executors and the one channel-layer
subscription for browsers, and wakes whoever waits in this process.

Whatever it hears is a nudge: waiters look at the database themselves. A nudge lost while PostgreSQL or Valkey was away
is made good on reconnection (everybody is woken) and by a look at the events' numbers every five seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer

from apps.common import events as published
from apps.common.live import group_of, listen_here
from apps.common.nudges import EXECUTOR_CHANNEL, read_nudge
from apps.common.postgres import LOST, hear_notices, open_connection
from apps.common.threads import release_thread
from apps.executors.models import Executor
from apps.gateway.fanout import Batch
from apps.gateway.places import Nudged, Subscriber

log = structlog.get_logger(__name__)

RETRY_S = (0.1, 0.3, 1.0, 2.0)
ALIVE_EVERY_S = 10.0
LOOK_EVERY_S = 5.0
AT_A_TIME = 8  # sockets told before others get a turn: a write gives the interpreter away, and waits to have it back
CLOSING = ("key.revoked", "member.removed")  # after them a socket may no longer be its owner's


class Hub:
    """Fan-out inside one event loop. `get_hub()` gives the loop's own."""

    def __init__(self) -> None:
        self._waiters: dict[uuid.UUID, set[Nudged]] = defaultdict(set)
        self._teams: dict[uuid.UUID, set[Subscriber]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None
        self._receiver: asyncio.Task[None] | None = None
        self._channel: str | None = None

    async def wait_for_desired(self, executor_id: uuid.UUID, since: int, timeout_s: float) -> int:
        """
        Return the executor's `desired_version` as soon as it is not `since`, or after the timeout as it stands.

        Holds no database connection and no thread while it waits.

        :raises django.db.OperationalError: if the database cannot be reached.
        :raises Executor.DoesNotExist: if there is no such executor.
        """
        until = asyncio.get_running_loop().time() + timeout_s
        with self.waiting_for(executor_id) as nudged:
            version: int = await read_desired_version(executor_id)
            while version == since and (left_s := until - asyncio.get_running_loop().time()) > 0:
                release_thread()
                was_woken = await nudged.wait(left_s)
                told = nudged.version if was_woken else None
                version = await read_desired_version(executor_id) if told is None else told
        return version

    @contextlib.asynccontextmanager
    async def subscribe(self, team_id: uuid.UUID) -> AsyncIterator[Subscriber]:
        """Give a place in the team's stream, from now on."""
        self._start_receiver()
        subscriber = Subscriber(team_id, 0)
        self._teams[team_id].add(subscriber)
        try:
            if len(self._teams[team_id]) == 1:
                await self._join(team_id)
            subscriber.last = await database_sync_to_async(published.get_latest_number)(team_id)
            yield subscriber
        finally:
            self._teams[team_id].discard(subscriber)
            if not self._teams[team_id]:
                del self._teams[team_id]
                await self._leave(team_id)

    async def close(self) -> None:
        """End the hub's tasks."""
        tasks = [task for task in (self._listener, self._receiver) if task]
        self._listener = self._receiver = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- executors: LISTEN

    @contextlib.contextmanager
    def waiting_for(self, executor_id: uuid.UUID) -> Iterator[Nudged]:
        """Give a place that each nudge for the executor wakes, from now on; whoever takes it looks once before waiting."""
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="hub listener")
        nudged = Nudged()
        self._waiters[executor_id].add(nudged)
        try:
            yield nudged
        finally:
            self._waiters[executor_id].discard(nudged)
            if not self._waiters[executor_id]:
                del self._waiters[executor_id]

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with await open_connection("mikrobot hub") as connection:
                    await connection.execute(f"LISTEN {EXECUTOR_CHANNEL}")
                    failures = 0
                    self._wake_all()  # whatever was told while nobody listened
                    await hear_notices(connection, self._wake, alive_every_s=ALIVE_EVERY_S)
            except LOST as error:
                log.warning("HUB_LISTENER_LOST", problem=str(error)[:200])
            except Exception:  # one socket that breaks in being told must not leave all others unheard
                log.exception("HUB_LISTENER_BROKE")
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    def _wake(self, payload: str) -> None:
        with contextlib.suppress(ValueError):
            executor_id, version = read_nudge(payload)
            for nudged in self._waiters.get(executor_id, ()):
                nudged.wake(version)

    def _wake_all(self) -> None:
        for waiting in self._waiters.values():
            for nudged in waiting:
                nudged.wake(None)

    # --- browsers: one channel, a group per team

    def _start_receiver(self) -> None:
        if self._receiver is None or self._receiver.done():
            listen_here(asyncio.get_running_loop())
            self._receiver = asyncio.create_task(self._receive(), name="hub receiver")

    async def _join(self, team_id: uuid.UUID) -> None:
        if self._channel:
            try:
                async with asyncio.timeout(2):
                    await get_channel_layer().group_add(group_of(team_id), self._channel)
            except Exception as error:
                log.warning("HUB_JOIN_FAILED", problem=repr(error)[:200])
                self._channel = None  # the receiver takes a new channel and joins all

    async def _leave(self, team_id: uuid.UUID) -> None:
        if self._channel:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(2):
                    await get_channel_layer().group_discard(group_of(team_id), self._channel)

    async def _receive(self) -> None:
        """Hear the layer; look at the numbers every five seconds, as it may lose anything without a word."""
        layer, failures = get_channel_layer(), 0
        while True:
            hearing: asyncio.Task[Any] | None = None
            try:
                async with asyncio.timeout(5):
                    self._channel = channel = await layer.new_channel()
                for team_id in list(self._teams):
                    async with asyncio.timeout(5):
                        await layer.group_add(group_of(team_id), channel)
                self._fall_behind_all()
                failures = 0
                while self._channel == channel:
                    hearing = hearing or asyncio.create_task(layer.receive(channel))
                    done, _ = await asyncio.wait([hearing], timeout=LOOK_EVERY_S)
                    if done:
                        message, hearing = hearing.result(), None
                        await self._dispatch(message)
                    else:
                        await self._compare_numbers()
            except asyncio.CancelledError:
                await _drop(hearing)
                raise
            except Exception as error:
                log.warning("HUB_RECEIVER_LOST", problem=repr(error)[:200])
                with contextlib.suppress(Exception):
                    await self._compare_numbers()  # sockets go on by looking, slower
            await _drop(hearing)
            self._channel = None
            await asyncio.sleep(RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1

    async def _dispatch(self, message: dict[str, Any]) -> None:
        """Tell a team's sockets, some at a time: a request that came meanwhile is not kept waiting for all of them."""
        if not message.get("team_id"):
            return
        batch = Batch(message["events"])
        subscribers = list(self._teams.get(uuid.UUID(message["team_id"]), ()))
        if any(event["kind"] in CLOSING for event in batch.events):
            for subscriber in subscribers:
                subscriber.recheck()
        for number, subscriber in enumerate(subscribers, 1):
            subscriber.offer_batch(batch)
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)

    async def _compare_numbers(self) -> None:
        if not self._teams:
            return
        latest = await database_sync_to_async(published.list_latest_numbers)(list(self._teams))
        for team_id, number in latest.items():
            for subscriber in self._teams.get(team_id, ()):
                if subscriber.last < number:
                    subscriber.fall_behind()

    def _fall_behind_all(self) -> None:
        for subscribers in self._teams.values():
            for subscriber in subscribers:
                subscriber.fall_behind()


async def _drop(task: asyncio.Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@database_sync_to_async  # type: ignore[untyped-decorator]
def read_desired_version(executor_id: uuid.UUID) -> int:
    """Return the executor's desired version as it is committed now; :raises Executor.DoesNotExist: where there is none."""
    return Executor.objects.values_list("desired_version", flat=True).get(pk=executor_id)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def get_hub() -> Hub:
    """Return this loop's hub."""
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


async def wait_for_desired(executor_id: uuid.UUID, since: int, timeout_s: float) -> int:
    """Return the executor's `desired_version` as soon as it is not `since`, or after the timeout (see Hub)."""
    return await get_hub().wait_for_desired(executor_id, since, timeout_s)
