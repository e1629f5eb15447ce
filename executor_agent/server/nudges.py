"""
Nudges by WebSocket: the server says "look", we look. What a message carries is never acted upon.

Losing the socket costs nothing but the time until the next poll; it is opened again with growing, jittered pauses.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import msgspec
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from executor_agent.config import ServerConfig
from executor_agent.logs import get_log

PATH = "/ws/executor"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_LARGEST_MESSAGE = 65_536
_SILENT_S = 30.0


class Nudges:
    """A thread that listens, and calls ``look_now`` for every message and every new connection."""

    def __init__(self, config: ServerConfig, look_now: Callable[[], None]) -> None:
        self._config, self._look_now = config, look_now
        self._closed = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
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
            try:
                self._listen()
                pause_s = _FIRST_PAUSE_S
            except (OSError, WebSocketException, TimeoutError) as error:
                get_log().info("NUDGES_LOST", problem=f"{type(error).__name__}: {error}", again_in_s=round(pause_s, 1))
            self._connection = None
            self._closed.wait(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

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
