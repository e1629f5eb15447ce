"""A storm: laps of kills and commands side by side, and after each a calm in which everything must be proven and agree."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from apps.common.ids import decode_base32
from simulator.control import ControlError
from tests.faults.rig import RULES, Rig
from tests.faults.storm.counts import Counts
from tests.faults.storm.drivers import Driver
from tests.faults.storm.kills import Killer
from tests.faults.storm.reckoning import Reckoning, Watcher
from tests.faults.storm.sources import Broker, Store
from tests.journeys.running import Platform, wait_for

CALM_WITHIN_S = 180.0
CALM_TAKES_S, SHORTEST_LAP_S = 40.0, 20.0
TELL_EVERY_S = 15.0
BAR_S = 0.6
FAN_OUTS = 4  # strategies on all agents: one wish, a command an agent


@dataclass(frozen=True)
class Wanted:
    """What a run is to reach, and how hard it blows."""

    kills: int = 1_000
    commands: int = 10_000
    minutes: float = 0.0  # 0: until both are reached
    kills_per_s: float = 1.1
    lap_s: float = 150.0
    agents: int = 10
    pause_s: float = 4.0  # mean, between two wishes on a strategy of one agent: long enough to trade
    fan_out_pause_s: float = 0.5  # and on one of all agents


class Storm:
    """One piece of a run on one platform."""

    def __init__(
        self, platform: Platform, folder: Path, seed: int, wanted: Wanted, counts: Counts, keep: Callable[[], None]
    ) -> None:
        """Make the accounts. `keep` is called after each lap: all sums hold then."""
        self._wanted, self._counts, self._seed, self._keep = wanted, counts, seed, keep
        # Its strategies share accounts and a symbol, which a netting account allows to one bot only.
        self._rig = Rig(platform, folder, agents=wanted.agents, seed=seed, every_second_nets=False)
        self._drivers: list[Driver] = []
        self._began_s, self._bars = time.monotonic(), 0
        self._before = replace(counts, commands=Counter(counts.commands))

    def run(self) -> None:
        """Storm until the wanted is reached or the time is over; sums stand in the counts, breaks too."""
        self._counts.pieces += 1
        self._counts.seeds.append(self._seed)
        try:
            self._rig.start_agents()
            self._drivers = self._make_drivers()
            reckoning = Reckoning(self._rig, self._counts, self._drivers)
            watcher = Watcher(self._rig, self._counts)
            with _beside(watcher.run):
                while not self._is_over(reckoning):
                    self._blow(reckoning)
                    self._calm(reckoning)
                    self._add_up(reckoning)
                    self._tell(reckoning)
                    self._keep()
            reckoning.close()
        finally:
            for driver in self._drivers:
                driver.close()
            self._rig.close()

    def _add_up(self, reckoning: Reckoning) -> None:
        """Let the counts be what earlier pieces left and what this one has come to."""
        for name, number in reckoning.check().items():
            setattr(self._counts, name, getattr(self._before, name) + number)
        self._counts.commands = self._before.commands + reckoning.count_commands()
        self._counts.seconds = self._before.seconds + time.monotonic() - self._began_s

    def _make_drivers(self) -> list[Driver]:
        groups = [[agent] for agent in self._rig.agents] + [self._rig.agents] * FAN_OUTS
        made = []
        for number, agents in enumerate(groups):
            name = f"Storm {self._seed} {number}"
            strategy = self._rig.platform.create_strategy(name, RULES)
            key = decode_base32(strategy.split("_", 1)[1])
            pause_s = self._wanted.pause_s if len(agents) == 1 else self._wanted.fan_out_pause_s
            made.append(
                Driver(
                    self._counts,
                    Store(self._rig.data),
                    Broker(self._rig.data),
                    self._make_client(),
                    strategy,
                    key,
                    agents,
                    self._seed + number,
                    pause_s,
                )
            )
        return made

    def _make_client(self) -> httpx.Client:
        ours = self._rig.platform.client
        return httpx.Client(base_url=ours.base_url, headers=ours.headers, timeout=20)

    def _is_over(self, reckoning: Reckoning) -> bool:
        if self._left_s() < SHORTEST_LAP_S:
            return True
        return self._is_reached(reckoning)

    def _move_market(self, stop: threading.Event) -> None:
        """Let bars close: a market that waits for whoever was just killed would stand still all the time."""
        while not stop.wait(BAR_S):
            with contextlib.suppress(ControlError):
                self._rig.control("advance", bars=1)
                self._bars += 1

    def _left_s(self) -> float:
        """Return how long may still be stormed: a calm must fit behind it."""
        if not self._wanted.minutes:
            return self._wanted.lap_s
        return self._wanted.minutes * 60 - CALM_TAKES_S - (time.monotonic() - self._began_s)

    def _blow(self, reckoning: Reckoning) -> None:
        killer = Killer(
            self._rig, self._counts, self._seed + self._counts.killed, self._wanted.kills_per_s, self._wanted.kills
        )
        with contextlib.ExitStack() as stack:
            for work in (killer.run, self._move_market, *(driver.run for driver in self._drivers)):
                stack.enter_context(_beside(work))
            until_s = time.monotonic() + min(self._wanted.lap_s, self._left_s())
            while (left_s := until_s - time.monotonic()) > 0 and not self._is_reached(reckoning):
                time.sleep(min(TELL_EVERY_S, left_s))
                self._tell(reckoning)

    def _is_reached(self, reckoning: Reckoning) -> bool:
        return self._counts.killed >= self._wanted.kills and self._commanded(reckoning) >= self._wanted.commands

    def _commanded(self, reckoning: Reckoning) -> int:
        return self._before.commanded + reckoning.count_commands().total()

    def _calm(self, reckoning: Reckoning) -> None:
        """Nobody kills any more: STOP everything, and wait once for all until it is proven and ledger and broker agree."""
        began_s = time.monotonic()
        with contextlib.ExitStack() as stack:
            for driver in self._drivers:
                stack.enter_context(_beside(lambda _, d=driver: d.ask("stop")))
        for driver in self._drivers:
            driver.state = "STOPPED"
        try:
            wait_for("every STOP to be proven", self._are_proven, CALM_WITHIN_S, 0.3)
            self._counts.calm_s.append(round(time.monotonic() - began_s, 1))
            wait_for("ledger and broker to agree", lambda: not reckoning.differences(), CALM_WITHIN_S, 0.5)
        except AssertionError as error:
            self._counts.note_break(f"I10 {error}")

    def _are_proven(self) -> bool:
        proven = [driver.is_proven_stopped() for driver in self._drivers]  # each notes what the broker has of it
        return all(proven)

    def _tell(self, reckoning: Reckoning) -> None:
        counts, positions = self._counts, reckoning.count_positions()
        print(
            f"{time.monotonic() - self._began_s:4.0f} s  kills {counts.killed}  commands {self._commanded(reckoning)}  "
            f"wishes answered {counts.answers}, refused {counts.refused.total()}  bars {self._bars}  positions {positions}  looks {counts.looks}  breaks {len(counts.breaks)}",
            flush=True,
        )


@contextlib.contextmanager
def _beside(work: object) -> Iterator[None]:
    """Run a worker that takes a stop event beside the block; what it raises is raised at the block's end."""
    stop, raised = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            work(stop)  # type: ignore[operator]
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(300)
    if raised:
        raise raised[0]
