"""
Lanes: a thread for each kind of waiting, so that the loop never waits for the server.

``state`` carries hello and snapshots, ``bulk`` reports, symbols and bars, ``files`` what somebody asked to be sent, ``verdict``
approvals, ``poll`` the desired set; with nudges that makes seven threads, however many strategies run.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from executor_agent import AGENT_VERSION
from executor_agent.config import ServerConfig
from executor_agent.logs import get_log
from executor_agent.server.doors import Doors
from executor_agent.server.listening import Listener
from executor_agent.server.nudges import Nudges
from executor_agent.server.ports import Answered, Door, Event, Failed
from executor_agent.server.pusher import PusherNudges

_TIMEOUT_S = {Door.HELLO: 8.0, Door.SNAPSHOT: 5.0, Door.REPORTS: 10.0, Door.SYMBOLS: 10.0, Door.BARS: 20.0}
_TIMEOUT_S |= {Door.HISTORY: 20.0, Door.LOG: 5.0, Door.FILES: 30.0}
_LANE_OF = {
    Door.HELLO: "state",
    Door.SNAPSHOT: "state",
    Door.REPORTS: "bulk",
    Door.SYMBOLS: "bulk",
    Door.BARS: "bulk",
    Door.HISTORY: "files",
    Door.LOG: "files",
    Door.FILES: "files",
}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0
_NUDGES_GATHER_S = 0.02  # a flood of nudges, forged or not, is at most fifty questions a second


class HttpCourier:
    """`ports.Courier` over HTTP, with sockets for nudges where the configuration has them."""

    def __init__(self, config: ServerConfig, *, poll_wait_ms: int = 25_000) -> None:
        self._config, self._poll_wait_ms = config, poll_wait_ms
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._arrived = threading.Event()
        self._busy: set[Door] = set()
        self._headers: dict[str, str] = {}
        self._lanes = {name: _Lane(name, config, self._headers) for name in ("state", "bulk", "files", "verdict")}
        self._poll = _Poll(config, poll_wait_ms, self._deliver, self._headers)
        self._nudges: list[Listener] = []
        if "websocket" in config.transports:
            self._nudges.append(Nudges(config, self._poll.look_now))
        if "pusher" in config.transports and config.pusher is not None:
            self._nudges.append(PusherNudges(config, config.pusher, self._poll.look_now))
        self._verdict_number = 0

    def introduce(self, instance_id: str) -> None:
        self._headers["X-Instance-Id"] = instance_id

    def ask(self, door: Door, message: msgspec.Struct) -> None:
        self._busy.add(door)
        self._lanes[_LANE_OF[door]].put(door, lambda doors: doors.post(door, message, _TIMEOUT_S[door]), self._deliver)

    def is_free(self, door: Door) -> bool:
        return door not in self._busy

    def watch_desired(self, since: int | None) -> None:
        self._poll.watch(since)
        for nudges in self._nudges if since is not None else ():
            nudges.start()

    def look_now(self) -> None:
        self._poll.look_now()

    def approve(self, body: bytes, key: str, timeout_s: float) -> Event:
        # The lane may be slower than we wait: whatever comes later than that is nobody's.
        answer: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lanes["verdict"].put(Door.APPROVE, lambda doors: doors.approve(body, key, timeout_s), answer.put)
        try:
            return answer.get(timeout=timeout_s)
        except queue.Empty:
            self._lanes["verdict"].abandon()
            return Failed(door=Door.APPROVE, problem=f"no verdict within {timeout_s:g} s")

    def take(self) -> list[Event]:
        self._arrived.clear()
        events: list[Event] = []
        while True:
            try:
                event = self._inbox.get_nowait()
            except queue.Empty:
                return events
            self._busy.discard(event.door)
            events.append(event)

    def wait(self, seconds: float) -> None:
        self._arrived.wait(seconds)

    def close(self) -> None:
        for nudges in self._nudges:
            nudges.close()
        self._poll.close()
        for lane in self._lanes.values():
            lane.close()

    def _deliver(self, event: Event) -> None:
        self._inbox.put(event)
        self._arrived.set()


_Question = tuple[Door, Callable[[Doors], Event], Callable[[Event], None]]


class _Lane:
    """A thread that asks one question after the other."""

    def __init__(self, name: str, config: ServerConfig, headers: Mapping[str, str]) -> None:
        self._name, self._config, self._headers = name, config, headers
        self._start()

    def put(self, door: Door, work: Callable[[Doors], Event], deliver: Callable[[Event], None]) -> None:
        self._questions.put((door, work, deliver))

    def abandon(self) -> None:
        """Leave a thread that is stuck in a question to its own end, and go on with a new one."""
        self._questions.put(None)
        self._start()

    def close(self) -> None:
        self._questions.put(None)
        self._doors.close()

    def _start(self) -> None:
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._doors = Doors(self._config, AGENT_VERSION, self._headers)
        arguments = (self._questions, self._doors)
        threading.Thread(target=_run_lane, args=arguments, name=f"lane-{self._name}", daemon=True).start()


def _run_lane(questions: queue.SimpleQueue[_Question | None], doors: Doors) -> None:
    while (question := questions.get()) is not None:
        door, work, deliver = question
        try:
            deliver(work(doors))
        except Exception as error:
            # A lane that dies is silent for ever, and nobody would know.
            get_log().exception("LANE_FAILED", problem=f"{type(error).__name__}: {error}")
            deliver(Failed(door=door, problem=f"{type(error).__name__}: {error}"))
    doors.close()


class _Poll:
    """A thread that keeps one question for the desired set open, and asks at once when nudged."""

    def __init__(
        self, config: ServerConfig, wait_ms: int, deliver: Callable[[Event], None], headers: Mapping[str, str]
    ) -> None:
        self._config, self._wait_ms, self._deliver, self._headers = config, wait_ms, deliver, headers
        self._changed = threading.Condition()
        self._since: int | None = None
        self._closed = False
        self._threads: list[threading.Thread] = []
        self._nudge = threading.Event()

    def watch(self, since: int | None) -> None:
        with self._changed:
            self._since = since
            self._changed.notify_all()
        if not self._threads:
            for name, target in (("lane-poll", self._run), ("lane-nudged", self._run_nudged)):
                self._threads.append(threading.Thread(target=target, name=name, daemon=True))
                self._threads[-1].start()

    def look_now(self) -> None:
        """Ask without waiting, beside the question that is open."""
        self._nudge.set()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._nudge.set()

    def _await_since(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._since is not None)
            return None if self._closed else self._since

    def _run(self) -> None:
        doors, pause_s = Doors(self._config, AGENT_VERSION, self._headers), _FIRST_PAUSE_S
        while (since := self._await_since()) is not None:
            event = doors.pull(since, self._wait_ms)
            if isinstance(event, Answered):
                pause_s = _FIRST_PAUSE_S
                self._deliver(event)
                if event.message.desired_version != since or not since:
                    self._await_change(since)
                continue
            self._deliver(event)
            self._pause(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        doors.close()

    def _await_change(self, since: int) -> None:
        # The loop says from where to go on once it has taken the set; asking before that would bring the same again.
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._since != since, timeout=1.0)

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, timeout=seconds)

    def _run_nudged(self) -> None:
        doors = Doors(self._config, AGENT_VERSION, self._headers)
        while not self._closed:
            self._nudge.wait()
            self._nudge.clear()
            since = self._since
            if self._closed or since is None:
                continue
            event = doors.pull(since, 0)
            if isinstance(event, Answered):
                self._deliver(event)
            elif isinstance(event, Failed):
                get_log().info("NUDGE_WITHOUT_ANSWER", problem=event.problem)
            time.sleep(_NUDGES_GATHER_S)
        doors.close()
