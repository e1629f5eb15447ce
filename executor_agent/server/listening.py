"""What every listener for nudges shares: a thread that opens its socket again, after growing, jittered pauses, until closed."""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from websockets.sync.client import ClientConnection

from executor_agent.logs import get_log

_FIRST_PAUSE_S = 0.5


class Listener(ABC):
    """Listens in a thread of its own and calls ``look_now``; losing the socket costs nothing but the time until the next poll."""

    name: ClassVar[str]
    lost_event: ClassVar[str]
    longest_pause_s: ClassVar[float]

    def __init__(self, look_now: Callable[[], None]) -> None:
        self._look_now = look_now
        self._closed = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to listen; once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._closed.set()
        connection = self._connection
        if connection is not None:
            connection.socket.close()

    @abstractmethod
    def _listen(self) -> None:
        """Open the socket and listen until it ends."""

    def _wait_after(self, error: Exception, pause_s: float) -> float:
        """Say why the socket was lost, and return for how long to wait."""
        problem = f"{type(error).__name__}: {error}"
        get_log().info(self.lost_event, problem=problem, again_in_s=round(pause_s, 1))
        return pause_s

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._closed.is_set():
            try:
                self._listen()
                pause_s = _FIRST_PAUSE_S
                wait_s = pause_s * random.uniform(0.5, 1.5)
            except Exception as error:  # a thread that dies is silent for ever, whatever nonsense it was told
                wait_s = self._wait_after(error, pause_s * random.uniform(0.5, 1.5))
                pause_s = min(pause_s * 2, self.longest_pause_s)
            self._connection = None
            self._closed.wait(wait_s)
