"""The relay, on a real PostgreSQL: nothing passed over, nothing doubled, whatever dies when."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import psycopg
import pytest
from channels.db import database_sync_to_async
from django.db import connection, connections, transaction

from apps.common.ids import new_id
from apps.common.models import OutboxEvent
from apps.common.outbox import OutsideTransaction, make_event, tell, tell_all
from apps.common.postgres import open_connection
from apps.common.relay import Relay, number_events

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 60
TEAM, OTHER = new_id(), new_id()


@pytest.fixture(autouse=True)
async def _close_connections():
    yield
    await database_sync_to_async(connections.close_all)()


class Ear:
    """Hears what is told; can be deaf or dead for a while."""

    def __init__(self):
        self.heard = []
        self.is_away = False
        self._told = asyncio.Event()

    async def __call__(self, team_id, events):
        if self.is_away:
            raise ConnectionError("the layer is away")
        self.heard += [(team_id, event["number"], event["event_id"]) for event in events]
        self._told.set()

    async def hears(self, count):
        async with asyncio.timeout(WAIT_S):
            while len(self.heard) < count:
                self._told.clear()
                await self._told.wait()

    def numbers(self, team_id=TEAM):
        return [number for team, number, _ in self.heard if team == team_id]


@contextlib.asynccontextmanager
async def relaying(ear):
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(ear).run(stop))
    try:
        yield running
    finally:
        stop.set()
        await asyncio.wait_for(running, WAIT_S)


@database_sync_to_async
def happen(count=1, team_id=TEAM, wake=True):
    with transaction.atomic():
        tell_all([make_event(team_id=team_id, kind="x", data={}) for _ in range(count)], wake=wake)


@database_sync_to_async
def rows():
    return list(OutboxEvent.objects.order_by("id").values("id", "number", "published_at", "event_id"))


def test_an_event_outside_of_a_transaction_is_refused():
    with pytest.raises(OutsideTransaction):
        tell(team_id=TEAM, kind="x", data={})


def test_an_event_of_a_transaction_that_fails_never_happened():
    with transaction.atomic():
        tell(team_id=TEAM, kind="x", data={})
        transaction.set_rollback(True)

    assert OutboxEvent.objects.count() == 0


async def test_each_team_counts_for_itself_without_gaps():
    ear = Ear()
    async with relaying(ear):
        await happen(3)
        await happen(2, OTHER)
        await happen(700)
        await ear.hears(705)

    assert ear.numbers() == list(range(1, 704))
    assert ear.numbers(OTHER) == [1, 2]
    assert all(row["published_at"] for row in await rows())


async def test_events_that_wake_nobody_are_found_all_the_same():
    ear = Ear()
    async with relaying(ear):
        await happen(wake=False)
        await ear.hears(1)


async def test_an_event_whose_transaction_commits_late_is_still_published():
    ear = Ear()
    async with await open_connection("late") as late, relaying(ear):
        async with late.transaction():
            await late.execute(
                "INSERT INTO common_outboxevent (event_id, team_id, kind, data, created_at) "
                "VALUES (gen_random_uuid(), %s, 'late', '{}', now())",
                [TEAM],
            )
            await happen()
            await ear.hears(1)
        await ear.hears(2)

    assert ear.numbers() == [1, 2]
    late_row, early_row = await rows()
    assert (late_row["number"], early_row["number"]) == (2, 1)


async def test_a_relay_killed_between_telling_and_marking_tells_again_with_the_same_ids(tmp_path):
    await happen(3)
    note = tmp_path / "told"
    script = f"""
import asyncio, os, signal, sys
import django; django.setup()
from django.db import connections
connections["default"].settings_dict["NAME"] = {connection.settings_dict["NAME"]!r}
from apps.common.relay import Relay
async def tell_and_die(team_id, events):
    with open({str(note)!r}, "w") as file:
        file.write(" ".join(f"{{e['number']}}:{{e['event_id']}}" for e in events))
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(Relay(tell_and_die).run(asyncio.Event()))
"""
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "DJANGO_SETTINGS_MODULE": "config.settings"},
        timeout=60,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    assert [(row["number"], row["published_at"]) for row in await rows()] == [(1, None), (2, None), (3, None)]

    await happen()
    ear = Ear()
    async with relaying(ear):
        await ear.hears(4)

    assert ear.numbers() == [1, 2, 3, 4]
    assert note.read_text() == " ".join(f"{number}:{event_id}" for _, number, event_id in ear.heard[:3])


async def test_a_layer_that_is_away_keeps_events_waiting():
    ear = Ear()
    ear.is_away = True
    async with relaying(ear):
        await happen(2)
        async with asyncio.timeout(WAIT_S):
            while (await rows())[1]["number"] is None:
                await asyncio.sleep(0.05)
        assert not any(row["published_at"] for row in await rows())
        ear.is_away = False
        await ear.hears(2)

    assert ear.numbers() == [1, 2]


async def test_a_second_relay_stands_by_and_takes_over_when_the_first_loses_its_connection():
    first, second = Ear(), Ear()
    async with relaying(first):
        await happen()
        await first.hears(1)
        async with relaying(second):
            await happen(5)
            await first.hears(6)
            assert second.heard == []
            await cut_connections("mikrobot relay")
            for _ in range(10):
                await happen()
            async with asyncio.timeout(WAIT_S):
                while len(set(first.heard + second.heard)) < 16:
                    await asyncio.sleep(0.05)

    # Cut between telling and marking, the one that takes over tells again: the same event under the same number.
    told = set(first.heard + second.heard)
    assert sorted(number for _, number, _ in told) == list(range(1, 17))
    assert len({event_id for _, _, event_id in told}) == 16


async def test_numbers_are_drawn_once_when_two_draw_at_the_same_time():
    """Without the lock two relays could meet; the sequence row still keeps numbers unique."""
    await happen(20)
    async with await open_connection("a") as one, await open_connection("b") as two:
        with contextlib.suppress(psycopg.Error):
            await asyncio.gather(number_events(one), number_events(two))

    numbers = [row["number"] for row in await rows() if row["number"]]
    assert len(numbers) == len(set(numbers))


@database_sync_to_async
def cut_connections(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])
