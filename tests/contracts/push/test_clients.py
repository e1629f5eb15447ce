"""Pusher's own libraries, unmodified, and the agent's client, against the platform as a push service."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
from pathlib import Path

import httpx
import pusher.errors
import pysher
import pytest
from channels.db import database_sync_to_async
from playwright.sync_api import sync_playwright
from websockets.sync.client import connect

from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.common.pusher_door import PusherDoor
from apps.executors.services.commands import ask_command
from executor_agent.config import PusherConfig, ServerConfig
from executor_agent.server.pusher import PusherNudges
from tests.contracts.push.conftest import wait_for
from tests.journeys.browser.conftest import find_browser

PUSHER_JS = Path(__file__).parent / "vendor" / "pusher.min.js"


def subscribed(stage):
    return stage.library().channel_info(stage.channel, ["subscription_count"])["subscription_count"]


@pytest.fixture
def pysher_client(stage):
    client = pysher.Pusher(
        "public-key",
        custom_host="127.0.0.1",
        port=stage.server.port,
        secure=False,
        auth_endpoint=f"{stage.server.url}/api/pusher/auth",
        auth_endpoint_headers=stage.headers,
    )
    yield client
    client.disconnect(timeout=1)


def test_pysher_hears_what_the_pusher_library_triggers(stage, pysher_client):
    heard = queue.Queue()

    def listen(_):
        pysher_client.subscribe(stage.channel).bind("command-received", heard.put)

    pysher_client.connection.bind("pusher:connection_established", listen)
    pysher_client.connect()
    wait_for(lambda: subscribed(stage), "pysher's subscription")

    stage.library().trigger(stage.channel, "command-received", {"id": "cmd_1", "command": "START_STRATEGY"})
    batch = [{"channel": stage.channel, "name": "command-received", "data": str(number)} for number in range(3)]
    stage.library().trigger_batch(batch)

    assert json.loads(heard.get(timeout=20)) == {"id": "cmd_1", "command": "START_STRATEGY"}
    assert [heard.get(timeout=20) for _ in range(3)] == ["0", "1", "2"]
    assert stage.library().channels_info("private-")["channels"] == {stage.channel: {}}


def test_a_wrong_secret_triggers_nothing(stage):
    with pytest.raises(pusher.errors.PusherBadAuth):
        stage.library(secret="guessed").trigger("public", "event", {})


def test_the_agents_client_looks_when_it_subscribes_and_at_every_push(stage):
    looks = queue.Queue()
    nudges = agent_client(stage, lambda: looks.put("look"))
    nudges.start()
    try:
        looks.get(timeout=20)
        stage.library().trigger(stage.channel, "command-received", {"command": "STOP_STRATEGY"})
        looks.get(timeout=20)
    finally:
        nudges.close()
    wait_for(lambda: not subscribed(stage), "the agent's leave")


async def test_a_published_command_reaches_the_agent_through_the_relays_door(stage, settings):
    settings.PUSHER = {
        **settings.PUSHER,
        "APP_ID": "17",
        "KEY": "public-key",
        "SECRET": "kept-secret",
        "HOST": "127.0.0.1",
    }
    settings.PUSHER_PORT, settings.PUSHER_TLS = stage.server.port, False
    looks = queue.Queue()
    nudges = agent_client(stage, lambda: looks.put("look"))
    nudges.start()
    await asyncio.to_thread(looks.get, timeout=20)
    event = await database_sync_to_async(ask_and_read_event)(stage.executor)

    door = PusherDoor.from_settings()
    running = asyncio.create_task(door.run())
    door.offer("tem_1", [event])
    await asyncio.to_thread(looks.get, timeout=20)

    running.cancel()
    nudges.close()


def ask_and_read_event(executor):
    ask_command(executor=executor, kind="SNAPSHOT", payload={}, actor="test", at=read_at())
    told = OutboxEvent.objects.filter(kind="command.changed").latest("created_at")
    return {"kind": told.kind, "data": told.data}


def agent_client(stage, look_now, **changes):
    push = PusherConfig(
        **{"key": "public-key", "host": "127.0.0.1", "port": stage.server.port, "tls": False, **changes}
    )
    config = ServerConfig(
        url=stage.server.url,
        api_key=stage.headers["X-API-KEY"],
        api_secret=stage.headers["X-API-SECRET"],
        executor_id=stage.executor.public_id,
        pusher=push,
    )
    return PusherNudges(config, push, look_now)


def test_pusher_js_hears_in_a_browser(stage):
    path = find_browser()
    if path is None:
        assert not os.environ.get("CI"), "no Chromium on this machine: pusher-js cannot run"
        pytest.skip("no Chromium on this machine: pusher-js not run")
    with open_page(path, stage) as page:
        page.evaluate(PUSHER_JS.read_text("utf-8"))
        page.evaluate(
            """([key, port, channel, endpoint, headers]) => {
                window.heard = [];
                window.client = new Pusher(key, {
                    cluster: "", wsHost: "127.0.0.1", wsPort: port, forceTLS: false, enabledTransports: ["ws"],
                    disableStats: true, channelAuthorization: {endpoint, headers},
                });
                window.client.subscribe(channel).bind("command-received", (data) => window.heard.push(data));
            }""",
            ["public-key", stage.server.port, stage.channel, "/api/pusher/auth", stage.headers],
        )
        wait_for(lambda: subscribed(stage), "pusher-js's subscription")

        stage.library().trigger(stage.channel, "command-received", {"id": "cmd_2"})
        page.wait_for_function("window.heard.length === 1", timeout=20_000)
        assert page.evaluate("window.heard[0]") == {"id": "cmd_2"}
        page.evaluate("window.client.disconnect()")


@contextlib.contextmanager
def open_page(path, stage):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{stage.server.url}/api/docs")
        yield page
        browser.close()


class Raw:
    """A client that says whatever it likes."""

    def __init__(self, wire):
        self.wire = wire

    def hear(self):
        frame = json.loads(self.wire.recv(timeout=20))
        return frame["event"], json.loads(frame["data"])

    def say(self, event, data, channel=None):
        frame = {"event": event, "data": data} | ({"channel": channel} if channel else {})
        self.wire.send(json.dumps(frame))


@pytest.fixture
def open_raw(stage):
    with contextlib.ExitStack() as sockets:

        def open_one(path="/app/public-key?protocol=7"):
            return Raw(sockets.enter_context(connect(f"ws://127.0.0.1:{stage.server.port}{path}", proxy=None)))

        yield open_one


def test_an_unknown_key_is_told_and_closed(open_raw):
    raw = open_raw("/app/another-key?protocol=7")

    event, fault = raw.hear()

    assert (event, fault["code"]) == ("pusher:error", 4001)


def test_a_strangers_signature_opens_no_private_channel(stage, open_raw):
    raw = open_raw()
    assert raw.hear()[0] == "pusher:connection_established"

    raw.say("pusher:subscribe", {"channel": stage.channel, "auth": "public-key:" + "0" * 64})

    event, fault = raw.hear()
    assert (event, fault["status"]) == ("pusher:subscription_error", 401)
    assert subscribed(stage) == 0


def test_nobody_pushes_into_an_executors_channel_but_the_server(stage, open_raw):
    listener, forger = open_raw(), open_raw()
    for raw in (listener, forger):
        socket_id = raw.hear()[1]["socket_id"]
        asked = {"socket_id": socket_id, "channel_name": stage.channel}
        auth = httpx.post(f"{stage.server.url}/api/pusher/auth", data=asked, headers=stage.headers).json()["auth"]
        raw.say("pusher:subscribe", {"channel": stage.channel, "auth": auth})
        assert raw.hear()[0] == "pusher_internal:subscription_succeeded"

    forger.say("client-command-received", {"command": "START_STRATEGY"}, stage.channel)
    forger.say("command-received", {"command": "START_STRATEGY"}, stage.channel)
    stage.library().trigger(stage.channel, "command-received", {"id": "true"})

    assert listener.hear() == ("command-received", {"id": "true"})


@pytest.mark.parametrize("junk", ["", "{", "[]", "17", '{"event": 5}', '{"event": "pusher:subscribe", "data": "{"}'])
def test_junk_is_answered_and_the_socket_goes_on(open_raw, junk):
    raw = open_raw()
    raw.hear()

    raw.wire.send(junk)
    raw.say("pusher:ping", {})

    heard = [raw.hear()[0]]
    while heard[-1] != "pusher:pong":
        heard.append(raw.hear()[0])
    assert set(heard) <= {"pusher:error", "pusher:pong"}


def test_a_frame_too_large_closes_the_socket(open_raw):
    raw = open_raw()
    raw.hear()

    raw.wire.send("x" * 20_000)

    assert raw.hear()[1]["code"] == 4302


def test_members_of_a_presence_channel_are_known(stage, open_raw):
    raw = open_raw()
    socket_id = raw.hear()[1]["socket_id"]
    about = {"user_id": "alice", "user_info": {"name": "Alice"}}
    auth = stage.library().authenticate("presence-desk", socket_id, about)

    raw.say("pusher:subscribe", {"channel": "presence-desk", **auth})

    assert raw.hear()[1]["presence"]["ids"] == ["alice"]
    assert stage.library().users_info("presence-desk")["users"] == [{"id": "alice"}]
