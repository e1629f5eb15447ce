"""Places in the hub: a browser's in its team's stream, and that of whoever waits for an executor's desired set."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from channels.db import database_sync_to_async

from apps.common import events as published
from apps.gateway.fanout import Batch

MOST_WAITING = 500


class Subscriber:
    """
    One socket's place in a team's stream. A reader too slow for its queue reads from the database instead.

    `tell_directly` writes a batch, and `show_directly` the states that changed, where the socket's task has nothing else to say;
    they answer whether they could. What they could not tell, the task tells when it is woken.
    """

    def __init__(self, team_id: uuid.UUID, last: int) -> None:
        self.team_id, self.last = team_id, last
        self.is_behind = False
        self.must_recheck = False
        self.tell_directly: Callable[[Batch], bool] | None = None
        self.show_directly: Callable[[], bool] | None = None
        self._waiting: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._sleeps = False

    def offer_batch(self, batch: Batch) -> None:
        """Take events that were just published: told on the spot where nothing else is to be told before them."""
        tell = self.tell_directly
        if tell and not self._waiting and self._is_quiet() and batch.follows(self.last) and tell(batch):
            self.last = batch.last
            return
        for event in batch.events:
            self.offer(event)

    def states_changed(self) -> None:
        """Have the states that changed shown: on the spot, else by the socket's task."""
        if not (self.show_directly and self._is_quiet() and self.show_directly()):
            self.nudge()

    def _is_quiet(self) -> bool:
        """Say whether the socket's task sleeps and has no reason to wake: then nothing can stand between two messages."""
        return self._sleeps and not (self._wake.is_set() or self.is_behind or self.must_recheck)

    def offer(self, event: dict[str, Any]) -> None:
        """Take an event that was just published."""
        if len(self._waiting) >= MOST_WAITING:
            self.fall_behind()
        elif not self.is_behind:
            self._waiting.append(event)
        self._wake.set()

    def fall_behind(self) -> None:
        """Forget what waits: the database has it."""
        self._waiting.clear()
        self.is_behind = True
        self._wake.set()

    def resume(self, after: int) -> None:
        """Go on behind this number."""
        self.last = after
        self.fall_behind()

    def nudge(self) -> None:
        """Wake the socket: something that is no event of its own has changed."""
        self._wake.set()

    def drain(self) -> None:
        """Forget what waits: it mattered only that something happened."""
        if self._waiting:
            self.last = max(self.last, self._waiting[-1]["number"])
        self._waiting.clear()
        self.is_behind = False

    def recheck(self) -> None:
        """Have the socket look whether its key still opens."""
        self.must_recheck = True
        self._wake.set()

    async def wait(self, timeout_s: float) -> None:
        """Return when there is something to do, or after the timeout."""
        self._sleeps = True
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        finally:
            self._sleeps = False
        self._wake.clear()

    def take(self) -> list[dict[str, Any]]:
        """Return the events that follow the last one taken. At a gap, none: then `is_behind` says so."""
        taken = []
        while self._waiting and not self.is_behind:
            event = self._waiting.popleft()
            if event["number"] > self.last + 1:
                self.fall_behind()
            elif event["number"] == self.last + 1:
                self.last += 1
                taken.append(event)
        return taken

    async def catch_up(self) -> list[dict[str, Any]] | None:
        """Return what was missed, from the database; None if it is not to be had and all must be looked at anew."""
        self.is_behind = False
        found = await database_sync_to_async(published.read_events_after)(self.team_id, self.last)
        self.last = found.latest if found.events is None else self.last + len(found.events)
        events: list[dict[str, Any]] | None = found.events
        return events


class Nudged:
    """
    Somebody who waits for an executor's desired set.

    `tell_directly` says a version on the spot, and whether it could: while who waits sleeps, and has nothing to look at before.
    """

    def __init__(self) -> None:
        self.version: int | None = None  # as the last nudge said it; None: look
        self.is_told = False  # directly, already
        self.tell_directly: Callable[[int], bool] | None = None
        self._wake = asyncio.Event()
        self._sleeps = False

    def wake(self, version: int | None) -> None:
        """Take a nudge. One that says to look is not covered by a number that comes after it."""
        if self._wake.is_set() and self.version is None:
            return
        is_quiet = self._sleeps and not self._wake.is_set()
        self.is_told = bool(is_quiet and version is not None and self.tell_directly and self.tell_directly(version))
        self.version = version
        self._wake.set()

    async def wait(self, timeout_s: float) -> bool:
        """Say whether a nudge came before the timeout."""
        self._sleeps = True
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
        finally:
            self._sleeps = False
        was_woken = self._wake.is_set()
        self._wake.clear()
        return was_woken
