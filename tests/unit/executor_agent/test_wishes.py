"""What is wanted: generations, STOP before all, pauses, halts, leases, updates, one-shots."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from executor_agent.journal import AssignmentRow
from executor_agent.server.ports import Door, Failed
from tests.agents.world import RULES, AgentWorld
from tests.unit.trading.making import cross_rules


def desired_of(world: AgentWorld) -> tuple[str, int]:
    row = world.journal.find(AssignmentRow, "asg_1")
    assert row is not None
    return row.desired, row.generation


def test_stop_closes_and_cancels_before_it_says_stopped(running: AgentWorld):
    running.open_long()
    pending = running.terminal.add_pending(1_000_001)
    running.terminal.next_answers = [running.terminal.refuse(10018)] * 3
    running.server.want("STOPPED")
    running.steps(1)
    assert running.terminal.cancelled == [pending]
    running.settle()

    said = [
        (s.observed, s.open_positions, s.pending_orders) for snap in running.server.snapshots for s in snap.assignments
    ]
    assert all(rest == (0, 0) for observed, *rest_ in said if observed == "STOPPED" for rest in [tuple(rest_)])
    assert "STOPPING" in [observed for observed, *_ in said]
    assert said[-1] == ("STOPPED", 0, 0)
    assert running.server.list_reports("trade_closed")[-1]["exit_reason"] == "STRATEGY_STOPPED"


def test_stop_says_nothing_while_positions_are_unknown(running: AgentWorld):
    running.terminal.positions_unknown = 1000
    running.server.want("STOPPED")
    running.settle()
    assert running.server.status().observed == "STOPPING"

    running.terminal.positions_unknown = 0
    running.settle()
    assert running.server.status().observed == "STOPPED"


def test_stop_waits_for_the_order_nobody_knows_of(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.say_nothing]
    running.bar(1.1010)
    running.server.want("STOPPED")
    running.steps(4)
    assert (running.server.status().observed, running.server.status().problem_code) == ("STOPPING", "ORDER_UNRESOLVED")

    running.steps(40)
    assert running.server.status().observed == "STOPPED"


# Identifiers carry the server's clock: one given while it was ahead sorts behind all that come after it was set back.
@pytest.fixture(params=["asg_2", "asg_0"], ids=["its clock went on", "its clock was set back"])
def again(request) -> str:
    """The identifier of what is started again; the first is asg_1."""
    return request.param


def stop_and_start_again(world: AgentWorld, again: str = "asg_2") -> None:
    """What a START after a STOP is: another assignment under the same number, and the first is not named any more."""
    world.server.want("STOPPED")
    world.settle()
    world.server.want("RUNNING", RULES, assignment_id=again)
    world.server.wanted.pop("asg_1")
    world.settle()


def test_what_is_started_again_keeps_its_positions_and_the_stopped_one_says_nothing_of_them(
    running: AgentWorld, again: str
):
    stop_and_start_again(running, again)

    ticket = running.open_long()
    running.settle()

    assert ticket in running.terminal.positions
    assert running.server.list_reports("trade_closed") == []
    assert running.server.status(again).open_positions == 1
    assert [status.assignment_id for status in running.server.snapshots[-1].assignments] == [again]


def test_what_was_started_again_is_proven_stopped_too(running: AgentWorld, again: str):
    stop_and_start_again(running, again)
    running.open_long()
    running.server.want("STOPPED", assignment_id=again)
    running.settle()

    assert not running.terminal.positions
    assert running.server.status(again).observed == "STOPPED"


def test_a_start_after_a_stop_keeps_its_positions_in_the_next_life_too(running: AgentWorld, again: str):
    stop_and_start_again(running, again)
    ticket = running.open_long()

    running.restart()
    running.settle()

    assert ticket in running.terminal.positions
    assert running.server.status(again).open_positions == 1


def test_what_turns_up_under_a_stopped_number_is_closed(running: AgentWorld):
    running.server.want("STOPPED")
    running.settle()
    found = running.terminal.add_foreign_position(1_000_001)
    running.settle()

    assert found.ticket not in running.terminal.positions


def test_stop_leaves_foreign_positions_alone(running: AgentWorld):
    foreign = running.terminal.add_foreign_position(77)
    running.server.want("STOPPED")
    running.settle()

    assert running.server.status().observed == "STOPPED"
    assert list(running.terminal.positions) == [foreign.ticket]


def test_start_after_stop_out_of_order_is_not_obeyed(running: AgentWorld):
    start = running.server.wanted["asg_1"]
    running.server.want("STOPPED")
    running.settle()
    running.server.wanted["asg_1"] = start  # generation 1 again, under a newer set
    running.server.nudge()
    running.settle()

    assert desired_of(running) == ("STOPPED", 2)
    running.bar(1.1010)
    assert running.terminal.sent == []


def test_a_tie_is_stopped(running: AgentWorld):
    running.server.want("STOPPED", generation=1)
    running.settle()
    assert running.server.status().observed == "STOPPED"

    running.server.want("RUNNING", generation=1)
    running.settle()
    assert desired_of(running)[0] == "STOPPED"


def test_an_older_set_is_ignored(running: AgentWorld):
    running.server.want("STOPPED")
    running.settle()
    running.server.fleet_epoch = 0
    running.server.want("RUNNING")
    running.settle()

    assert desired_of(running) == ("STOPPED", 2)


def test_a_restored_server_that_wants_it_stopped_is_obeyed_but_not_one_that_wants_it_running(running: AgentWorld):
    running.server.want("PAUSED")
    running.server.want("RUNNING")
    running.settle()
    running.server.fleet_epoch = 2
    running.server.want("RUNNING", generation=2, rules=cross_rules("SMA_3", "SMA_9"))
    running.settle()
    assert desired_of(running) == ("RUNNING", 3)
    assert running.journal.find(AssignmentRow, "asg_1").wanted["rules"] == RULES

    running.server.want("STOPPED", generation=1)
    running.settle()
    assert running.server.status().observed == "STOPPED"


@pytest.mark.parametrize("times", [2, 5])
def test_the_same_set_again_changes_nothing(running: AgentWorld, times):
    for _ in range(times):
        running.server.nudge()
        running.steps(1)
    running.open_long()

    assert len(running.terminal.sent) == 1


def test_an_assignment_the_server_does_not_name_makes_no_entries_and_is_not_closed(running: AgentWorld):
    running.open_long()
    del running.server.wanted["asg_1"]
    running.server.nudge()
    running.settle()
    running.bar(1.0990)  # the opposite cross still closes

    assert running.server.status().problem_code == "ASSIGNMENT_UNKNOWN"
    assert len(running.terminal.sent) <= 2
    assert all(order.position for order in running.terminal.sent[1:])


def test_pause_makes_no_entries_but_exits(running: AgentWorld):
    running.open_long()
    running.server.want("PAUSED")
    running.settle()
    assert running.server.status().observed == "PAUSED"

    running.bar(1.0990)
    running.bar(1.0980)
    assert running.terminal.positions == {}
    assert len(running.server.requests) == 1


def test_resume_trades_again(running: AgentWorld):
    running.server.want("PAUSED")
    running.settle()
    running.server.want("RUNNING")
    running.settle()

    assert running.open_long()


def test_a_halt_makes_no_entries_and_outlives_the_process(running: AgentWorld):
    running.server.halt_all()
    running.settle()
    assert running.server.status().problem_code == "HALTED"
    running.bar(1.1010)
    assert running.server.requests == []

    # The older halt epoch that comes with a replayed start is not enough.
    running.server.halt = msgspec.structs.replace(running.server.halt, epoch=0, halted=False)
    running.restart()
    running.settle()
    running.bar(1.0990)
    running.bar(1.1010)
    assert running.terminal.sent == []


def test_update_takes_over_between_bars_and_leaves_the_stop(running: AgentWorld):
    ticket = running.open_long()
    stop = running.terminal.positions[ticket].stop_loss
    running.server.want("RUNNING", rules=cross_rules("SMA_3", "SMA_9", exit={"stopLoss": 90}), version_id="ver_2")
    running.settle()

    assert running.server.status().observed_generation == 2
    assert running.terminal.positions[ticket].stop_loss == stop


def test_rules_that_cannot_run_are_failed_with_a_code_and_can_be_stopped(world: AgentWorld):
    world.server.want("RUNNING", {"entry": {"type": "nonsense"}})
    world.settle()
    status = world.server.status()
    assert (status.observed, bool(status.problem_code), bool(status.problem)) == ("FAILED", True, True)

    world.server.want("STOPPED")
    world.settle()
    assert world.server.status().observed == "STOPPED"


def test_without_a_lease_nothing_is_opened_and_exits_go_on(running: AgentWorld):
    running.open_long()
    running.server.grants_lease = False
    running.settle()
    assert len(running.server.hellos) >= 2, "it asks for the lease again"

    running.bar(1.0990)
    running.bar(1.0980)
    assert running.terminal.positions == {}
    assert len(running.server.requests) == 1


def test_a_lease_that_could_end_before_the_order_arrives_is_not_used(running: AgentWorld):
    running.server.lease_ms = 5_000
    running.steps(40)
    running.bar(1.1010)

    assert running.terminal.sent == []
    assert running.server.status().problem_code == "NO_LEASE"


def test_being_fenced_out_ends_the_lease(running: AgentWorld):
    running.courier.refusal = Failed(door=Door.SNAPSHOT, problem="another holder", status=409, code="FENCED")
    running.server.grants_lease = False
    running.settle()
    running.bar(1.1010)

    assert running.terminal.sent == []


def test_a_lost_server_means_no_entries_at_once_and_a_true_account_later(running: AgentWorld):
    ticket = running.open_long()
    running.courier.is_cut = True
    running.terminal.hit_stop(ticket)
    running.bar(1.0990)
    running.bar(1.1010)
    running.steps(60)
    assert len(running.terminal.sent) == 1
    assert running.terminal.positions == {}

    running.courier.is_cut = False
    running.settle()
    assert [report["exit_reason"] for report in running.server.list_reports("trade_closed")] == ["STOP_LOSS"]


def test_holding_is_the_rule_when_the_server_is_lost(running: AgentWorld):
    running.open_long()
    running.courier.is_cut = True
    running.steps(300)

    assert len(running.terminal.positions) == 1


def test_an_account_that_must_be_flat_without_a_server_is_flattened_after_the_lease(world: AgentWorld):
    world.server.connection_loss = "FLATTEN"
    world.run_strategy()
    world.open_long()
    world.courier.is_cut = True
    world.steps(40)
    assert len(world.terminal.positions) == 1
    world.steps(60)

    assert world.terminal.positions == {}


@pytest.mark.parametrize("reason", ["SLIPPAGE", "UNAPPROVED"])
def test_what_the_server_wants_closed_is_closed_and_why_is_told(running: AgentWorld, reason: str):
    ticket = running.open_long()
    running.server.actions = [{"action": "close", "ticket": ticket, "reason": reason}]
    running.settle()

    assert running.terminal.positions == {}
    assert running.server.list_reports("trade_closed")[-1]["exit_reason"] == reason


def test_what_the_server_wants_reduced_is_reduced_by_that_much(running: AgentWorld):
    ticket = running.open_long()
    running.server.actions = [{"action": "reduce", "ticket": ticket, "lots": 0.04, "reason": "SLIPPAGE"}]
    running.settle()

    assert running.terminal.positions[ticket].volume_lots == Decimal("0.06")


def test_the_lease_counts_from_when_it_was_asked_for(running: AgentWorld):
    running.courier.is_cut = True
    running.clocks.seconds += timedelta(seconds=16).total_seconds()
    running.bar(1.1010)

    assert running.terminal.sent == []


def test_a_pause_is_proven_at_once_not_with_the_next_regular_snapshot(world: AgentWorld):
    world.server.snapshot_interval_ms = 60_000
    world.run_strategy()
    world.settle()
    world.server.want("PAUSED")
    world.steps(4)

    assert world.server.status().observed == "PAUSED"


def test_after_a_halt_it_goes_on_only_when_it_is_wanted_under_the_new_epoch(running: AgentWorld):
    running.server.halt = msgspec.structs.replace(running.server.halt, epoch=2)
    running.settle()
    assert running.server.status().problem_code == "HALT_EPOCH"
    running.bar(1.1010)
    assert running.server.requests == []

    running.server.want("RUNNING", halt_epoch=2)
    running.settle()
    assert running.server.status().observed == "RUNNING"
