"""
Nudges by Pusher's protocol 7: the server triggers `command-received` on our private channel, and we look.

What a push carries is never acted upon: it may be late, doubled, out of order or forged. The close code says how to come
again (4000–4099 not at all, 4100–4199 after a pause, 4200–4299 at once); the long poll goes on beside it in any case.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from executor_agent import AGENT_VERSION
from executor_agent.config import PusherConfig, ServerConfig
from executor_agent.logs import get_log

AUTH_PATH = "/api/pusher/auth"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _REFUSED_PAUSE_S = 0.5, 60.0, 900.0
_PONG_WITHIN_S, _AUTH_WITHIN_S, _OPEN_WITHIN_S = 30.0, 10.0, 10.0
_LARGEST_MESSAGE = 65_536


class Refused(Exception):
    """The other side says that coming again changes nothing: an unknown key, a refused subscription."""


class PusherNudges:
    """A thread that listens on the executor's channel, and calls ``look_now`` for every push and every subscription."""

    def __init__(self, config: ServerConfig, push: PusherConfig, look_now: Callable[[], None]) -> None:
        self._config, self._push, self._look_now = config, push, look_now
        self._closed = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        connection = self._connection
        if connection is not None:
            connection.socket.close()

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._closed.is_set():
            wait_s = pause_s * random.uniform(0.5, 1.5)
            try:
                self._listen()
                pause_s = _FIRST_PAUSE_S
            except Refused as error:
                get_log().warning("PUSH_REFUSED", problem=str(error), again_in_s=_REFUSED_PAUSE_S)
                wait_s = _REFUSED_PAUSE_S
            except (OSError, WebSocketException, TimeoutError, httpx.HTTPError, msgspec.MsgspecError) as error:
                wait_s = _pause_after(error, wait_s)
                get_log().info("PUSH_LOST", problem=f"{type(error).__name__}: {error}", again_in_s=round(wait_s, 1))
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._connection = None
            self._closed.wait(wait_s)

    def _listen(self) -> None:
        with connect(
            self._push.url(AGENT_VERSION), open_timeout=_OPEN_WITHIN_S, max_size=_LARGEST_MESSAGE, proxy=None
        ) as connection:
            self._connection = connection
            silent_s = 120.0
            while True:
                event, data = self._read(connection, silent_s)
                if event == "pusher:connection_established":
                    silent_s = min(float(data.get("activity_timeout") or silent_s), 120.0)
                    self._subscribe(connection, str(data.get("socket_id")))
                elif event == "pusher:ping":
                    connection.send('{"event":"pusher:pong","data":"{}"}')
                elif event == "pusher:error":
                    get_log().warning("PUSH_ERROR", problem=str(data.get("message"))[:200], code=data.get("code"))
                elif event.endswith("subscription_error"):
                    raise Refused(f"subscription: {data.get('error')}")
                elif event in ("pusher_internal:subscription_succeeded", "command-received"):
                    self._look_now()

    def _read(self, connection: ClientConnection, silent_s: float) -> tuple[str, dict[str, Any]]:
        """Return the next frame; ask after a silence whether anybody is there."""
        try:
            raw = connection.recv(timeout=silent_s)
        except TimeoutError:
            connection.send('{"event":"pusher:ping","data":"{}"}')
            raw = connection.recv(timeout=_PONG_WITHIN_S)
        frame = msgspec.json.decode(raw)
        if not isinstance(frame, dict) or not isinstance(frame.get("event"), str):
            return "", {}
        event, data = frame["event"], frame.get("data")
        if event.startswith("pusher") and isinstance(data, str):
            data = msgspec.json.decode(data)
        return event, data if isinstance(data, dict) else {}

    def _subscribe(self, connection: ClientConnection, socket_id: str) -> None:
        channel = f"private-executor-{self._config.executor_id}"
        keys = {"X-API-Key": self._config.api_key, "X-API-Secret": self._config.api_secret}
        answer = httpx.post(
            self._config.url + AUTH_PATH,
            data={"socket_id": socket_id, "channel_name": channel},
            headers=keys,
            timeout=_AUTH_WITHIN_S,
            follow_redirects=False,
            trust_env=False,
        )
        if answer.status_code in (401, 403, 404):
            raise Refused(f"the server does not let us into {channel}: HTTP {answer.status_code}")
        answer.raise_for_status()
        told = {"channel": channel, "auth": str(answer.json().get("auth"))}
        connection.send(msgspec.json.encode({"event": "pusher:subscribe", "data": told}).decode())


def _pause_after(error: Exception, pause_s: float) -> float:
    """Return for how long to wait after a lost connection, by its close code."""
    code = error.rcvd.code if isinstance(error, ConnectionClosed) and error.rcvd else 0
    if 4000 <= code <= 4099:
        return _REFUSED_PAUSE_S
    if 4100 <= code <= 4199:
        return max(pause_s, 1.0)
    return 0.0 if 4200 <= code <= 4299 else pause_s
