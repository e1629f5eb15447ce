"""The long poll over real connections: it waits without holding one, and a wish wakes it."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import SyncToAsync, ThreadSensitiveContext, sync_to_async
from django.db import connection, connections
from django.test import AsyncClient

from apps.assignments.services import activate
from apps.common.clock import read_at
from apps.executors.models import Executor
from apps.gateway.hub import get_hub
from tests.fleet import make_account, make_executor_with_key, make_strategy
from tests.world import make_world
from trading.protocol import DesiredSet, decode

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _own_pool():
    # Threads of earlier tests in this process may still hold the pool's connections: begin and end with a pool of our own.
    connection.close()
    connection.close_pool()
    yield
    connection.close_pool()


def prepare():
    world = make_world()
    executor, headers = make_executor_with_key(make_account(world.team))
    return make_strategy(world.team), executor, headers


def wish(strategy, executor):
    activate(strategy=strategy, references=[executor.code], actor="test", at=read_at())


def count_busy() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"  # autovacuum is nobody's doing
        )
        return cursor.fetchone()[0]


async def poll(headers, since, wait_ms):
    async with ThreadSensitiveContext():  # as the ASGI server's handler has it
        return await _poll(headers, since, wait_ms)


async def _poll(headers, since, wait_ms):
    plain = {name.removeprefix("HTTP_").replace("_", "-"): value for name, value in headers.items()}
    response = await AsyncClient().get(f"/api/v1/executor/desired?since={since}&wait_ms={wait_ms}", headers=plain)
    assert response.status_code == 200, response.content
    return decode(response.content, DesiredSet)


async def test_a_wish_wakes_those_who_wait():
    strategy, executor, headers = await sync_to_async(prepare)()
    since = (await Executor.objects.aget(pk=executor.pk)).desired_version
    try:
        await poll(headers, since, 0)  # what is loaded at the first request is loaded now
        waiting = [asyncio.create_task(poll(headers, since, 25_000)) for _ in range(5)]
        while len(get_hub()._waiters.get(executor.pk, ())) < 5:
            assert not [task.exception() for task in waiting if task.done()]
            await asyncio.sleep(0.02)
        async with asyncio.timeout(60):  # once they wait, none holds a connection or a thread
            while await sync_to_async(count_busy)() > 0:
                await asyncio.sleep(0.02)
            while len(SyncToAsync.context_to_thread_executor) > 0:
                await asyncio.sleep(0.02)
        assert not any(task.done() for task in waiting)
        await sync_to_async(wish)(strategy, executor)
        answers = await asyncio.wait_for(asyncio.gather(*waiting), 20)
        assert {answer.desired_version > since for answer in answers} == {True}
        assert {answer.assignments[0].desired for answer in answers} == {"RUNNING"}
    finally:
        await get_hub().close()
        await sync_to_async(connections.close_all)()


async def test_when_the_time_is_up_the_set_as_it_stands_is_answered():
    _, executor, headers = await sync_to_async(prepare)()
    since = (await Executor.objects.aget(pk=executor.pk)).desired_version
    try:
        answer = await poll(headers, since, 50)
        assert (answer.desired_version, answer.assignments) == (since, [])
    finally:
        await get_hub().close()
        await sync_to_async(connections.close_all)()
