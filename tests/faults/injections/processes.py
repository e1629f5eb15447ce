"""Group A: processes and storage."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading

import httpx
import psutil

from tests.faults.injections.limits import family_of, no_memory
from tests.faults.injections.registry import fault, hold, one
from tests.faults.rig import Rig


@fault(1, "web killed while approvals are asked", "I1 I16", short=True)
def kill_web(rig: Rig) -> None:
    with contextlib.suppress(AssertionError):
        rig.wait_trading([one(rig)], 20)
    rig.kill_process("web")


@fault(2, "web killed during the fan-out of a START", "I3 I4 I10")
def kill_web_in_fan_out(rig: Rig) -> None:
    threads = [threading.Thread(target=rig.command, args=(agent, verb)) for agent in rig.agents for verb in ("pause",)]
    for thread in threads:
        thread.start()
    rig.kill_process("web")
    for thread in threads:
        thread.join(90)
    for agent in rig.agents:
        rig.command(agent, "resume")
        rig.platform.wait_observed(agent.strategy, "RUNNING")


@fault(3, "worker killed", "I11 I10", short=True)
def kill_worker(rig: Rig) -> None:
    rig.kill_process("worker")


@fault(4, "beat frozen", "I7")
def freeze_beat(rig: Rig) -> None:
    with rig.frozen("beat"):
        hold(rig, 5, 8)


@fault(4, "beat absent for a day and a half of the market", "I7")
def beat_absent_for_days(rig: Rig) -> None:
    with rig.frozen("beat"):
        rig.advance_market(hours=36)
        hold(rig, 2, 3)


@fault(5, "two beats at once", "I7 I11")
def two_beats(rig: Rig) -> None:
    first = psutil.Process(rig.pid_of("beat"))
    words = [
        word.replace("beat-schedule", "beat-schedule-2").replace("beat.ready", "beat-2.ready")
        for word in first.cmdline()
    ]
    second = subprocess.Popen(
        words, cwd=first.cwd(), env=first.environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        hold(rig, 8, 10)
        assert second.poll() is None, "the second beat did not live"
    finally:
        second.terminate()
        second.wait(20)


@fault(6, "PostgreSQL killed under load", "I16 I1 I9", short=True, within_s=150)
def kill_postgres(rig: Rig) -> None:
    rig.kill_process("postgres")


@fault(7, "PostgreSQL frozen", "I9 I10", within_s=150)
def freeze_postgres(rig: Rig) -> None:
    with rig.frozen("postgres"):
        hold(rig, 4, 7)


@fault(16, "nine tenths of the processor stolen", "I9 I10")
def steal_processor(rig: Rig) -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    try:
        hold(rig, 5, 8)
    finally:
        for process in busy:
            process.kill()
            process.wait()


@fault(16, "no more memory for the server", "I9 I10", within_s=150)
def starve_server(rig: Rig) -> None:
    pids = [pid for name in ("web", "worker", "relay", "beat") for pid in family_of(rig, name)]
    with no_memory(pids):
        _ask_for_much(rig)


@fault(16, "no more memory for PostgreSQL", "I9 I16", within_s=150)
def starve_postgres(rig: Rig) -> None:
    with no_memory(family_of(rig, "postgres")):
        _ask_for_much(rig)


@fault(16, "no more memory for an agent, as its terminal's process dies", "I2 I10", within_s=150)
def starve_agent(rig: Rig) -> None:
    agent = one(rig)
    assert agent.process is not None
    children = psutil.Process(agent.process.pid).children()
    with no_memory([agent.process.pid]):
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        hold(rig, 5, 8)
    if agent.process.poll() is not None:
        agent.start()  # it ended itself; on a trader's machine the system starts it again


def _ask_for_much(rig: Rig) -> None:
    """Let the server answer with long lists, many at once, for as long as the fault lasts: refused or broken off is as good."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            with contextlib.suppress(httpx.HTTPError):
                rig.platform.client.get("trades", params={"limit": 500}, timeout=5)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    hold(rig, 5, 8)
    ended.set()
    for thread in threads:
        thread.join(30)
