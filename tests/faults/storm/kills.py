"""The killer: SIGKILL to a random process, again and again, without waiting for anybody to come back."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field

import psutil

from tests.faults.rig import Agent, Rig
from tests.faults.storm.counts import Counts

# How often each is chosen. "terminal" is the agent's own process beside the terminal; "line" the agent without it. An agent that
# was killed gets its account again only when the lease is over: killed more often, it would never come to trade.
WEIGHTS = {"agent": 9, "line": 4, "terminal": 58, "simulator": 4, "web": 6, "relay": 4, "worker": 4, "beat": 1, "valkey": 4, "postgres": 5}  # fmt: skip
OF_AGENT = ("agent", "line", "terminal")
# The launcher waits longer after each death within half a minute; whoever was just killed is left alone for so long.
REST_S = 32.0
DOWN_S = (0.0, 1.5)  # an agent stays down for something between


@dataclass
class Killer:
    """Kills at random moments, a mean rate apart; agents are started anew by it, all else by the launcher."""

    rig: Rig
    counts: Counts
    seed: int
    per_s: float
    most: int = 10**9
    _random: random.Random = field(init=False)
    _killed_s: dict[str, float] = field(default_factory=dict)
    _waiting: list[tuple[float, Agent]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(f"kills-{self.seed}")

    def run(self, stop: threading.Event) -> None:
        """Kill until told to stop, then bring every agent back."""
        next_s = time.monotonic()
        while not stop.wait(max(0.0, min(next_s - time.monotonic(), 0.1))):
            self._start_waiting()
            if time.monotonic() >= next_s and self.counts.killed < self.most:
                self._kill_one()
                next_s = max(next_s + self._random.expovariate(self.per_s), time.monotonic() - 2.0)
        self._start_waiting(everyone=True)

    def _start_waiting(self, *, everyone: bool = False) -> None:
        due = [one for one in self._waiting if everyone or one[0] <= time.monotonic()]
        for entry in due:
            self._waiting.remove(entry)
            entry[1].start()

    def _kill_one(self) -> None:
        name = self._random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if name not in OF_AGENT and time.monotonic() - self._killed_s.get(name, -1e9) < REST_S:
            name = "terminal"
        agent = self._random.choice(self.rig.agents)
        if self._kill_of(agent, name) if name in OF_AGENT else self._kill_process(name):
            self.counts.kills[name] += 1

    def _kill_of(self, agent: Agent, name: str) -> bool:
        if agent.process is None or agent.process.poll() is not None:
            return False
        if name == "terminal":
            return _kill_child(agent.process.pid)
        if name == "line":  # the process alone: what it started must end by itself
            agent.process.kill()
            agent.process.wait(10)
        else:
            agent.kill()
        self._waiting.append((time.monotonic() + self._random.uniform(*DOWN_S), agent))
        return True

    def _kill_process(self, name: str) -> bool:
        with contextlib.suppress(ProcessLookupError, KeyError, OSError):
            pid = self.rig.pid_of(name)
            if not psutil.pid_exists(pid):
                return False
            os.kill(pid, signal.SIGKILL)
            self._killed_s[name] = time.monotonic()
            return True
        return False


def _kill_child(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(pid).children()
        for child in children:
            child.kill()
        return bool(children)
    return False
