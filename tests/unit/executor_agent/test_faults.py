"""One wrong answer of broker, terminal or disk: no exit is lost, nothing is doubled, nothing is said that is not known."""

from __future__ import annotations

import errno
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from executor_agent.errors import TerminalUnknown
from executor_agent.journal import IntentRow, IntentState, Journal
from executor_agent.journal.rows import MarkRow
from tests.agents.terminal import Killed
from tests.agents.world import AgentWorld
from trading.protocol import Halt


def lose_next_looks(world: AgentWorld, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the terminal show no positions for that many looks, though there are some."""
    look, left = world.terminal.look, [count]

    def wrongly_empty(symbols):
        seen = look(symbols)
        left[0] -= 1
        return replace(seen, positions=()) if left[0] >= 0 else seen

    monkeypatch.setattr(world.terminal, "look", wrongly_empty)


@pytest.mark.parametrize("retcode", [10004, 10006, 10018, 10031])
def test_an_exit_that_the_broker_refuses_is_asked_for_until_it_is_done(running: AgentWorld, retcode):
    running.open_long()
    running.terminal.next_answers = [running.terminal.refuse(retcode)] * 4
    running.bar(1.0980)
    running.steps(60)

    assert running.server.list_reports("trade_closed")[0]["exit_reason"] == "OPPOSITE_SIGNAL"
    assert all(position.side == "SELL" for position in running.terminal.positions.values())


def test_an_exit_is_carried_through_by_the_next_life(running: AgentWorld):
    ticket = running.open_long()

    def die(_):
        raise Killed

    running.terminal.on_send = die
    running.terminal.close_bar(1.0980)
    with pytest.raises(Killed):
        running.steps(10)
    running.terminal.on_send = lambda order: None
    running.terminal.now_s += 3600
    running.restart()
    running.steps(10)

    assert ticket not in running.terminal.positions


def test_the_rest_of_a_partly_filled_exit_is_closed_too(running: AgentWorld):
    ticket = running.open_long()

    def fill_half(order):
        position = running.terminal.positions[order.position]
        half = Decimal("0.05")
        running.terminal._close(position, running.terminal.bid, half, reason=3)
        return replace(running.terminal.refuse(10010)(order), filled_lots=half)

    running.terminal.next_answers = [fill_half]
    running.bar(1.0980)
    running.steps(10)

    assert ticket not in running.terminal.positions


def test_a_list_that_is_wrongly_empty_neither_doubles_nor_loses_an_exit(running: AgentWorld, monkeypatch):
    ticket = running.open_long()
    running.settle()
    held_at_entry: list[int] = []
    running.terminal.on_send = lambda order: (
        held_at_entry.append(len(running.terminal.positions)) if order.position is None else None
    )
    lose_next_looks(running, monkeypatch, 5)
    before = len(running.server.snapshots)
    running.steps(4)
    assert len(running.server.snapshots) > before
    assert not any(snapshot.complete and not snapshot.positions for snapshot in running.server.snapshots[before:])

    running.bar(1.0980)
    running.steps(10)

    assert ticket not in running.terminal.positions
    assert held_at_entry == [0]


def test_a_position_that_was_out_of_sight_once_is_not_given_up_at_its_end(running: AgentWorld, monkeypatch):
    ticket = running.open_long()
    running.settle()
    lose_next_looks(running, monkeypatch, 1)
    running.steps(200)
    hidden = running.terminal.list_deals_of
    monkeypatch.setattr(
        running.terminal, "list_deals_of", lambda number: tuple(deal for deal in hidden(number) if deal.entry == 0)
    )
    running.terminal.hit_stop(ticket)
    running.steps(6)
    monkeypatch.setattr(running.terminal, "list_deals_of", hidden)
    running.steps(6)

    assert [report["exit_reason"] for report in running.server.list_reports("trade_closed")] == ["STOP_LOSS"]
    assert "POSITION_LOST" not in [report["event"] for report in running.server.list_reports("agent_event")]


def test_positions_that_are_not_known_are_not_told_as_closed(running: AgentWorld):
    running.open_long()
    running.settle()
    running.terminal.positions_unknown = 1000
    running.steps(20)

    assert not running.server.snapshots[-1].complete
    assert running.server.status().open_positions == 1


def test_a_terminal_without_its_broker_proves_nothing(running: AgentWorld, monkeypatch):
    look = running.terminal.look
    monkeypatch.setattr(running.terminal, "look", lambda symbols: replace(look(symbols), is_connected=False))
    running.steps(14)
    assert not running.server.snapshots[-1].complete

    running.bar(1.1010)
    assert running.server.requests == []


def test_a_position_that_cannot_be_closed_is_told_once(running: AgentWorld):
    running.open_long()
    running.terminal.drops_stops = running.terminal.refuses_stops = True
    position = next(iter(running.terminal.positions.values()))
    running.terminal.positions[position.ticket] = type(position)(
        **{name: getattr(position, name) for name in position.__struct_fields__} | {"stop_loss": None}
    )
    running.terminal.next_answers = [running.terminal.refuse(10018)] * 500
    running.steps(60)

    told = [report["event"] for report in running.server.list_reports("agent_event")]
    assert told.count("STOP_MISSING") == 1


def test_an_account_that_must_be_flat_without_a_server_is_closed_until_it_is(running: AgentWorld):
    running.server.connection_loss = "FLATTEN"
    running.restart()
    running.steps(10)
    running.open_long()
    running.terminal.next_answers = [running.terminal.refuse(10018)] * 3
    running.courier.is_cut = True
    running.steps(160)

    assert running.terminal.positions == {}


def test_positions_that_cannot_be_read_are_not_taken_for_none_when_the_server_is_gone(running: AgentWorld):
    running.server.connection_loss = "FLATTEN"
    running.restart()
    running.steps(10)
    running.open_long()
    running.courier.is_cut = True
    running.terminal.positions_unknown = 10_000
    running.steps(120)

    assert running.journal.read_mark("dead_man").startswith("FIRED")
    running.terminal.positions_unknown = 0
    running.steps(20)
    assert running.terminal.positions == {}


def test_a_halt_of_a_server_that_forgot_its_epochs_still_halts(running: AgentWorld):
    session = running.agent._session
    session.take_halt(Halt(epoch=7, halted=False))
    session.take_halt(Halt(epoch=3, halted=True, reason="restored"))

    assert session.find_refusal() == "HALTED"
    assert session.halt.epoch == 7


def test_a_disk_too_full_to_compact_the_journal_leaves_it_writable(tmp_path: Path, monkeypatch):
    journal = Journal(tmp_path)
    monkeypatch.setattr("executor_agent.journal.journal._COMPACT_ABOVE_BYTES", 0)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr("executor_agent.journal.journal.sync_folder", refuse)
        full.setattr("executor_agent.journal.journal.os.replace", refuse)
        for number in range(60):
            journal.put(MarkRow(name="one", value=str(number)))
    journal.put(MarkRow(name="two", value="2"))
    journal.close()

    again = Journal(tmp_path)
    assert again.damage is None
    assert (again.read_mark("one"), again.read_mark("two")) == ("59", "2")


def test_a_terminal_that_looks_for_the_tag_too_long_opens_nothing(running: AgentWorld, monkeypatch):
    find = running.terminal.find_by_tag

    def find_slowly(*asked):
        running.clocks.seconds += 6
        return find(*asked)

    monkeypatch.setattr(running.terminal, "find_by_tag", find_slowly)
    running.bar(1.1010)

    assert len(running.server.requests) == 1
    assert running.terminal.sent == []


def test_an_approval_that_ends_while_the_disk_is_slow_is_not_used(running: AgentWorld, monkeypatch):
    put = running.journal.put

    def put_slowly(*rows, durable=True):
        if any(isinstance(row, IntentRow) and row.state == IntentState.SENDING for row in rows):
            running.clocks.seconds += 6
        put(*rows, durable=durable)

    monkeypatch.setattr(running.journal, "put", put_slowly)
    running.bar(1.1010)
    running.settle()

    assert running.terminal.sent == []
    assert [o["outcome"] for o in running.server.list_reports("order_outcome")] == ["NOT_SENT"]


@pytest.mark.parametrize("is_filled", [True, False])
def test_an_order_without_an_answer_is_settled_by_evidence_and_never_sent_again(running: AgentWorld, is_filled):
    def stay_silent(order):
        if is_filled:
            running.terminal._fill(order)
        raise TerminalUnknown("the answer was lost")

    running.terminal.next_answers = [stay_silent]
    running.bar(1.1010)
    running.steps(60)

    assert len([order for order in running.terminal.sent if order.position is None]) == 1
    assert len(running.terminal.positions) == (1 if is_filled else 0)
    outcomes = [report["outcome"] for report in running.server.list_reports("order_outcome")]
    assert outcomes == ["UNRESOLVED", "DONE" if is_filled else "NOT_SENT"]
