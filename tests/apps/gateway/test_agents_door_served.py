"""The door of agents as ASGI: polls that wait hold nothing, wake with the commit, end with their sender; bodies are handed on."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.testing import ApplicationCommunicator

from apps.assignments.services import activate
from apps.common.batching import Batcher
from apps.common.clock import read_at
from apps.executors.models import Executor
from apps.gateway.agents_door import mount
from apps.gateway.hub import get_hub
from tests.apps.gateway.conftest import in_database
from tests.fleet import make_account, make_executor_with_key, make_strategy
from tests.world import make_world
from trading.protocol import DesiredSet, decode

WAIT_S = 30


class Inner:
    """What is behind the door: it remembers what it was asked."""

    def __init__(self):
        self.bodies = []

    async def __call__(self, scope, receive, send):
        self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"inner"})


@in_database
def prepare():
    world = make_world()
    executor, headers = make_executor_with_key(make_account(world.team))
    pairs = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), value.encode())
        for name, value in headers.items()
    ]
    return make_strategy(world.team), executor, pairs


@in_database
def wish(strategy, executor):
    activate(strategy=strategy, references=[executor.code], actor="test", at=read_at())


async def ask(door, method, path, headers, *, query="", body=b""):
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers,
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    wire = ApplicationCommunicator(door, scope)
    await wire.send_input({"type": "http.request", "body": body, "more_body": False})
    return wire


async def hear(wire):
    start = await wire.receive_output(WAIT_S)
    return start["status"], (await wire.receive_output(WAIT_S))["body"]


async def test_a_poll_waits_without_a_thread_and_wakes_with_the_commit():
    strategy, executor, headers = await prepare()
    door = mount(Inner())
    wire = await ask(door, "GET", "/api/v1/executor/desired", headers, query="since=1&wait_ms=25000")
    async with asyncio.timeout(WAIT_S):
        while executor.pk not in get_hub()._waiters:
            await asyncio.sleep(0.01)
    assert await wire.receive_nothing(0.2)

    await wish(strategy, executor)
    status, body = await hear(wire)

    wanted = decode(body, DesiredSet)
    assert (status, wanted.desired_version, len(wanted.assignments)) == (200, 2, 1)
    await wire.wait(WAIT_S)
    assert not get_hub()._waiters


async def test_a_poll_whose_time_is_up_is_answered_with_the_set_as_it_stands():
    _, _, headers = await prepare()

    wire = await ask(mount(Inner()), "GET", "/api/v1/executor/desired", headers, query="since=1&wait_ms=100")

    status, body = await hear(wire)
    assert (status, decode(body, DesiredSet).desired_version) == (200, 1)


async def test_a_sender_that_is_gone_leaves_nothing_behind():
    _, executor, headers = await prepare()
    wire = await ask(mount(Inner()), "GET", "/api/v1/executor/desired", headers, query="since=1&wait_ms=25000")
    async with asyncio.timeout(WAIT_S):
        while executor.pk not in get_hub()._waiters:
            await asyncio.sleep(0.01)

    await wire.send_input({"type": "http.disconnect"})
    await wire.wait(WAIT_S)

    assert not get_hub()._waiters


async def test_a_nudge_between_looking_and_waiting_is_not_missed():
    _, executor, headers = await prepare()
    door = mount(Inner())
    polls = [
        await ask(door, "GET", "/api/v1/executor/desired", headers, query="since=1&wait_ms=25000") for _ in range(20)
    ]

    await in_database(Executor.objects.filter(pk=executor.pk).update)(desired_version=2)  # and its nudge is lost

    status, body = await hear(
        await ask(door, "GET", "/api/v1/executor/desired", headers, query="since=1&wait_ms=25000")
    )
    assert (status, decode(body, DesiredSet).desired_version) == (200, 2)
    for wire in polls:
        await wire.send_input({"type": "http.disconnect"})


@pytest.mark.parametrize(
    ("method", "path", "query", "keys"),
    [
        ("GET", "/api/v1/executor/desired", "since=x", True),
        ("GET", "/api/v1/executor/desired", "", False),
        ("POST", "/api/v1/executor/desired", "", True),
        ("POST", "/api/v1/executor/snapshot", "", False),
        ("POST", "/api/v1/executor/snapshot", "", True),
        ("POST", "/api/v1/executor/hello", "", True),
    ],
)
async def test_what_is_not_the_doors_goes_on_with_its_whole_body(method, path, query, keys):
    _, _, headers = await prepare()
    inner = Inner()
    length = [(b"content-length", b"4")] if method == "POST" else []

    body = b"body" if method == "POST" else b""
    wire = await ask(mount(inner), method, path, [*(headers if keys else []), *length], query=query, body=body)

    assert (await hear(wire))[0] == 418
    assert inner.bodies == [body]


async def test_a_bad_item_spoils_no_other():
    gate = threading.Event()

    def work(items):
        gate.wait(WAIT_S)
        if "bad" in items:
            raise ValueError("bad")
        return [item.upper() for item in items]

    batcher = Batcher("test", work)
    asked = [asyncio.create_task(batcher.ask(item, WAIT_S)) for item in ("a", "b", "bad", "c")]
    await asyncio.sleep(0)
    gate.set()

    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(one) for one in found] == ["A", "B", "bad", "C"]
    assert isinstance(found[2], ValueError)
