"""
Nudges by Pusher's protocol 7: the server triggers `command-received` on our private channel, and we look.

What a push carries is never acted upon: it may be late, doubled, out of order or forged. The close code says how to come
again (4000–4099 not at all, 4100–4199 after a pause, 4200–4299 at once); the long poll goes on beside it in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from executor_agent import AGENT_VERSION
from executor_agent.config import PusherConfig, ServerConfig
from executor_agent.logs import get_log
from executor_agent.server.listening import Listener

AUTH_PATH = "/api/pusher/auth"
_REFUSED_PAUSE_S = 900.0
_PONG_WITHIN_S, _AUTH_WITHIN_S, _OPEN_WITHIN_S = 30.0, 10.0, 10.0
_LARGEST_MESSAGE = 65_536


class Refused(Exception):
    """The other side says that coming again changes nothing: an unknown key, a refused subscription."""


class PusherNudges(Listener):
    """Calls ``look_now`` for every push on the executor's channel and every subscription."""

    name, lost_event, longest_pause_s = "pusher", "PUSH_LOST", 60.0

    def __init__(self, config: ServerConfig, push: PusherConfig, look_now: Callable[[], None]) -> None:
        super().__init__(look_now)
        self._config, self._push = config, push

    def _wait_after(self, error: Exception, pause_s: float) -> float:
        if isinstance(error, Refused):
            get_log().warning("PUSH_REFUSED", problem=str(error), again_in_s=_REFUSED_PAUSE_S)
            return _REFUSED_PAUSE_S
        return super()._wait_after(error, _pause_after(error, pause_s))

    def _listen(self) -> None:
        with connect(
            self._push.url(AGENT_VERSION), open_timeout=_OPEN_WITHIN_S, max_size=_LARGEST_MESSAGE, proxy=None
        ) as connection:
            self._connection = connection
            silent_s = 120.0
            while True:
                event, data = self._read(connection, silent_s)
                if event == "pusher:connection_established":
                    silent_s = min(max(float(data.get("activity_timeout") or silent_s), _PONG_WITHIN_S), silent_s)
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
