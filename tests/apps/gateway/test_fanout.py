"""One message for many: who is told on the spot, who by the socket's own task, and that nobody misses or repeats a thing."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest

from apps.common.ids import new_id
from apps.gateway.fanout import Batch, frames_of
from apps.gateway.hub import get_hub
from apps.gateway.places import Subscriber
from apps.teams import services
from tests import world as cast
from tests.apps.gateway.conftest import Socket, bearer, in_database, relaying, split_frames
from tests.apps.gateway.dashboards import Dashboard, happen, set_stage, settle, warn
from tests.apps.gateway.test_sockets import EVENTS, make_cast, make_key
from tests.apps.gateway.test_sockets import happen as happen_in


def batch(*numbers):
    return Batch([{"number": number, "kind": "trade.opened"} for number in numbers])


def numbers(batch):
    return [event["number"] for event in batch.events]


class Listener:
    """A subscriber's socket: takes what it is told directly, while it `can`."""

    def __init__(self, last=0):
        self.told, self.can = [], True
        self.subscriber = Subscriber(new_id(), last)
        self.subscriber.tell_directly = self._tell

    def _tell(self, batch):
        if self.can:
            self.told += numbers(batch)
        return self.can

    async def __aenter__(self):
        self.task = asyncio.create_task(self.subscriber.wait(60))
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        self.subscriber.nudge()
        await self.task


async def test_a_sleeping_socket_is_told_on_the_spot_and_goes_on_from_there():
    async with Listener() as listener:
        listener.subscriber.offer_batch(batch(1, 2))
        listener.subscriber.offer_batch(batch(3))
        assert (listener.told, listener.subscriber.last) == ([1, 2, 3], 3)
        assert not listener.task.done()


async def test_a_socket_that_refuses_is_told_by_its_task_and_nothing_overtakes():
    async with Listener() as listener:
        listener.can = False
        listener.subscriber.offer_batch(batch(1))
        listener.can = True
        listener.subscriber.offer_batch(batch(2))
        await listener.task
        assert listener.told == []
        assert [event["number"] for event in listener.subscriber.take()] == [1, 2]


@pytest.mark.parametrize("awake", ["nudge", "fall_behind", "recheck"])
async def test_a_socket_with_something_to_say_first_is_not_told_on_the_spot(awake):
    async with Listener() as listener:
        getattr(listener.subscriber, awake)()
        listener.subscriber.offer_batch(batch(1))
        assert listener.told == []


@pytest.mark.parametrize("found", [(2,), (1, 3), (0, 1)])
async def test_a_gap_or_a_repetition_is_left_to_the_task(found):
    async with Listener() as listener:
        listener.subscriber.offer_batch(batch(*found))
        assert listener.told == []


async def test_before_its_task_sleeps_a_socket_is_not_told_on_the_spot():
    listener = Listener()
    listener.subscriber.offer_batch(batch(1))
    assert listener.told == []
    assert [event["number"] for event in listener.subscriber.take()] == [1]


def test_long_and_foreign_letters_survive_their_frames():
    texts = ["", "é" * 70, "x" * 126, "y" * 70_000, json.dumps({"a": "日本"}, ensure_ascii=False)]
    assert split_frames(frames_of(texts)) == texts


def test_those_who_may_see_the_same_are_sent_the_same_bytes():
    made = []
    events = batch(1, 2)

    def say(found):
        made.append(len(found))
        return ["one"]

    assert events.frames_for("alice", say) is events.frames_for("alice", say)
    events.frames_for("bob", say)
    assert made == [2, 2]


async def test_sockets_with_different_rights_hear_of_one_batch_what_each_may():
    world = await make_cast()
    _, all_text = await make_key(world.alice)
    _, risk_text = await make_key(world.alice, ["risk:read"])
    async with relaying(), AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(Socket(EVENTS, headers=bearer(key))) for key in (all_text, risk_text)
        ]
        start = (await sockets[0].hear("position"))["number"]
        await sockets[1].hear("position")
        await happen_in(world.team, "trade.opened")
        assert (await sockets[0].hear())["kind"] == "trade.opened"
        assert await sockets[1].hear() == {"type": "position", "number": start + 1}
        assert all(socket.direct_writes for socket in sockets)


async def test_after_a_revoked_key_its_socket_is_told_nothing_more_even_in_the_same_batch():
    world = await make_cast()
    key, text = await make_key(world.alice)
    async with Socket(EVENTS, headers=bearer(text)) as socket:
        await socket.hear("position")
        owner = await in_database(cast.caller_of)(world.alice)
        await in_database(services.revoke_key)(caller=owner, key=key)
        await happen_in(world.team)
        async with relaying():
            heard = []
            while (message := await socket.wire.receive_output(timeout=60))["type"] != "websocket.close":
                heard.append(json.loads(message["text"]))
        assert message["code"] == 4401
        assert "event" not in {each["type"] for each in heard}


@pytest.mark.parametrize("direct", [True, False])
async def test_dashboards_hear_events_and_states_whichever_way_their_server_has(direct):
    stage = await set_stage()
    async with relaying(), Dashboard(stage.key, direct=direct) as dashboard:
        await dashboard.subscribe()
        await settle(stage)
        before = dashboard.direct_writes
        for number in range(5):
            await happen(stage.desk, number=number)
        await warn(stage.desk, "careful")
        heard = [(await dashboard.hear_on("trade_updates"))["data"]["number"] for _ in range(5)]
        assert heard == list(range(5))
        assert (await dashboard.hear_on("risk_events"))["data"]["message"] == "careful"
        await in_database(stage.desk.see)(equity=98_765)
        await happen(stage.desk)
        assert (await dashboard.hear_on("account_updates", equity=98_765))["data"]["code"] == "account_001"
        assert (dashboard.direct_writes > before) == direct


async def test_a_key_of_one_account_hears_directly_of_that_account_only():
    from tests.risk import make_desk

    stage = await set_stage()
    other = await in_database(make_desk)(stage.world, key=stage.key, code="account_002")
    _, bound = await make_key(stage.world.alice, account_id=stage.desk.account.pk)
    async with relaying(), Dashboard(bound) as mine, Dashboard(stage.key) as every:
        for dashboard in (mine, every):
            await dashboard.subscribe("trade_updates", "account_updates")
        await happen(other, of="other")
        await happen(stage.desk, of="mine")
        assert (await every.hear_on("trade_updates"))["data"]["of"] == "other"
        assert (await mine.hear_on("trade_updates"))["data"]["of"] == "mine"
        await in_database(other.see)(equity=11)
        await in_database(stage.desk.see)(equity=22)
        await happen(stage.desk, of="mine")
        await every.hear_on("account_updates", code="account_002", equity=11)
        assert (await mine.hear_on("account_updates", equity=22))["data"]["code"] == "account_001"


async def test_many_sockets_are_told_in_turns_and_each_everything():
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with relaying(), AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(Socket(EVENTS, headers=bearer(text))) for _ in range(70)]
        for socket in sockets:
            await socket.hear("position")
        for _ in range(4):
            await happen_in(world.team)
        heard = {tuple([(await socket.hear("event"))["number"] for _ in range(4)]) for socket in sockets}
        assert len(heard) == 1
        assert get_hub()._teams[world.team.pk]
