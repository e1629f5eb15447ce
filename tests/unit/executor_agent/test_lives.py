"""The agent dies, the disk lies, the terminal goes silent: nothing doubled, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executor_agent.journal import IntentRow, Journal
from tests.agents.terminal import Killed
from tests.agents.world import AgentWorld


def die(*_: object) -> None:
    raise Killed


def die_in(world: AgentWorld, step: int = 1) -> None:
    """Let the life end by the `Killed` that is laid out in it, and begin another."""
    with pytest.raises(Killed):
        world.steps(step + 8)
    world.restart()


def count_entries(world: AgentWorld) -> int:
    return sum(order.position is None for order in world.terminal.sent)


def test_killed_before_the_order_left_it_is_not_sent_by_the_next_life_after_the_first_moments(running: AgentWorld):
    running.terminal.on_send = die
    running.terminal.close_bar(1.1010)
    die_in(running)
    running.terminal.on_send = lambda order: None
    running.terminal.now_s += 20
    running.steps(60)

    assert running.terminal.positions == {}
    assert [o["outcome"] for o in running.server.list_reports("order_outcome")] == ["NOT_SENT"]


def test_killed_after_the_order_was_filled_it_is_found_not_sent_again(running: AgentWorld):
    def fill_and_die(order):
        running.terminal._fill(order)
        raise Killed

    running.terminal.next_answers = [fill_and_die]
    running.terminal.close_bar(1.1010)
    die_in(running)
    running.settle()

    assert len(running.terminal.positions) == 1
    assert count_entries(running) == 1
    outcome = running.server.list_reports("order_outcome")
    assert [(o["outcome"], o["tag"]) for o in outcome] == [("DONE", "mk00000001")]


def test_killed_while_asking_the_next_life_sends_nothing(running: AgentWorld):
    running.courier.on_approve = die
    running.terminal.close_bar(1.1010)
    die_in(running)
    running.settle()

    assert count_entries(running) == 0
    assert len({key for key, _ in running.server.requests}) <= 1


def test_killed_while_closing_the_position_is_closed_by_the_next_life(running: AgentWorld):
    running.open_long()
    running.terminal.on_send = die
    running.server.want("STOPPED")
    die_in(running)
    running.terminal.on_send = lambda order: None
    running.settle()

    assert running.terminal.positions == {}
    assert running.server.status().observed == "STOPPED"
    assert running.server.list_reports("trade_closed")[-1]["exit_reason"] == "STRATEGY_STOPPED"


def test_filled_without_an_answer_is_found_by_its_tag(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.fill_but_say_nothing]
    running.bar(1.1010)
    running.settle()

    outcomes = [o["outcome"] for o in running.server.list_reports("order_outcome")]
    assert outcomes == ["UNRESOLVED", "DONE"]
    assert count_entries(running) == 1


def test_no_answer_and_no_fill_is_settled_only_after_a_while(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.say_nothing]
    running.bar(1.1010)
    running.steps(10)
    assert [o["outcome"] for o in running.server.list_reports("order_outcome")] == ["UNRESOLVED"]

    running.steps(20)
    assert [o["outcome"] for o in running.server.list_reports("order_outcome")] == ["UNRESOLVED", "NOT_SENT"]


def test_a_fill_later_than_anybody_waits_is_adopted(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.say_nothing]
    running.bar(1.1010)
    running.steps(30)
    late = running.terminal.sent[0]
    running.terminal._fill(late)
    running.settle()

    assert [o["outcome"] for o in running.server.list_reports("order_outcome")][-1] == "DONE"


def test_no_entry_while_an_order_is_unresolved(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.say_nothing]
    running.bar(1.1010)
    running.bar(1.0950, steps=1)
    running.bar(1.1100, steps=1)

    assert count_entries(running) == 1


def test_bars_missed_while_dead_open_nothing_but_exits_count(running: AgentWorld):
    running.open_long()
    running.terminal.close_bar(1.0990)  # the opposite cross, nobody there
    running.terminal.close_bar(1.0985)
    running.terminal.close_bar(1.0980)
    running.terminal.now_s += 30
    running.restart()
    running.settle()

    assert running.terminal.positions == {}
    assert running.server.list_reports("trade_closed")[-1]["exit_reason"] == "OPPOSITE_SIGNAL"
    assert count_entries(running) == 1


def test_a_bar_is_not_decided_again_by_the_next_life(running: AgentWorld):
    running.open_long()
    ticket = next(iter(running.terminal.positions))
    running.terminal.hit_stop(ticket)
    running.restart()
    running.settle()

    assert count_entries(running) == 1


def test_reports_wait_on_disk_for_the_server_and_are_counted_once(running: AgentWorld):
    running.open_long()
    running.courier.is_cut = True
    running.terminal.hit_stop(next(iter(running.terminal.positions)))
    running.settle()
    running.restart()
    running.courier.is_cut = True
    running.settle()
    running.courier.is_cut = False
    running.settle()
    running.settle()

    assert len(running.server.list_reports("trade_closed")) == 1
    assert len(running.server.list_reports("order_outcome")) == 1


def test_before_the_set_is_pulled_a_new_life_opens_nothing_but_keeps_its_exits(running: AgentWorld):
    running.open_long()
    running.restart()
    running.courier.is_cut = True
    running.settle()
    running.bar(1.0990)
    running.bar(1.0980)

    assert running.terminal.positions == {}
    assert count_entries(running) == 1


def test_a_silent_terminal_is_told_and_never_called_flat(running: AgentWorld):
    running.open_long()
    running.terminal.is_silent = True
    running.settle()

    newest = running.server.snapshots[-1]
    assert not newest.complete
    assert newest.age_ms >= 1000
    assert newest.health.last_error
    assert len(newest.positions) == 1


def test_a_position_that_is_not_shown_and_not_closed_is_doubted_not_believed_gone(running: AgentWorld):
    running.open_long()
    running.terminal.hides_positions = True
    running.bar(1.0980)
    running.bar(1.1030)
    running.settle()
    assert count_entries(running) == 1
    assert not running.server.snapshots[-1].complete
    running.server.want("STOPPED")
    running.settle()
    assert running.server.status().observed == "STOPPING"

    running.terminal.hides_positions = False
    running.settle()
    assert running.terminal.positions == {}
    assert running.server.status().observed == "STOPPED"


def test_an_exit_that_the_broker_refused_is_tried_until_it_is_done_also_by_the_next_life(running: AgentWorld):
    running.open_long()
    running.terminal.next_answers = [running.terminal.refuse(10018)] * 3
    running.bar(1.0980, steps=1)
    assert len(running.terminal.positions) == 1
    running.restart()
    running.settle()
    running.settle()

    assert all(position.side == "SELL" for position in running.terminal.positions.values())
    assert running.server.list_reports("trade_closed")[0]["exit_reason"] == "OPPOSITE_SIGNAL"


def test_a_terminal_that_began_anew_is_read_anew(running: AgentWorld):
    running.terminal.life += 1
    running.settle()
    assert running.server.list_reports("agent_event")[-1]["event"] == "TERMINAL_RESTARTED"

    assert running.open_long()


def test_a_position_in_no_journal_is_adopted_and_told(running: AgentWorld):
    ticket = running.terminal.add_foreign_position(1_000_001, "mkother").ticket
    running.settle()
    events = [report["event"] for report in running.server.list_reports("agent_event")]
    assert events == ["POSITION_ADOPTED"]

    running.server.want("STOPPED")
    running.settle()
    assert ticket not in running.terminal.positions


def test_a_full_disk_opens_nothing_and_still_closes(running: AgentWorld, monkeypatch):
    running.open_long()

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("executor_agent.journal.journal.os.fsync", refuse)
    running.bar(1.0990)
    running.bar(1.0980)

    assert running.terminal.positions == {}
    assert count_entries(running) == 1


def test_a_lost_journal_opens_nothing_twice(running: AgentWorld):
    running.open_long()
    running.journal.close()
    (running.folder / "journal.log").unlink()
    running.restart()
    running.settle()

    assert "JOURNAL_DAMAGED" in [report["event"] for report in running.server.list_reports("agent_event")]
    assert count_entries(running) == 1
    assert running.server.status().open_positions == 1


def test_a_lost_journal_and_the_same_bar_again_is_stopped_by_the_tag(running: AgentWorld):
    """The worst case: nothing is remembered, the bar is still fresh, the server repeats its verdict."""
    running.open_long()
    for file in running.folder.iterdir():
        file.unlink()
    # As if the newest bar had not been seen: the history the next life folds ends before it.
    newest = running.terminal.bars.pop()
    running.restart()
    running.steps(2)
    running.terminal.bars.append(newest)
    running.settle()

    assert len(running.terminal.positions) == 1
    assert count_entries(running) == 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10_000), flip=st.booleans(), value=st.integers(1, 255))
def test_a_journal_torn_or_changed_at_any_byte_opens_nothing_twice(tmp_path_factory, cut, flip, value):
    world = AgentWorld(tmp_path_factory.mktemp("agent"))
    world.run_strategy()
    world.open_long()
    world.journal.close()
    path = world.folder / "journal.log"
    data = bytearray(path.read_bytes())
    place = cut % len(data)
    if flip:
        data[place] ^= value
        path.write_bytes(data)
    else:
        path.write_bytes(data[:place])
    world.restart()
    ends_with_a_line = not flip and data[:place].endswith(b"\n")
    assert world.journal.damage is not None or ends_with_a_line
    world.settle()

    assert count_entries(world) == 1
    assert world.server.status().open_positions == 1
    world.server.want("STOPPED")
    world.settle()
    assert world.terminal.positions == {}
    assert world.server.status().observed == "STOPPED"


def test_the_journal_forgets_settled_entries_in_time(running: AgentWorld):
    for number in range(1200):
        row = IntentRow(
            client_key=f"k{number}", assignment_id="asg_1", signal_id="s", symbol="EURUSD", side="BUY", magic=1,
            asked_lots="0.1", entry_price="1", stop_loss="1", take_profit=None, request="", state="DENIED",
        )  # fmt: skip
        running.journal.put(row, durable=False)
    running.settle()

    assert running.journal.count(IntentRow) <= 1100


def test_the_log_is_rewritten_before_it_grows_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr("executor_agent.journal.journal._COMPACT_ABOVE_BYTES", 2_000)
    journal = Journal(tmp_path)
    for number in range(2_000):
        journal.set_mark("day", str(number), durable=False)
    journal.close()

    assert (tmp_path / "journal.log").stat().st_size < 10_000
    again = Journal(tmp_path)
    assert (again.damage, again.read_mark("day")) == (None, "1999")
