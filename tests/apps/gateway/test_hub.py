"""The hub: executors wake on commit, hold nothing while they wait, and survive lost connections."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from django.db import connection, transaction
from django.db.models import F

from apps.accounts.models import Account, AccountMode
from apps.common.ids import new_id
from apps.common.nudges import nudge_executor, nudge_executors
from apps.executors.models import Executor
from apps.gateway.hub import get_hub, wait_for_desired
from apps.gateway.places import Subscriber
from tests import world as cast
from tests.apps.gateway.conftest import Socket, in_database

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@in_database
def make_executor():
    team = cast.make_world().team
    account = Account.objects.create(
        team=team, code="a1", name="A", mode=AccountMode.PAPER, server="S", login=1, initial_balance=1000
    )
    return Executor.objects.create(team=team, account=account, code="vps1", name="VPS", desired_version=7)


@in_database
def change(executor, *, fails=False):
    with transaction.atomic():
        Executor.objects.filter(pk=executor.pk).update(desired_version=F("desired_version") + 1)
        nudge_executor(executor.pk)
        if fails:
            transaction.set_rollback(True)


async def waits_for_listener(executor):
    """Return a waiting request whose hub already listens."""
    waiting = asyncio.create_task(wait_for_desired(executor.pk, 7, 10))
    async with asyncio.timeout(60):
        while not await count_backends("mikrobot hub"):
            await asyncio.sleep(0.02)
    return waiting


@in_database
def count_backends(name):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND query LIKE 'LISTEN%%'", [name]
        )
        return cursor.fetchone()[0]


@in_database
def cut(name):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [name])


async def test_a_version_that_differs_is_answered_at_once():
    executor = await make_executor()

    assert await wait_for_desired(executor.pk, 6, 10) == 7
    assert await wait_for_desired(executor.pk, 99, 10) == 7  # a restored backup counts from lower


async def test_a_wait_ends_with_the_timeout():
    executor = await make_executor()

    assert await wait_for_desired(executor.pk, 7, 0.05) == 7


async def test_a_wait_ends_when_the_change_commits():
    executor = await make_executor()
    waiting = await waits_for_listener(executor)

    await change(executor, fails=True)
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    await change(executor)

    assert await asyncio.wait_for(waiting, 5) == 8


async def test_a_reader_cancelled_in_the_moment_it_is_woken_ends():
    subscriber = Subscriber(new_id(), 0)
    waiting = asyncio.create_task(subscriber.wait(60))
    await asyncio.sleep(0)

    subscriber.fall_behind()
    waiting.cancel()
    done, _ = await asyncio.wait([waiting], timeout=5)

    assert done
    assert waiting.cancelled()


async def test_an_unknown_executor_is_an_error():
    with pytest.raises(Executor.DoesNotExist):
        await wait_for_desired(new_id(), 1, 1)


async def test_a_change_made_while_the_listener_was_cut_is_not_missed():
    executor = await make_executor()
    waiting = await waits_for_listener(executor)
    await in_database(Executor.objects.filter(pk=executor.pk).update)(desired_version=8)  # its nudge is lost

    await cut("mikrobot hub")

    assert await asyncio.wait_for(waiting, 8) == 8


async def test_a_socket_that_breaks_in_being_told_ends_nobodys_listening():
    executor = await make_executor()
    waiting = await waits_for_listener(executor)
    with get_hub().waiting_for(executor.pk) as broken, get_hub().waiting_for(executor.pk) as other:
        broken.tell_directly = lambda version: [][version] == 0
        asleep = asyncio.create_task(broken.wait(60))
        await asyncio.sleep(0)
        await tell_version(executor, 8)
        assert await asyncio.wait_for(waiting, 5) == 8
        assert await other.wait(5)
        await other.wait(0.5)  # whoever listens again has everybody look
        await tell_version(executor, 9)

        assert await other.wait(5)
        await asleep


@in_database
def tell_version(executor, version):
    with transaction.atomic():
        Executor.objects.filter(pk=executor.pk).update(desired_version=version)
        nudge_executors({executor.pk: version})


async def test_a_hundred_waiting_requests_hold_one_connection():
    executor = await make_executor()
    waiting = [await waits_for_listener(executor)]
    waiting += [asyncio.create_task(wait_for_desired(executor.pk, 7, 10)) for _ in range(100)]
    async with asyncio.timeout(60):
        while len(get_hub()._waiters[executor.pk]) < 101:
            await asyncio.sleep(0.01)

    @in_database
    def count():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND state <> 'idle' AND pid <> pg_backend_pid()"
            )
            return cursor.fetchone()[0]

    await change(executor)
    assert set(await asyncio.gather(*waiting)) == {8}
    assert not get_hub()._waiters
    assert await count() <= 1


async def test_an_executors_socket_is_nudged_and_closed_when_its_key_is_revoked():
    from apps.executors.models import ExecutorKey
    from apps.teams import keys

    executor = await make_executor()
    pair = keys.mint_executor_key()
    key = await in_database(ExecutorKey.objects.create)(
        executor=executor, key_id=pair.key_id, digest=pair.digest, pepper_number=pair.pepper_number
    )
    async with Socket("/ws/executor") as socket:
        await socket.send({"api_key": pair.key_id, "api_secret": pair.text})
        assert await socket.hear() == {"type": "desired", "desired_version": 7}
        await change(executor)
        assert await socket.hear() == {"type": "desired", "desired_version": 8}

        @in_database
        def revoke():
            with transaction.atomic():
                ExecutorKey.objects.filter(pk=key.pk).update(revoked_at=NOW)
                nudge_executor(executor.pk)

        await revoke()
        assert await socket.hear_close() == 4401
