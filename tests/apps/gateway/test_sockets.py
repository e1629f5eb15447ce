"""Who gets a socket, what they hear, and when it is taken from them."""

from __future__ import annotations

import asyncio

import pytest
from django.db import transaction

from apps.common.outbox import tell
from apps.teams import services
from apps.teams.scopes import GRANTABLE
from tests import world as cast
from tests.apps.gateway.conftest import Socket, bearer, in_database, relaying

EVENTS = "/ws/events"


@in_database
def make_cast():
    return cast.make_world()


@in_database
def make_key(user, scopes=GRANTABLE, **more):
    return cast.make_key(user, scopes, **more)


@in_database
def happen(team, kind="trade.opened", **more):
    with transaction.atomic():
        return tell(team_id=team.pk, kind=kind, data={"lots": 1}, **more)


@in_database
def cookie_of(user):
    return [(b"cookie", f"sessionid={cast.browser(user).cookies['sessionid'].value}".encode())]


async def test_events_of_the_team_arrive_in_order_and_a_strangers_do_not():
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with relaying(), Socket(EVENTS, headers=bearer(text)) as socket:
        start = (await socket.hear("position"))["number"]
        for _ in range(3):
            await happen(world.other_team)
            await happen(world.team)

        heard = [await socket.hear("event") for _ in range(3)]

    assert [event["number"] for event in heard] == [start + 1, start + 2, start + 3]
    assert {event["kind"] for event in heard} == {"trade.opened"}
    assert heard[0]["data"] == {"lots": 1}
    assert len({event["event_id"] for event in heard}) == 3


async def test_a_socket_resumes_behind_the_number_it_knows():
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with relaying():
        async with Socket(EVENTS, headers=bearer(text)) as socket:
            await socket.hear("position")
            await happen(world.team)
            known = (await socket.hear("event"))["number"]
        for _ in range(3):
            await happen(world.team)
        async with Socket(EVENTS, headers=bearer(text)) as socket:
            await socket.send({"action": "resume", "after": known})
            heard = [(await socket.hear("event"))["number"] for _ in range(3)]

    assert heard == [known + 1, known + 2, known + 3]


async def test_what_is_too_old_asks_for_a_look_at_everything():
    from apps.common.models import OutboxEvent

    world = await make_cast()
    _, text = await make_key(world.alice)
    async with relaying(), Socket(EVENTS, headers=bearer(text)) as socket:
        await socket.hear("position")
        for _ in range(3):
            await happen(world.team)
            last = (await socket.hear("event"))["number"]
        await in_database(OutboxEvent.objects.filter(number__lt=last).delete)()

        await socket.send({"action": "resume", "after": 0})
        assert await socket.hear("snapshot_required") == {"type": "snapshot_required", "number": last}
        await socket.send({"action": "resume", "after": last + 100})
        assert (await socket.hear("snapshot_required"))["number"] == last
        await socket.send({"action": "resume", "after": last - 1})
        assert (await socket.hear("event"))["number"] == last


@pytest.mark.parametrize("message", ["{", "[]", '{"v": NaN}', '{"a":1,"a":2}'])
async def test_junk_closes_the_socket_with_a_sentence(message):
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with Socket(EVENTS, headers=bearer(text)) as socket:
        await socket.send(message)

        assert (await socket.hear("error"))["code"] == "MALFORMED"
        assert await socket.hear_close() == 4400


async def test_a_message_over_64_kb_closes_the_socket():
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with Socket(EVENTS, headers=bearer(text)) as socket:
        await socket.send('{"a": "' + "x" * 66_000 + '"}')

        assert await socket.hear_close() == 1009


@pytest.mark.parametrize("after", [-1, "5", None, True, 1.5])
async def test_a_resume_that_makes_no_sense_is_told_so(after):
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with Socket(EVENTS, headers=bearer(text)) as socket:
        await socket.send({"action": "resume", "after": after})

        assert (await socket.hear("error"))["code"] == "FIELD_INVALID"


async def test_a_wrong_key_gets_no_socket():
    await make_cast()
    async with Socket(EVENTS, headers=bearer("mk_live_nonsense")) as socket:
        assert not socket.is_open


