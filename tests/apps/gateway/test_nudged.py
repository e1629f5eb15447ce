"""Nudges of executors: told in the turn of the loop in which they arrive, and never to whoever has to be looked at first."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from django.db import connection, transaction

from apps.common.nudges import nudge_executor, nudge_executors
from apps.common.postgres import hear_notices, open_connection
from apps.executors.models import Executor, ExecutorKey
from apps.gateway.places import Nudged
from apps.teams import keys
from tests.apps.gateway.conftest import Socket, in_database
from tests.apps.gateway.test_hub import NOW, cut, make_executor

NAME, CHANNEL = "listener under test", "test_notices"


class Sleeper:
    """Who waits, and is told directly while it `can`."""

    def __init__(self):
        self.told, self.can, self.nudged = [], True, Nudged()
        self.nudged.tell_directly = self._tell

    def _tell(self, version):
        if self.can:
            self.told.append(version)
        return self.can

    async def __aenter__(self):
        self.task = asyncio.create_task(self.nudged.wait(60))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        assert await self.task


async def test_who_sleeps_is_told_on_the_spot_and_wakes_to_know_it():
    async with Sleeper() as sleeper:
        sleeper.nudged.wake(8)
        assert (sleeper.told, sleeper.nudged.is_told, sleeper.nudged.version) == ([8], True, 8)


async def test_a_number_that_comes_before_the_task_had_its_turn_is_the_tasks_to_tell():
    async with Sleeper() as sleeper:
        sleeper.nudged.wake(8)
        sleeper.nudged.wake(9)
        assert (sleeper.told, sleeper.nudged.is_told, sleeper.nudged.version) == ([8], False, 9)


async def test_what_says_to_look_is_covered_by_no_number():
    async with Sleeper() as sleeper:
        sleeper.nudged.wake(None)
        sleeper.nudged.wake(8)
        assert (sleeper.told, sleeper.nudged.is_told, sleeper.nudged.version) == ([], False, None)


async def test_a_look_that_follows_a_number_told_is_still_to_be_taken():
    async with Sleeper() as sleeper:
        sleeper.nudged.wake(8)
        sleeper.nudged.wake(None)
        assert (sleeper.told, sleeper.nudged.is_told, sleeper.nudged.version) == ([8], False, None)


async def test_a_socket_that_refuses_leaves_the_number_to_its_task():
    async with Sleeper() as sleeper:
        sleeper.can = False
        sleeper.nudged.wake(8)
        assert (sleeper.told, sleeper.nudged.is_told, sleeper.nudged.version) == ([], False, 8)


@pytest.mark.parametrize("direct", [True, False])
async def test_each_version_is_told_once_and_after_a_revoked_key_none(direct):
    executor = await make_executor()
    pair = keys.mint_executor_key()
    key = await in_database(ExecutorKey.objects.create)(
        executor=executor, key_id=pair.key_id, digest=pair.digest, pepper_number=pair.pepper_number
    )

    @in_database
    def change(version):
        with transaction.atomic():
            Executor.objects.filter(pk=executor.pk).update(desired_version=version)
            nudge_executors({executor.pk: version})

    @in_database
    def revoke_and_change(version):
        with transaction.atomic():
            ExecutorKey.objects.filter(pk=key.pk).update(revoked_at=NOW)
            Executor.objects.filter(pk=executor.pk).update(desired_version=version)
            nudge_executor(executor.pk)
            nudge_executors({executor.pk: version})

    async with Socket("/ws/executor", direct=direct) as socket:
        await socket.send({"api_key": pair.key_id, "api_secret": pair.text})
        for version in (7, 8, 9, 10):
            if version > 7:
                await change(version)
            assert await socket.hear() == {"type": "desired", "desired_version": version}
        assert bool(socket.direct_writes) is direct
        await revoke_and_change(11)
        assert (await socket.hear())["type"] == "error"
        assert await socket.hear_close() == 4401


@in_database
def notify(numbers):
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(number)])


async def test_every_notice_is_taken_once_and_in_order_however_often_the_server_is_asked_whether_it_is_there():
    taken, done = [], asyncio.Event()

    def take(payload):
        taken.append(int(payload))
        if len(taken) == 300:
            done.set()

    async with await open_connection(NAME) as listener:
        await listener.execute(f"LISTEN {CHANNEL}")
        hearing = asyncio.create_task(hear_notices(listener, take, alive_every_s=0.001))
        for start in range(0, 300, 30):
            await notify(range(start, start + 30))
        async with asyncio.timeout(30):
            await done.wait()
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    assert taken == list(range(300))


async def test_a_lost_connection_ends_the_hearing():
    async with await open_connection(NAME) as listener:
        await listener.execute(f"LISTEN {CHANNEL}")
        hearing = asyncio.create_task(hear_notices(listener, lambda _: None, alive_every_s=60))
        await asyncio.sleep(0)
        await cut(NAME)
        with pytest.raises(psycopg.OperationalError):
            await asyncio.wait_for(hearing, 30)


async def test_what_the_taker_raises_ends_the_hearing():
    def refuse(payload):
        raise ValueError(payload)

    async with await open_connection(NAME) as listener:
        await listener.execute(f"LISTEN {CHANNEL}")
        hearing = asyncio.create_task(hear_notices(listener, refuse, alive_every_s=60))
        await notify([1])
        with pytest.raises(ValueError, match="1"):
            await asyncio.wait_for(hearing, 30)
