"""Sockets over the wire, from each server that the platform is served by: who gets one, and how it is closed."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack, suppress

import pytest
from django.db import transaction
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from apps.common.models import OutboxEvent
from apps.common.outbox import tell
from tests.apps.gateway.conftest import relaying
from tests.contracts.daphne import make_web_process
from tests.world import make_key, make_world

pytestmark = pytest.mark.django_db(transaction=True)
WAIT_S = 60


@pytest.fixture(scope="module", params=["daphne", "uvicorn"])
def server(request, django_db_setup):
    server = make_web_process(request.param)
    yield server
    server.stop()


@pytest.fixture
def world(server, transactional_db):
    return make_world()


@pytest.fixture
def key(world):
    return make_key(world.alice)[1]


def open_socket(server, **more):
    return connect(f"ws://127.0.0.1:{server.port}/ws/events", open_timeout=WAIT_S, **more)


def bearer(key):
    return {"additional_headers": {"Authorization": f"Bearer {key}"}}


def test_a_key_opens_a_socket_and_junk_closes_it_with_a_code(server, key):
    with open_socket(server, **bearer(key)) as socket:
        assert json.loads(socket.recv(WAIT_S))["type"] == "position"

        socket.send("{")

        assert json.loads(socket.recv(WAIT_S))["code"] == "MALFORMED"
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(WAIT_S)
    assert closed.value.rcvd.code == 4400


def test_a_foreign_page_and_a_wrong_key_get_none(server, key):
    for more in ({"origin": "https://elsewhere.example", **bearer(key)}, bearer("mk_live_nonsense")):
        with pytest.raises(InvalidStatus) as refused:
            open_socket(server, **more)

        assert refused.value.response.status_code == 403


def test_a_message_beyond_a_megabyte_ends_the_socket(server, key):
    with open_socket(server, **bearer(key)) as socket:
        socket.recv(WAIT_S)
        with suppress(ConnectionClosed):  # it may be closed while this is being sent
            socket.send("x" * (1024 * 1024 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(WAIT_S)
    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


def publish(team, events):
    """Write the events in one transaction, and have a relay of this process publish them."""
    with transaction.atomic():
        for data in events:
            tell(team_id=team.pk, kind="trade.opened", data=data)

    async def relay():
        async with relaying():
            while await OutboxEvent.objects.filter(published_at=None).aexists():
                await asyncio.sleep(0.02)

    asyncio.run(relay())


def hear_events(socket, amount):
    heard = []
    while len(heard) < amount:
        message = json.loads(socket.recv(WAIT_S))
        if message["type"] == "event":
            heard.append(message)
    return heard


def test_every_socket_hears_every_event_once_and_in_order(server, world, key):
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(server, **bearer(key))) for _ in range(40)]
        for socket in sockets:
            socket.recv(WAIT_S)
        publish(world.team, [{"n": n} for n in range(250)])
        for socket in sockets:
            heard = hear_events(socket, 250)
            assert [event["data"]["n"] for event in heard] == list(range(250))
            socket.send('{"action": "ping"}')
            assert json.loads(socket.recv(WAIT_S)) == {"type": "pong"}


def test_who_reads_nothing_for_a_while_still_hears_everything_and_nobody_waits_for_them(server, world, key):
    """Eight megabytes for a reader who sleeps: more than the buffers between hold."""
    events = [{"n": n, "text": "x" * 8000} for n in range(1000)]
    with open_socket(server, max_queue=1, **bearer(key)) as slow, open_socket(server, **bearer(key)) as quick:
        quick.recv(WAIT_S)
        slow.recv(WAIT_S)
        publish(world.team, events)
        for socket in (quick, slow):
            assert [event["data"]["n"] for event in hear_events(socket, len(events))] == list(range(len(events)))
