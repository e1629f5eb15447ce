"""
Nudges by WebSocket: the server says "look", we look. What a message carries is never acted upon.

Losing the socket costs nothing but the time until the next poll; it is opened again with growing, jittered pauses.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from websockets.sync.client import connect

from executor_agent.config import ServerConfig
from executor_agent.server.listening import Listener

PATH = "/ws/executor"
_LARGEST_MESSAGE = 65_536
_SILENT_S = 30.0


class Nudges(Listener):
    """Calls ``look_now`` for every message of the server's own socket and every new connection."""

    name, lost_event, longest_pause_s = "nudges", "NUDGES_LOST", 30.0

    def __init__(self, config: ServerConfig, look_now: Callable[[], None]) -> None:
        super().__init__(look_now)
        self._config = config

    def _listen(self) -> None:
        url = "ws" + self._config.url.removeprefix("http") + PATH
        keys = {"action": "authenticate", "api_key": self._config.api_key, "api_secret": self._config.api_secret}
        with connect(
            url, open_timeout=10, max_size=_LARGEST_MESSAGE, ping_interval=_SILENT_S, proxy=None
        ) as connection:
            self._connection = connection
            # In a message, never in the address: addresses are logged.
            connection.send(msgspec.json.encode(keys).decode())
            self._look_now()
            for _ in connection:
                self._look_now()
