"""
The relay: numbers committed events per team, tells them, and marks them told.

**No event is passed over.** The relay keeps no position in the table. It reads every row without `published_at`, so an
event whose transaction commits late, with a smaller id than some already told, is simply found at the next look; its
number says when it was *published*. Events about one row are written under that row's lock, so their ids, and with them
their numbers, follow the order of the commits.

**No gap, no doubt.** Numbers are drawn and committed before anything is told, by one relay at a time (an advisory lock
that dies with the connection which also does the work). Whoever reads events by number therefore sees a prefix: every
number up to the highest is there. A relay killed between telling and marking tells again, with the same event id and
number; readers drop what they have seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from psycopg import AsyncConnection

from apps.common.ids import public_id
from apps.common.outbox import CHANNEL
from apps.common.postgres import LOST, open_connection
from apps.common.pusher_door import PusherDoor
from apps.common.wire import to_plain, to_wire_time

log = structlog.get_logger(__name__)

LOCK = 0x4D4B_0001
BATCH = 500
CHUNK = 100
LOOK_EVERY_S = 0.25  # events of hot paths come without a notification
STANDBY_EVERY_S = 1.0
RETRY_S = (0.2, 0.5, 1.0, 2.0)
PLATFORM = uuid.UUID(int=0)

Publish = Callable[[uuid.UUID | None, list[dict[str, Any]]], Awaitable[None]]
Row = tuple[int, uuid.UUID, uuid.UUID | None, uuid.UUID | None, str, Any, dt.datetime, int | None]

_SELECT = """
    SELECT id, event_id, team_id, account_id, kind, data, created_at, number FROM common_outboxevent
    WHERE published_at IS NULL ORDER BY number NULLS LAST, id LIMIT %s
"""
_DRAW = """
    INSERT INTO common_teamsequence AS s (team_id, last) VALUES (%s, %s)
    ON CONFLICT (team_id) DO UPDATE SET last = s.last + excluded.last RETURNING last
"""
_NUMBER = """
    UPDATE common_outboxevent AS e SET number = v.number
    FROM unnest(%s::bigint[], %s::bigint[]) AS v (id, number) WHERE e.id = v.id
"""
_MARK = "UPDATE common_outboxevent SET published_at = clock_timestamp() WHERE id = ANY(%s)"


class Relay:
    """Relays until told to stop; heals by itself when the database or the channel layer comes back."""

    def __init__(self, publish: Publish, pusher: PusherDoor | None = None) -> None:
        self._publish = publish
        self._pusher = pusher

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set."""
        pushing = asyncio.create_task(self._pusher.run()) if self._pusher else None
        failures = 0
        while not stop.is_set():
            try:
                async with await open_connection("mikrobot relay") as connection:
                    if await self._be_first(connection, stop):
                        failures = 0
                        await self._serve(connection, stop)
            except LOST as error:
                log.warning("RELAY_INTERRUPTED", problem=str(error)[:200])
            except Exception as error:
                log.warning("RELAY_CANNOT_TELL", problem=repr(error)[:200])
            await _pause(stop, RETRY_S[min(failures, len(RETRY_S) - 1)])
            failures += 1
        if pushing:
            pushing.cancel()

    async def _be_first(self, connection: AsyncConnection[Any], stop: asyncio.Event) -> bool:
        """Wait for the lock: a second relay stands by."""
        stands_by = False
        while not stop.is_set():
            cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
            if (await cursor.fetchone())[0]:  # type: ignore[index]
                log.info("RELAY_STARTED")
                return True
            if not stands_by:
                log.info("RELAY_STANDS_BY")
                stands_by = True
            await _pause(stop, STANDBY_EVERY_S)
        return False

    async def _serve(self, connection: AsyncConnection[Any], stop: asyncio.Event) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        while not stop.is_set():
            while await self.relay_batch(connection) == BATCH:
                pass
            async for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                pass

    async def relay_batch(self, connection: AsyncConnection[Any]) -> int:
        """Number, tell and mark up to 500 events; return how many there were."""
        rows = await number_events(connection)
        by_team: dict[uuid.UUID | None, list[dict[str, Any]]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row[7] or 0):
            by_team[row[2]].append(event_of(row))
        for team_id, events in by_team.items():
            for start in range(0, len(events), CHUNK):
                await self._publish(team_id, events[start : start + CHUNK])
        if rows:
            await connection.execute(_MARK, [[row[0] for row in rows]])
        if self._pusher:
            for team_id, events in by_team.items():
                self._pusher.offer(public_id("tem", team_id) if team_id else "platform", events)
        return len(rows)


async def number_events(connection: AsyncConnection[Any]) -> list[Row]:
    """Return the waiting events, each with its number, which is committed."""
    async with connection.transaction():
        rows: list[Row] = await (await connection.execute(_SELECT, [BATCH])).fetchall()
        fresh: dict[uuid.UUID, list[int]] = defaultdict(list)
        for position, row in enumerate(rows):
            if row[7] is None:
                fresh[row[2] or PLATFORM].append(position)
        for team_id, positions in fresh.items():
            cursor = await connection.execute(_DRAW, [team_id, len(positions)])
            first = (await cursor.fetchone())[0] - len(positions) + 1  # type: ignore[index]
            for number, position in enumerate(positions, first):
                rows[position] = (*rows[position][:7], number)
        given = [row for positions in fresh.values() for row in (rows[position] for position in positions)]
        if given:
            await connection.execute(_NUMBER, [[row[0] for row in given], [row[7] for row in given]])
    return rows


def event_of(row: Row) -> dict[str, Any]:
    """Return the event as sockets and Pusher show it."""
    _, event_id, _, account_id, kind, data, created_at, number = row
    return {
        "type": "event",
        "number": number,
        "event_id": public_id("evt", event_id),
        "kind": kind,
        "account_id": public_id("acc", account_id) if account_id else None,
        "at": to_wire_time(created_at),
        "data": to_plain(data),
    }


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