async def test_the_key_may_come_with_the_first_message():
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with Socket(EVENTS) as socket:
        await socket.send({"action": "authenticate", "token": text})

        assert (await socket.hear())["type"] == "position"


async def test_a_first_message_without_a_key_closes_the_socket():
    await make_cast()
    async with Socket(EVENTS) as socket:
        await socket.send({"action": "resume", "after": 0})

        assert await socket.hear_close() == 4401


async def test_a_page_of_ours_comes_in_with_its_cookie_and_a_foreign_page_does_not():
    world = await make_cast()
    cookie = await cookie_of(world.bob)
    ours = [(b"host", b"mikrobot.test"), (b"origin", b"https://mikrobot.test"), *cookie]
    foreign = [(b"host", b"mikrobot.test"), (b"origin", b"https://evil.test"), *cookie]

    async with Socket(EVENTS, headers=ours) as socket:
        assert (await socket.hear())["type"] == "position"
    async with Socket(EVENTS, headers=foreign) as socket:
        assert not socket.is_open
    async with Socket(EVENTS, headers=[(b"host", b"mikrobot.test"), *cookie]) as socket:  # no Origin: no page
        await socket.send({"action": "resume", "after": 0})
        assert await socket.hear_close() == 4401


async def test_an_unknown_path_is_refused():
    async with Socket("/ws/nothing") as socket:
        assert not socket.is_open


async def test_a_ticket_opens_one_socket():
    world = await make_cast()
    _, text = await make_key(world.alice)
    client = await in_database(cast.api_client)(text)
    ticket = (await in_database(client.post)("/api/v1/ws/tickets")).json()["ticket"]

    async with Socket(f"{EVENTS}?ticket={ticket}") as socket:
        assert (await socket.hear())["type"] == "position"
    async with Socket(f"{EVENTS}?ticket={ticket}") as socket:
        assert not socket.is_open


async def test_revoking_a_key_closes_its_socket_at_once():
    world = await make_cast()
    key, text = await make_key(world.alice)
    async with relaying(), Socket(EVENTS, headers=bearer(text)) as socket:
        await socket.hear("position")
        owner = await in_database(cast.caller_of)(world.alice)
        await in_database(services.revoke_key)(caller=owner, key=key)

        assert await socket.hear_close() == 4401


async def test_events_are_shown_by_scope_and_the_position_moves_on():
    world = await make_cast()
    _, text = await make_key(world.alice, ["risk:read"])
    async with relaying(), Socket(EVENTS, headers=bearer(text)) as socket:
        start = (await socket.hear("position"))["number"]
        await happen(world.team, "trade.opened")
        assert await socket.hear() == {"type": "position", "number": start + 1}
        await happen(world.team, "risk.event")
        assert (await socket.hear())["kind"] == "risk.event"


async def test_a_slow_reader_gets_everything_from_the_database():
    """More events than a socket's queue holds, told before it could read one."""
    from apps.gateway.places import MOST_WAITING

    world = await make_cast()
    _, text = await make_key(world.alice)

    @in_database
    def flood():
        with transaction.atomic():
            for _ in range(MOST_WAITING + 50):
                tell(team_id=world.team.pk, kind="trade.opened", data={})

    async with Socket(EVENTS, headers=bearer(text)) as socket:
        start = (await socket.hear("position"))["number"]
        await flood()
        async with relaying():
            heard = [(await socket.hear("event"))["number"] for _ in range(MOST_WAITING + 50)]

    assert heard == list(range(start + 1, start + MOST_WAITING + 51))


async def test_fifty_sockets_hear_the_same():
    world = await make_cast()
    _, text = await make_key(world.alice)
    sockets = [Socket(EVENTS, headers=bearer(text)) for _ in range(50)]
    async with relaying():
        for socket in sockets:
            await socket.__aenter__()
            await socket.hear("position")
        await happen(world.team)
        heard = await asyncio.gather(*(socket.hear("event") for socket in sockets))
        for socket in sockets:
            await socket.__aexit__()

    assert len({event["event_id"] for event in heard}) == 1
