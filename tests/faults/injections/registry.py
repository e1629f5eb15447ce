"""The faults that the rig injects, by their number in the catalogue, and what every injection is made of."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg

from config.launch import postgres
from config.launch.data_dir import DataDir
from tests.faults.rig import Agent, Rig
from tests.journeys.running import ROOT

Inject = Callable[[Rig], None]


@dataclass(frozen=True)
class Fault:
    number: int  # in the catalogue
    name: str
    aims: str  # the invariants it is meant to break; all of them are looked at with every fault
    inject: Inject
    is_short: bool = False  # also in the short run
    asks_s: float = 120.0  # trading must go on within
    needs_clock: bool = False  # processes whose clocks can be put wrong
    needs_zones: bool = False  # a platform that reads the rig's own zones of time


FAULTS: list[Fault] = []


def fault(
    number: int, name: str, aims: str, *, short: bool = False, within_s: float = 120.0, needs_clock: bool = False,
    needs_zones: bool = False,
) -> Callable[[Inject], Inject]:  # fmt: skip
    def keep(inject: Inject) -> Inject:
        FAULTS.append(Fault(number, name, aims, inject, short, within_s, needs_clock, needs_zones))
        return inject

    return keep


def one(rig: Rig, *, is_hedging: bool | None = None) -> Agent:
    return rig.random.choice([agent for agent in rig.agents if is_hedging in (None, agent.is_hedging)])


def hold(rig: Rig, shortest_s: float, longest_s: float) -> None:
    """Let a fault last."""
    time.sleep(rig.random.uniform(shortest_s, longest_s))


@contextlib.contextmanager
def weather(agents: list[Agent], **values: Any) -> Iterator[None]:
    for agent in agents:
        agent.line.change(**values)
    try:
        yield
    finally:
        for agent in agents:
            agent.line.clear()


def connect(rig: Rig) -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection to the platform's database, as its own role."""
    data = DataDir.open(rig.data)
    return psycopg.connect(postgres.url(data, data.read("ports.json")["postgres"]), autocommit=True, connect_timeout=5)


def manage(rig: Rig, *words: str) -> None:
    """Run one of the platform's own commands, in the environment of its web process."""
    web = psutil.Process(rig.pid_of("web"))
    subprocess.run(
        [web.cmdline()[0], ROOT / "manage.py", *words],
        cwd=ROOT,
        env=web.environ(),
        check=True,
        timeout=120,
        capture_output=True,
    )
