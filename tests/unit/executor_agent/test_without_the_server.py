"""The server is gone: what the account's rule says is done by the agent alone, journalled, told later, and let go only when all agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from executor_agent.server.ports import Door
from tests.agents.simulated import SimulatedWorld
from tests.agents.terminal import START_S
from tests.agents.world import AgentWorld
from tests.simulation import RunningSimulator, running_simulator
from tests.unit.trading.making import cross_rules


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    folder = tmp_path_factory.mktemp("market")
    with running_simulator(folder, seed=3, paused=True, start="2026-07-15T12:00:00Z") as running:
        yield running


@pytest.fixture
def world(simulator: RunningSimulator, tmp_path: Path) -> Iterator[SimulatedWorld]:
    world = SimulatedWorld(simulator, tmp_path / "agent")
    world.server.connection_loss = "FLATTEN"
    world.run_strategy()
    yield world
    world.close()


def test_flatten_closes_at_the_broker_after_its_time_and_tells_later(world: SimulatedWorld) -> None:
    ticket = world.open_position()
    world.steps()
    world.courier.is_cut = True
    world.steps(80)  # 40 s: the lease of 15 s is over, its 30 s are not
    assert [row["ticket"] for row in world.ledger["positions"]] == [ticket]

    world.steps(20)
    assert world.ledger["positions"] == []

    world.courier.is_cut = False
    world.steps(20)
    events = world.events()
    assert [name for name in events if name.startswith("DEAD_MAN")] == [
        "DEAD_MAN_FIRED", "DEAD_MAN_FLAT", "DEAD_MAN_REARMED",
    ]  # fmt: skip
    assert events.index("SERVER_LOST") < events.index("DEAD_MAN_FIRED")
    assert world.server.list_reports("trade_closed")[-1]["exit_reason"] == "KILL_SWITCH"
    assert world.server.status().observed == "RUNNING"


def test_hold_keeps_the_position_and_its_stop(world: SimulatedWorld) -> None:
    world.server.connection_loss = "HOLD"
    world.start()
    world.steps()
    ticket = world.open_position()
    world.steps()
    world.courier.is_cut = True
    world.steps(600)

    assert world.position(ticket)["sl"] > 0
    assert world.journal.read_mark("dead_man") == ""


def test_an_agent_that_starts_without_a_server_still_obeys_the_rule(world: SimulatedWorld) -> None:
    world.open_position()
    world.steps()
    world.start()
    world.courier.is_cut = True
    world.steps(80)

    assert world.ledger["positions"] == []
    assert world.journal.read_mark("dead_man").startswith("FLAT")


def test_what_one_process_began_to_close_the_next_one_carries_through(world: SimulatedWorld) -> None:
    world.open_position()
    world.steps()
    world.simulator.control.script_fault("reject", retcode=10018, on="close", count=100, login=world.login)
    world.courier.is_cut = True
    world.steps(100)
    assert len(world.ledger["positions"]) == 1
    world.simulator.control.clear_faults()
    world.start()  # and the server is back at once
    world.steps()

    assert world.ledger["positions"] == []
    world.steps(20)
    assert "DEAD_MAN_REARMED" in world.events()


def test_the_next_days_limits_never_find_it_exposed(world: SimulatedWorld) -> None:
    at = world.simulator.control.state()["market_at"]
    world.simulator.control.advance(seconds=86_400 - at % 86_400 - 300)  # five minutes before the day's end
    world.steps()
    world.open_position()
    world.steps()
    world.courier.is_cut = True
    world.steps(70)  # 35 s: sooner than the stated time of lease + 30 s

    assert world.ledger["positions"] == []


def test_nothing_is_entered_before_a_clean_reconcile(world: SimulatedWorld) -> None:
    world.open_position()
    world.steps()
    world.courier.is_cut = True
    world.steps(100)
    held, world.server.take_reports = world.server.take_reports, world.refuse_reports
    world.courier.is_cut = False
    world.steps(20)
    assert (world.server.status().observed, world.server.status().problem_code) == ("PAUSED", "DEAD_MAN")

    world.server.take_reports = held
    world.steps(20)
    assert world.server.status().observed == "RUNNING"


# --- the budget of requests ------------------------------------------------------------------------------------------


@pytest.fixture
def running(tmp_path: Path) -> AgentWorld:
    world = AgentWorld(tmp_path)
    world.server.request_budget = 10
    world.run_strategy()
    return world


def spend(world: AgentWorld, requests: int) -> None:
    for _ in range(requests):
        world.agent._budget.count()


def test_entries_end_while_a_fifth_of_the_requests_is_left_for_protection(running: AgentWorld) -> None:
    spend(running, 7)
    ticket = running.open_long()
    running.terminal.close_by_hand(ticket)
    running.bar(1.0990)
    running.bar(1.0980)
    running.settle()

    assert sum(order.position is None for order in running.terminal.sent) == 1
    assert running.server.list_reports("entry_denied")[-1]["reason_code"] == "REQUEST_BUDGET"
    assert "REQUEST_BUDGET_LOW" in [body["event"] for body in running.server.list_reports("agent_event")]
    assert (running.server.snapshots[-1].health.requests_today, running.server.snapshots[-1].health.request_budget) == (
        8,
        10,
    )


def test_closing_is_never_refused_by_the_budget_and_is_counted(running: AgentWorld) -> None:
    ticket = running.open_long()
    spend(running, 50)
    running.bar(1.0980)
    running.settle()

    assert ticket not in running.terminal.positions


def test_the_count_outlives_the_process_and_ends_with_the_day(running: AgentWorld) -> None:
    running.open_long()
    used = running.agent._budget.used
    assert used >= 1
    running.restart()
    running.settle()
    assert running.agent._budget.used == used

    running.terminal.now_s = START_S + 3 * 86_400
    running.settle()
    assert running.agent._budget.used == 0


def test_trailing_ends_first_and_is_spaced_over_the_day(running: AgentWorld) -> None:
    budget = running.agent._budget
    assert [budget.may_move() for _ in range(2)] == [True, True]
    spend(running, 4)
    assert budget.may_move() is False  # from half of its share on: spaced over what is left of the day
    running.terminal.now_s += 12 * 3600
    running.settle()
    assert budget.may_move() is True
    spend(running, 2)
    assert budget.may_move() is False
    assert budget.may_open() is True


def test_a_trailing_stop_stands_still_where_the_moves_are_used_up_and_its_exit_still_comes(tmp_path: Path) -> None:
    world = AgentWorld(tmp_path)
    world.server.request_budget = 20
    exit_ = {"type": "stop_target", "stopLoss": 20, "trailingStop": True, "trailingStopDistance": 10}
    world.server.want("RUNNING", cross_rules("SMA_2", "SMA_4", exit=exit_))
    world.steps(6)
    ticket = world.open_long()
    world.bar(1.1040)
    moved = world.terminal.positions[ticket].stop_loss
    assert moved is not None
    assert moved > world.terminal.sent[0].stop_loss

    spend(world, 12)
    world.bar(1.1080)
    assert world.terminal.positions[ticket].stop_loss == moved

    world.server.want("STOPPED")
    world.settle()
    assert world.terminal.positions == {}


def test_a_server_that_is_away_is_asked_once_a_second_to_take_what_waits(running: AgentWorld, monkeypatch) -> None:
    asked: list[Door] = []
    ask = running.courier.ask
    monkeypatch.setattr(running.courier, "ask", lambda door, message: (asked.append(door), ask(door, message)))
    running.courier.is_cut = True
    running.bar(1.1000, steps=1)

    running.steps(300, seconds=0.01)

    assert 2 <= asked.count(Door.BARS) <= 5
