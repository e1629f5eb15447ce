"""The faults of the catalogue's groups A to D that the rig injects, by their number in it; each heals what it broke."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import redis

from config.launch import valkey
from config.launch.data_dir import DataDir
from tests.faults.rig import Agent, Rig
from tests.journeys.running import wait_for

Inject = Callable[[Rig], None]


@dataclass(frozen=True)
class Fault:
    number: int  # in the catalogue
    name: str
    inject: Inject
    is_short: bool = False  # also in the short run
    asks_s: float = 120.0  # trading must go on within


FAULTS: list[Fault] = []


def fault(number: int, name: str, *, short: bool = False, within_s: float = 120.0) -> Callable[[Inject], Inject]:
    def keep(inject: Inject) -> Inject:
        FAULTS.append(Fault(number, name, inject, short, within_s))
        return inject

    return keep


def one(rig: Rig) -> Agent:
    return rig.random.choice(rig.agents)


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


# --- A: processes, storage


@fault(1, "web killed while approvals are asked", short=True)
def kill_web(rig: Rig) -> None:
    with contextlib.suppress(AssertionError):
        rig.wait_trading([one(rig)], 20)
    rig.kill_process("web")


@fault(2, "web killed during the fan-out of a START")
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


@fault(3, "worker killed", short=True)
def kill_worker(rig: Rig) -> None:
    rig.kill_process("worker")


@fault(4, "beat frozen")
def freeze_beat(rig: Rig) -> None:
    with rig.frozen("beat"):
        hold(rig, 5, 8)


@fault(6, "PostgreSQL killed under load", short=True, within_s=150)
def kill_postgres(rig: Rig) -> None:
    rig.kill_process("postgres")


@fault(7, "PostgreSQL frozen", within_s=150)
def freeze_postgres(rig: Rig) -> None:
    with rig.frozen("postgres"):
        hold(rig, 4, 7)


@fault(11, "Valkey killed", short=True)
def kill_valkey(rig: Rig) -> None:
    rig.kill_process("valkey")


@fault(11, "Valkey emptied and frozen")
def flush_valkey(rig: Rig) -> None:
    data = DataDir.open(rig.data)
    redis.Redis.from_url(valkey.url(data, data.read("ports.json")["valkey"])).flushall()
    with rig.frozen("valkey"):
        hold(rig, 3, 5)


@fault(15, "journal of an agent torn at a random byte")
def tear_journal(rig: Rig) -> None:
    agent = one(rig)
    agent.kill()
    for path in sorted(agent.journal.glob("*")):
        if path.is_file() and path.stat().st_size > 200 and "journal" in path.name:
            with path.open("r+b") as file:
                file.truncate(rig.random.randrange(100, path.stat().st_size))
    agent.start()
    # A damaged journal pauses what it ran: a person looks, and starts it anew.
    wait_for(f"{agent.code} to come back", lambda: rig.state_of(agent) == "ONLINE")
    if rig.assignment(agent)["observed"] != "RUNNING":
        rig.command(agent, "stop")
        rig.platform.wait_observed(agent.strategy, "STOPPED")
        rig.command(agent, "activate", {"executors": [agent.executor_id]})


@fault(15, "journal of an agent deleted")
def lose_journal(rig: Rig) -> None:
    agent = one(rig)
    agent.kill()
    for path in agent.journal.glob("*"):
        if path.is_file() and "lock" not in path.name:
            path.unlink()
    agent.start()


@fault(16, "nine tenths of the processor stolen")
def steal_processor(rig: Rig) -> None:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(6)]
    try:
        hold(rig, 5, 8)
    finally:
        for process in busy:
            process.kill()
            process.wait()


# --- B: messages


@fault(18, "every request doubled", short=True)
def duplicate(rig: Rig) -> None:
    with weather(rig.agents, duplicate=1.0):
        rig.wait_trading(timeout_s=90)


@fault(19, "requests held back and so out of order", short=True)
def reorder(rig: Rig) -> None:
    with weather(rig.agents, delay_s=(0.0, 0.8), duplicate=0.3):
        agent = one(rig)
        for verb in ("pause", "resume", "pause", "resume"):
            rig.command(agent, verb)
        rig.platform.wait_observed(agent.strategy, "RUNNING")


@fault(20, "a START that a STOP has overtaken")
def late_start(rig: Rig) -> None:
    agent = one(rig)
    with weather([agent], delay_s=(1.0, 3.0)):
        rig.command(agent, "stop")
        rig.command(agent, "activate", {"executors": [agent.executor_id]})
        rig.command(agent, "stop")
        rig.platform.wait_observed(agent.strategy, "STOPPED")
    rig.command(agent, "activate", {"executors": [agent.executor_id]})
    rig.platform.wait_observed(agent.strategy, "RUNNING")


@fault(21, "all pushes dropped", short=True)
def drop_pushes(rig: Rig) -> None:
    agent = one(rig)
    with weather(rig.agents, no_sockets=True):
        rig.command(agent, "pause")
        rig.platform.wait_observed(agent.strategy, "PAUSED", 60)
        rig.command(agent, "resume")
        rig.platform.wait_observed(agent.strategy, "RUNNING", 60)


@fault(23, "a line half open")
def half_open(rig: Rig) -> None:
    agent = one(rig)
    with weather([agent], is_silent=True):
        wait_for(f"{agent.code} called STALE", lambda: rig.state_of(agent) != "ONLINE", 30)


@fault(24, "answers lost after their effect", short=True)
def lose_replies(rig: Rig) -> None:
    with weather(rig.agents, lose_reply=0.4):
        hold(rig, 8, 10)


@fault(24, "requests lost on the way")
def lose_requests(rig: Rig) -> None:
    with weather(rig.agents, lose_request=0.4):
        hold(rig, 8, 10)


@fault(26, "answers in small pieces")
def slice_answers(rig: Rig) -> None:
    with weather(rig.agents, slice_bytes=40):
        hold(rig, 6, 8)


@fault(27, "the line down", short=True)
def cut_line(rig: Rig) -> None:
    with weather([one(rig)], is_down=True):
        hold(rig, 5, 7)


@fault(27, "the line down beyond the lease")
def cut_line_long(rig: Rig) -> None:
    with weather([one(rig)], is_down=True):
        hold(rig, 24, 28)


@fault(28, "the agent speaks and does not hear")
def deaf(rig: Rig) -> None:
    with weather([one(rig)], lose_reply=1.0):
        hold(rig, 20, 24)


@fault(28, "the agent hears nothing and is not heard")
def mute(rig: Rig) -> None:
    with weather([one(rig)], lose_request=1.0):
        hold(rig, 8, 10)


@fault(29, "a halt while the line is down")
def halt_in_partition(rig: Rig) -> None:
    agent = one(rig)
    with weather([agent], is_down=True):
        rig.platform.post(f"accounts/{agent.account_id}/halt", {"reason": "the rig's"})
        before = len(rig.entries(agent))
        hold(rig, 4, 6)
    hold(rig, 3, 4)
    after = len(rig.entries(agent))
    assert after <= before + 1, f"I4 {after - before} positions opened after the halt"
    lift(rig, agent)


def lift(rig: Rig, agent: Agent) -> None:
    """A person lifts: signed in, with the password."""
    with rig.signed_in() as person:
        answer = person.post(
            f"/api/v1/accounts/{agent.account_id}/lift", {"reason": "seen", "password": rig.platform.ready["password"]}
        )
        assert answer.is_success, answer.text


@fault(30, "a second agent with the same key")
def twin(rig: Rig) -> None:
    agent = one(rig)
    folder = agent.folder.with_name(f"{agent.code}-twin-{rig.random.getrandbits(32):x}")
    folder.mkdir()
    (folder / "agent.toml").write_text((agent.folder / "agent.toml").read_text())
    double = Agent(agent.code, agent.login, agent.account_id, agent.executor_id, folder, agent.line)
    double.start()
    try:
        rig.wait_trading([agent])
    finally:
        double.kill()


@fault(31, "an agent frozen beyond its lease, and awake again")
def freeze_agent(rig: Rig) -> None:
    agent = one(rig)
    agent.signal(signal.SIGSTOP)
    try:
        hold(rig, 18, 22)
    finally:
        agent.signal(signal.SIGCONT)


@fault(32, "an agent killed at a random moment", short=True)
def kill_agent(rig: Rig) -> None:
    for _ in range(2):
        agent = one(rig)
        agent.kill()
        agent.start()
        hold(rig, 1, 4)


@fault(33, "the relay killed", short=True)
def kill_relay(rig: Rig) -> None:
    rig.kill_process("relay")


@fault(46, "the simulated terminal killed", short=True, within_s=150)
def kill_simulator(rig: Rig) -> None:
    rig.kill_process("simulator")


# --- C: broker


def scripted(number: int, kind: str, *, is_long: bool = False, **values: Any) -> None:
    words = ", ".join(f"{name} {value}" for name, value in values.items())

    @fault(number, f"broker: {kind.replace('_', ' ')}{', ' if words else ''}{words}", short=not is_long)
    def inject(rig: Rig) -> None:
        for agent in rig.agents:
            rig.script(kind, agent, **values)


scripted(34, "timeout_filled", on="open", reply="none")
scripted(34, "timeout_filled", on="open", reply="drop")
scripted(34, "timeout_filled", on="close", reply="none")
scripted(34, "timeout_unfilled", on="open")
scripted(34, "timeout_unfilled", on="close")
scripted(34, "timeout_filled", on="open", reply="hang", is_long=True)
scripted(35, "partial_fill", on="open", share="0.5")
scripted(35, "partial_fill", on="close", share="0.5")
scripted(36, "reject", on="close", count=2)
scripted(36, "reject", on="open", count=2)
scripted(37, "requote", on="open", count=5)
scripted(37, "price_changed", on="close", count=3)
scripted(38, "slippage", points=30, count=2)
scripted(42, "positions_none", count=3)
scripted(42, "positions_empty", count=3)
scripted(42, "disconnect", seconds=3.0)
scripted(42, "server_down", seconds=3.0)
scripted(42, "hang", seconds=6.0, is_long=True)
