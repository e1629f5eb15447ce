"""Group D: clocks that are wrong, and days that pass while nobody is there. And group B's sockets that grow old."""

from __future__ import annotations

import contextlib
import time

import psutil

from tests.faults.injections.registry import connect, fault, hold, one
from tests.faults.rig import Agent, Rig
from tests.journeys.running import wait_for

HOUR_S = 3600.0
WRONG_S = (HOUR_S, -HOUR_S, 25 * HOUR_S, -25 * HOUR_S)
FIRST_SOCKET_S = 60.0


def put_wrong(rig: Rig, *names: str, ahead_s: float) -> contextlib.AbstractContextManager[None]:
    """Let the clocks of processes be wrong within the block."""
    pids = [rig.pid_of(name) for name in names]
    # Not by its environment: Valkey writes its title over that.
    unready = [name for name, pid in zip(names, pids, strict=True) if "wrong_clock" not in _read_maps(pid)]
    assert rig.clocks is not None
    assert not unready, f"clocks that cannot be put wrong: {unready}"
    return rig.clocks.wrong(*pids, ahead_s=ahead_s)


def _read_maps(pid: int) -> str:
    return " ".join(mapped.path for mapped in psutil.Process(pid).memory_maps())


def read_database_ahead_s(rig: Rig) -> float:
    with connect(rig) as connection:
        row = connection.execute("select extract(epoch from clock_timestamp())").fetchone()
    return float(row[0]) - time.time() if row else 0.0


for _ahead_s in WRONG_S:

    @fault(47, f"clock of the server {_ahead_s / HOUR_S:+.0f} h, and back", "I7 I8", needs_clock=True)
    def put_server_wrong(rig: Rig, ahead_s: float = _ahead_s) -> None:
        with put_wrong(rig, "web", "worker", "relay", "beat", ahead_s=ahead_s):
            hold(rig, 3, 5)
            rig.wait_trading(timeout_s=90)
            if ahead_s < 0:
                _be_missed(rig)
        if ahead_s > 0:
            _be_missed(rig)

    @fault(48, f"clock of the database {_ahead_s / HOUR_S:+.0f} h, and back", "I7 I8", needs_clock=True, within_s=150)
    def put_database_wrong(rig: Rig, ahead_s: float = _ahead_s) -> None:
        """An agent dies under the wrong clock and another under the right one again: neither waits for hours for its lease."""
        first, last = rig.agents[0], rig.agents[-1]
        with put_wrong(rig, "postgres", ahead_s=ahead_s):
            assert abs(read_database_ahead_s(rig) - ahead_s) < 60, "the clock is not wrong"
            first.kill()
            first.start()
            rig.wait_trading(timeout_s=90)
        assert abs(read_database_ahead_s(rig)) < 60, "the clock is not right again"
        last.kill()
        try:
            wait_for(f"{last.code} called silent", lambda: rig.state_of(last) != "ONLINE", 60)
        finally:
            last.start()


@fault(25, "sockets, groups and leases a day old", "I4 I5", needs_clock=True, within_s=150)
def age_sockets(rig: Rig) -> None:
    """All clocks of the server go on by 25 hours under open sockets; a wish must still arrive, by push or by poll."""
    agent = one(rig)
    with put_wrong(rig, "web", "worker", "relay", "beat", "postgres", "valkey", ahead_s=25 * HOUR_S):
        wait_for(f"{agent.code} to be heard a day later", lambda: _heard_ahead_s(rig, agent) > 24 * HOUR_S, 60)
        for verb, state in (("pause", "PAUSED"), ("resume", "RUNNING")):
            rig.command(agent, verb)
            rig.platform.wait_observed(agent.strategy, state, FIRST_SOCKET_S)
    # What was measured under the wrong clock must not be held against it afterwards.
    rig.stop(agent)
    rig.activate(agent)


def _be_missed(rig: Rig) -> None:
    """Let an agent die, and the schedule notice: it goes on though its clock was set back."""
    agent = one(rig)
    agent.kill()
    try:
        wait_for(f"the silence of {agent.code} to be told", lambda: _read_told(rig, agent) != "ONLINE", 60)
    finally:
        agent.start()


def _read_told(rig: Rig, agent: Agent) -> str:
    with connect(rig) as connection:
        row = connection.execute(
            "select reported_state from executors_executor where code = %s", [agent.code]
        ).fetchone()
    return str(row[0]) if row else ""


def _heard_ahead_s(rig: Rig, agent: Agent) -> float:
    with connect(rig) as connection:
        sql = "select extract(epoch from last_seen_at) from executors_executor where code = %s"
        row = connection.execute(sql, [agent.code]).fetchone()
    return float(row[0]) - time.time() if row and row[0] else 0.0


def put_agent_wrong(name: str, *, ahead_s: float = 0.0, drift: float = 0.0) -> None:
    @fault(49, f"clock of an agent {name}", "I2 I7", needs_clock=True)
    def inject(rig: Rig) -> None:
        agent = one(rig)
        assert rig.clocks is not None
        assert agent.process is not None
        with rig.clocks.wrong(agent.process.pid, ahead_s=ahead_s, drift=drift):
            rig.wait_trading([agent], 90)
            rig.command(agent, "pause")
            rig.platform.wait_observed(agent.strategy, "PAUSED")
            rig.command(agent, "resume")


put_agent_wrong("+1 h", ahead_s=HOUR_S)
put_agent_wrong("-1 h", ahead_s=-HOUR_S)
put_agent_wrong("1 % too fast", drift=0.01)
put_agent_wrong("1 % too slow", drift=-0.01)


@fault(52, "the agent away while two days of the market pass", "I7")
def sleep_over_days(rig: Rig) -> None:
    agent = one(rig)
    agent.kill()
    rig.advance_market(hours=49)
    agent.start()
    rig.wait_trading([agent])
    with connect(rig) as connection:
        sql = "select count(*) from accounts_tradingday d join accounts_account a on a.id = d.account_id where a.code = %s"
        row = connection.execute(sql, [agent.code]).fetchone()
    assert row is not None
    assert row[0] >= 3, f"I7 {row} days where the market had three"


@fault(52, "everything away while nine days of the market pass", "I7", within_s=180)
def sleep_over_many_days(rig: Rig) -> None:
    for agent in rig.agents:
        agent.kill()
    rig.kill_process("web")
    rig.kill_process("worker")
    rig.advance_market(hours=9 * 24)
    for agent in rig.agents:
        agent.start()
    wait_for("the worker to live", lambda: psutil.pid_exists(rig.pid_of("worker")))
    hold(rig, 1, 2)
