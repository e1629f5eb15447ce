"""Sockets over the wire, from each server that the platform is served by: who gets one, and how it is closed."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

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
def key(server, transactional_db):
    return make_key(make_world().alice)[1]


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
