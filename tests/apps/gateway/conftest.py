"""Sockets in this process: the real consumers behind the real protection, on the real channel layer."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.layers import channel_layers
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import connections
from websockets.client import ClientProtocol
from websockets.protocol import State
from websockets.uri import parse_uri

from apps.common.live import publish
from apps.common.relay import Relay
from apps.gateway.fanout import EXTENSION
from apps.gateway.hub import get_hub
from apps.gateway.sockets import protect, urlpatterns

WAIT_S = 60


@pytest.fixture(autouse=True)
async def _own_layer(transactional_db):
    """Each test has a loop of its own, hence a layer and a hub of its own."""
    channel_layers.backends.clear()
    yield
    await get_hub().close()
    await database_sync_to_async(connections.close_all)()


def split_frames(frames):
    """Return the texts of whole, plain text frames, read by a client's own parser."""
    client = ClientProtocol(parse_uri("ws://bench"), state=State.OPEN)
    client.receive_data(frames)
    return [frame.data.decode() for frame in client.events_received()]


@asynccontextmanager
async def relaying(send=publish):
    """A relay in this loop."""
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(send).run(stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(WAIT_S):
            await running


class Socket:
    """The other side of a socket; `direct`: the server takes ready frames, as both of ours do."""

    MOST_UNREAD = 100  # a transport's buffer: beyond it no ready frames are taken
    direct_writes = 0

    def __init__(self, path, *, headers=(), direct=True):
        self.wire = WebsocketCommunicator(protect(URLRouter(urlpatterns)), path, headers=[*headers])
        if direct:
            self.wire.scope["extensions"] = {EXTENSION: self._take_frames}

    def _take_frames(self, frames):
        unread = self.wire.output_queue
        if unread.qsize() > self.MOST_UNREAD:
            return False
        self.direct_writes += 1
        for text in split_frames(frames):
            unread.put_nowait({"type": "websocket.send", "text": text})
        return True

    async def __aenter__(self):
        self.is_open, self.close_code = await self.wire.connect(timeout=WAIT_S)
        return self

    async def __aexit__(self, *_):
        await self.wire.send_input({"type": "websocket.disconnect", "code": 1000})
        ended, _ = await asyncio.wait([self.wire.future], timeout=WAIT_S)  # the communicator's own wait hides a hang
        assert ended, "The consumer did not end when its socket was closed."
        self.wire.future.result()

    async def send(self, message):
        await self.wire.send_to(text_data=message if isinstance(message, str) else json.dumps(message))

    async def hear(self, kind=None):
        """Return the next message (of this type)."""
        while True:
            heard = json.loads(await self.wire.receive_from(timeout=WAIT_S))
            if kind is None or heard["type"] == kind:
                return heard

    async def hear_close(self):
        """Return the code with which the other side closed, whatever it said before."""
        while True:
            heard = await self.wire.receive_output(timeout=WAIT_S)
            if heard["type"] == "websocket.close":
                return heard["code"]


def bearer(text):
    return [(b"authorization", f"Bearer {text}".encode())]


in_database = database_sync_to_async
in_thread = sync_to_async
