"""
The states of a team's accounts and bots, read once for all dashboards of this process.

While anybody looks, they are read again after whatever happened in the team (folded to one look a second) and every five
seconds beside that: equity moves, and views grow stale, without an event. A dashboard is told which states differ from what
it was sent; a slow one finds the latest state only, however many it slept through.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Hashable
from datetime import datetime
from weakref import WeakKeyDictionary

import structlog
from channels.db import database_sync_to_async

from apps.common.wire import to_json
from apps.gateway.dashboard_messages import join
from apps.gateway.fanout import frames_of
from apps.gateway.hub import AT_A_TIME, get_hub
from apps.gateway.places import Subscriber
from apps.gateway.selectors.dashboards import State, read_states

log = structlog.get_logger(__name__)

FOLD_S = 1.0
LOOK_EVERY_S = 5.0
Key = tuple[str, str]


class TeamFeed:
    """One team's states; each has a revision that rises when it changes."""

    def __init__(self, team_id: uuid.UUID) -> None:
        self.team_id = team_id
        self.read_at: datetime | None = None
        self.states: dict[Key, State] = {}
        self.revisions: dict[Key, int] = {}
        self.readers: set[Subscriber] = set()
        self.revision = 0
        self._texts: dict[Key, str] = {}
        self._frames: dict[Hashable, bytes] = {}
        self._reading = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, unless somebody did."""
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run(), name="dashboard feed")

    async def stop(self) -> None:
        """End looking."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def ensure(self) -> None:
        """Have the states been read at least once; many who come at once read them once."""
        async with self._reading:
            if self.read_at is None:
                await self._read()

    async def refresh(self) -> None:
        """Read the states now, and wake the dashboards where one changed."""
        async with self._reading:
            await self._read()

    def frames(self, shown: dict[str, int], account_id: uuid.UUID | None, seq: int, *, snapshot: bool = False) -> bytes:
        """Return `messages` as frames; made once for all who were shown the same so far."""
        audience = (*sorted(shown.items()), account_id, seq, snapshot)
        frames = self._frames.get(audience)
        if frames is None:
            frames = self._frames[audience] = frames_of(self.messages(shown, account_id, seq, snapshot=snapshot))
        return frames

    def messages(
        self, shown: dict[str, int], account_id: uuid.UUID | None, seq: int, *, snapshot: bool = False
    ) -> list[str]:
        """
        Return what is to be told of the states that changed.

        :param shown: each channel that is heard, and the revision up to which it was shown.
        :param account_id: the only account to be heard of, or None.
        :param seq: how far the hearer has come with events.
        """
        more = {"snapshot": True} if snapshot else {}
        heads = {name: {"channel": name, "seq": seq, "ts": self.read_at, **more} for name in shown}
        return [
            join(heads[key[0]], self._say(key))
            for key, revision in self.revisions.items()
            if revision > shown.get(key[0], revision) and account_id in (None, self.states[key].account_id)
        ]

    def _say(self, key: Key) -> str:
        text = self._texts.get(key)
        if text is None:
            state = self.states[key]
            text = to_json({**state.data, "timestamp": self.read_at, "seen_at": state.seen_at}).decode()
            self._texts[key] = text
        return text

    async def _read(self) -> None:
        self.read_at, fresh = await database_sync_to_async(read_states)(self.team_id)
        before, self.states, self._texts = self.states, fresh, {}
        self._frames.clear()
        changed = [key for key, state in fresh.items() if before.get(key) != state]
        gone = before.keys() - fresh.keys()
        if not changed and not gone:
            return
        self.revision += 1
        self.revisions = {key: self.revisions.get(key, self.revision) for key in fresh}
        self.revisions.update(dict.fromkeys(changed, self.revision))
        for number, reader in enumerate(list(self.readers), 1):
            reader.states_changed()
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)

    async def _run(self) -> None:
        async with get_hub().subscribe(self.team_id) as subscriber:
            while True:
                await subscriber.wait(LOOK_EVERY_S)
                subscriber.drain()
                try:
                    await self.refresh()
                except Exception as error:  # the database may be away: dashboards keep what they had, and its age
                    log.warning("FEED_READ_FAILED", problem=repr(error)[:200])
                await asyncio.sleep(FOLD_S)


_feeds: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[uuid.UUID, TeamFeed]] = WeakKeyDictionary()


@contextlib.asynccontextmanager
async def follow(team_id: uuid.UUID, reader: Subscriber) -> AsyncIterator[TeamFeed]:
    """Give the team's feed; the first dashboard starts it, the last one ends it."""
    feeds = _feeds.setdefault(asyncio.get_running_loop(), {})
    feed = feeds.setdefault(team_id, TeamFeed(team_id))
    feed.readers.add(reader)
    feed.start()
    try:
        yield feed
    finally:
        feed.readers.discard(reader)
        if not feed.readers and feeds.get(team_id) is feed:
            del feeds[team_id]
            await feed.stop()
