"""An agent over a hand-written terminal and server, stepped by hand: lives, deaths, bars and hours of a test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from executor_agent.agent import Agent
from executor_agent.journal import Journal
from executor_agent.server.ports import Answered, Door, Event, Failed
from tests.agents.server import AgentServer
from tests.agents.terminal import FakeTerminal
from tests.unit.trading.making import cross_rules
from trading.protocol import ApprovalRequest, decode

RULES = cross_rules("SMA_2", "SMA_4", exit={"stopLoss": 20, "takeProfit": 60})


class FakeClocks:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def at(self) -> datetime:
        return datetime(2026, 11, 21, 6, 0, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def mono(self) -> float:
        return self.seconds


class InlineCourier:
    """`ports.Courier` that asks the server at once; the line can be cut, answers can be lost, one step at a time."""

    def __init__(self, server: AgentServer, clocks: FakeClocks) -> None:
        self.server, self.clocks = server, clocks
        self.is_cut = False
        self.loses_verdicts = 0
        self.refusal: Failed | None = None
        self.on_approve: Callable[[], None] = lambda: None
        self._since: int | None = None
        self._events: list[Event] = []
        self._looks_now = False

    def introduce(self, instance_id: str) -> None:
        self.instance_id = instance_id

    def ask(self, door: Door, message: msgspec.Struct) -> None:
        ask = {
            Door.HELLO: self.server.hello,
            Door.SNAPSHOT: self.server.snapshot,
            Door.REPORTS: self.server.take_reports,
            Door.SYMBOLS: self.server.take_symbols,
            Door.BARS: self.server.take_bars,
            Door.HISTORY: self.server.take_history,
            Door.LOG: self.server.take_log,
            Door.FILES: self.server.take_file,
        }[door]
        self._events.append(self._carry(door, lambda: ask(message)))

    def is_free(self, door: Door) -> bool:
        return all(event.door is not door for event in self._events)

    def watch_desired(self, since: int | None) -> None:
        self._since = since

    def look_now(self) -> None:
        self._looks_now = True

    def approve(self, body: bytes, key: str, timeout_s: float) -> Event:
        self.on_approve()
        event = self._carry(Door.APPROVE, lambda: self.server.judge_request(key, decode(body, ApprovalRequest)))
        if self.loses_verdicts:
            self.loses_verdicts -= 1
            return Failed(door=Door.APPROVE, problem="timed out")
        return event

    def take(self) -> list[Event]:
        is_due = self._looks_now or self.server.version != self._since
        if self._since is not None and is_due and not self.is_cut:
            self._looks_now = False
            self._events.append(self._carry(Door.DESIRED, self.server.desired))
        events, self._events = self._events, []
        return events

    def wait(self, seconds: float) -> None:
        self.clocks.seconds += max(seconds, 0.01)

    def close(self) -> None:
        return

    def _carry(self, door: Door, ask: Callable[[], Any]) -> Event:
        if self.is_cut:
            return Failed(door=door, problem="no route")
        if self.refusal is not None and door is self.refusal.door:
            return self.refusal
        return Answered(door=door, message=ask(), sent_mono=self.clocks.mono())


class AgentWorld:
    """Terminal and server live on; the agent may die and live again on the same journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clocks = FakeClocks()
        self.terminal = FakeTerminal()
        self.server = AgentServer(self.clocks.at)
        self.terminal.add_history(FLAT)
        self.start()

    def start(self) -> None:
        """Begin a life of the agent."""
        self.courier = InlineCourier(self.server, self.clocks)
        self.journal = Journal(self.folder)
        self.agent = Agent(self.clocks, self.terminal, self.courier, self.journal)

    def restart(self) -> None:
        """Let the agent die without a word and live again."""
        self.start()

    def steps(self, count: int = 4, seconds: float = 0.5) -> None:
        """Let time pass, a step every half second."""
        for _ in range(count):
            self.clocks.seconds += seconds
            self.agent.step()

    def run_strategy(self) -> None:
        """Have the strategy RUNNING, on flat history."""
        self.server.want("RUNNING", RULES)
        self.steps(6)
        assert self.server.status().observed == "RUNNING", self.server.status()

    def bar(self, close: float, *, steps: int = 3, **rest: float) -> None:
        """Close a bar and let the agent see it in its first moments."""
        self.terminal.close_bar(close, **rest)
        self.steps(steps)

    def open_long(self) -> int:
        """Let the averages cross upwards; returns the ticket of the position."""
        self.bar(1.1010)
        assert len(self.terminal.positions) == 1, self.server.list_reports("entry_denied")
        return next(iter(self.terminal.positions))

    def settle(self) -> None:
        """Let everything that is on its way arrive."""
        self.steps(8)


FLAT = [1.1000] * 400
"""Enough history for any warm-up, with no cross in it."""
