"""Group B: messages, and agents that come and go."""

from __future__ import annotations

import signal

from tests.faults.injections.registry import fault, hold, manage, one, weather
from tests.faults.rig import Agent, Rig
from tests.journeys.running import wait_for


@fault(18, "every request doubled", "I3 I6", short=True)
def duplicate(rig: Rig) -> None:
    with weather(rig.agents, duplicate=1.0):
        rig.wait_trading(timeout_s=90)


@fault(19, "requests held back and so out of order", "I4", short=True)
def reorder(rig: Rig) -> None:
    with weather(rig.agents, delay_s=(0.0, 0.8), duplicate=0.3):
        agent = one(rig)
        for verb in ("pause", "resume", "pause", "resume"):
            rig.command(agent, verb)
        rig.platform.wait_observed(agent.strategy, "RUNNING")


@fault(20, "a START that a STOP has overtaken", "I4")
def late_start(rig: Rig) -> None:
    agent = one(rig)
    with weather([agent], delay_s=(1.0, 3.0)):
        rig.command(agent, "stop")
        rig.command(agent, "activate", {"executors": [agent.executor_id]})
        rig.command(agent, "stop")
        rig.platform.wait_observed(agent.strategy, "STOPPED")
    rig.command(agent, "activate", {"executors": [agent.executor_id]})
    rig.platform.wait_observed(agent.strategy, "RUNNING")


@fault(21, "all pushes dropped", "I4", short=True)
def drop_pushes(rig: Rig) -> None:
    agent = one(rig)
    with weather(rig.agents, no_sockets=True):
        rig.command(agent, "pause")
        rig.platform.wait_observed(agent.strategy, "PAUSED", 60)
        rig.command(agent, "resume")
        rig.platform.wait_observed(agent.strategy, "RUNNING", 60)


FLOOD = """
import asyncio
from apps.common.live import publish
from apps.teams.models import Team
team = Team.objects.values_list("pk", flat=True).first()
async def flood():
    for _ in range(10_000):
        await publish(team, [])
asyncio.run(flood())
"""


@fault(22, "ten thousand messages for a server that does not read", "I4 I5")
def flood_layer(rig: Rig) -> None:
    agent = one(rig)
    with rig.frozen("web"):
        manage(rig, "shell", "-c", FLOOD)
    for verb, state in (("pause", "PAUSED"), ("resume", "RUNNING")):
        rig.command(agent, verb)
        rig.platform.wait_observed(agent.strategy, state, 60)


@fault(23, "a line half open", "I5")
def half_open(rig: Rig) -> None:
    agent = one(rig)
    with weather([agent], is_silent=True):
        wait_for(f"{agent.code} called STALE", lambda: rig.state_of(agent) != "ONLINE", 30)


@fault(24, "answers lost after their effect", "I1 I2 I3", short=True)
def lose_replies(rig: Rig) -> None:
    with weather(rig.agents, lose_reply=0.4):
        hold(rig, 8, 10)


@fault(24, "requests lost on the way", "I1 I2 I3")
def lose_requests(rig: Rig) -> None:
    with weather(rig.agents, lose_request=0.4):
        hold(rig, 8, 10)


@fault(26, "answers in small pieces", "I15")
def slice_answers(rig: Rig) -> None:
    with weather(rig.agents, slice_bytes=40):
        hold(rig, 6, 8)


@fault(27, "the line down", "I6 I4", short=True)
def cut_line(rig: Rig) -> None:
    with weather([one(rig)], is_down=True):
        hold(rig, 5, 7)


@fault(27, "the line down beyond the lease", "I6 I4")
def cut_line_long(rig: Rig) -> None:
    with weather([one(rig)], is_down=True):
        hold(rig, 24, 28)


@fault(28, "the agent speaks and does not hear", "I4 I5")
def deaf(rig: Rig) -> None:
    with weather([one(rig)], lose_reply=1.0):
        hold(rig, 20, 24)


@fault(28, "the agent hears nothing and is not heard", "I4 I5")
def mute(rig: Rig) -> None:
    with weather([one(rig)], lose_request=1.0):
        hold(rig, 8, 10)


@fault(29, "a halt while the line is down", "I4")
def halt_in_partition(rig: Rig) -> None:
    agent = one(rig)
    try:
        with weather([agent], is_down=True):
            rig.platform.post(f"accounts/{agent.account_id}/halt", {"reason": "the rig's"})
            before = len(rig.entries(agent))
            hold(rig, 4, 6)
        hold(rig, 3, 4)
        after = len(rig.entries(agent))
        assert after <= before + 1, f"I4 {after - before} positions opened after the halt"
    finally:
        lift(rig, agent)


def lift(rig: Rig, agent: Agent) -> None:
    """A person lifts: signed in, with the password."""
    with rig.signed_in() as person:
        body = {"password": rig.platform.ready["password"]}
        person.send("POST", f"/api/v1/accounts/{agent.account_id}/lift", body)


@fault(30, "a second agent with the same key", "I8 I2")
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


@fault(31, "an agent frozen beyond its lease, and awake again", "I8 I2")
def freeze_agent(rig: Rig) -> None:
    agent = one(rig)
    agent.signal(signal.SIGSTOP)
    try:
        hold(rig, 18, 22)
    finally:
        agent.signal(signal.SIGCONT)


@fault(32, "an agent killed at a random moment", "I2 I6", short=True)
def kill_agent(rig: Rig) -> None:
    for _ in range(2):
        agent = one(rig)
        agent.kill()
        agent.start()
        hold(rig, 1, 4)


@fault(33, "the relay killed", "I11", short=True)
def kill_relay(rig: Rig) -> None:
    rig.kill_process("relay")
