"""One-shot commands at the agent: closed once, by parts, by bot, all of it; sent in parts; answered in words."""

from __future__ import annotations

import gzip
import hashlib
import json
from decimal import Decimal

import pytest
from msgspec.structs import replace

from executor_agent import AGENT_VERSION
from executor_agent.journal import CommandRow
from executor_agent.logs import RING
from executor_agent.server.ports import Door, Failed
from tests.agents.terminal import Killed
from tests.agents.world import AgentWorld
from trading.protocol import OneShot

MAGIC = 1_000_001


def one_shot(kind: str, token: str = "lt_1", number: int = 1, **payload) -> OneShot:
    return OneShot(
        command_id=f"cmd_{number}", kind=kind, payload=payload, lease_token=token, expires_at=None, attempt=1
    )


def ask(world: AgentWorld, *commands: OneShot) -> None:
    world.server.commands = list(commands)
    world.server.nudge()
    world.settle()


def told(world: AgentWorld) -> dict:
    return world.server.list_reports("command_result")[-1]


# --- closing ------------------------------------------------------------------------------------------------------


def test_a_close_command_is_done_once_and_answered_again_from_the_journal(running: AgentWorld):
    ticket = running.open_long()
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket))
    assert running.terminal.positions == {}

    other = running.terminal.add_foreign_position(77)
    running.restart()
    ask(running, one_shot("CLOSE_POSITION", token="lt_2", ticket=ticket))
    results = [(r["lease_token"], r["state"]) for r in running.server.list_reports("command_result")]
    assert results[0] == ("lt_1", "ACKNOWLEDGED")
    assert ("lt_1", "EXECUTED") in results
    assert results[-1] == ("lt_2", "EXECUTED")
    assert list(running.terminal.positions) == [other.ticket]


def test_more_than_one_answer_carries_is_asked_for_at_once(running: AgentWorld):
    answers = [[one_shot("SNAPSHOT", number=n) for n in range(20)], [one_shot("SNAPSHOT", number=20)]]
    plain = running.server.desired
    running.server.desired = lambda: replace(plain(), commands=answers.pop(0) if answers else [])  # type: ignore[method-assign]
    running.server.nudge()
    running.settle()

    assert len({report["command_id"] for report in running.server.list_reports("command_result")}) == 21


def test_a_set_that_was_overtaken_still_brings_its_commands(running: AgentWorld):
    ticket = running.open_long()
    running.server.version -= 1
    running.server.commands = [one_shot("CLOSE_POSITION", ticket=ticket)]
    running.settle()

    assert (told(running)["state"], running.terminal.positions) == ("EXECUTED", {})


def test_a_set_of_an_older_epoch_brings_none(running: AgentWorld):
    ticket = running.open_long()
    running.server.fleet_epoch -= 1
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket))

    assert list(running.terminal.positions) == [ticket]


def test_part_of_a_position_closed_on_command_is_one_of_the_days_requests(running: AgentWorld):
    ticket = running.open_long()
    before = running.agent._budget.used
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.04"))

    assert running.agent._budget.used == before + 1


def test_an_unknown_command_fails_in_words(running: AgentWorld):
    ask(running, one_shot("MAKE_COFFEE"))
    assert told(running)["result"]["code"] == "UNSUPPORTED"


def test_a_list_that_is_empty_for_a_moment_closes_no_command(running: AgentWorld):
    ticket = running.open_long()
    running.terminal.hides_positions = True
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket))
    assert told(running)["state"] == "ACKNOWLEDGED"
    running.terminal.hides_positions = False
    running.settle()
    assert (told(running)["state"], running.terminal.positions) == ("EXECUTED", {})


def test_a_closed_market_is_not_asked_four_times_a_second(running: AgentWorld):
    ticket = running.terminal.add_foreign_position(77).ticket
    running.terminal.next_answers = [running.terminal.refuse(10018)] * 1000
    running.server.commands = [one_shot("CLOSE_POSITION", ticket=ticket)]
    running.server.nudge()
    before = len(running.terminal.sent)
    running.steps(240)
    assert 3 <= len(running.terminal.sent) - before <= 12
    assert told(running)["state"] == "ACKNOWLEDGED"
    running.terminal.next_answers = []
    running.steps(80)
    assert (told(running)["state"], running.terminal.positions) == ("EXECUTED", {})


def test_one_command_that_cannot_be_worked_keeps_no_other_waiting(running: AgentWorld):
    ticket = running.open_long()
    part = one_shot("CLOSE_POSITION", number=1, ticket=ticket, volume_lots="0.01")
    running.terminal.read_symbol = lambda symbol: (_ for _ in ()).throw(ValueError("broken"))  # type: ignore[method-assign]
    ask(running, part, one_shot("SNAPSHOT", number=2))
    assert (told(running)["command_id"], told(running)["state"]) == ("cmd_2", "EXECUTED")


# --- part of a position -------------------------------------------------------------------------------------------


def test_a_part_of_a_position_is_closed_and_not_more(running: AgentWorld):
    ticket = running.open_long()
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.04"))
    assert running.terminal.positions[ticket].volume_lots == Decimal("0.06")
    assert (told(running)["state"], told(running)["result"]) == (
        "EXECUTED",
        {"closed_lots": "0.04", "left_lots": "0.06"},
    )

    running.restart()
    ask(running, one_shot("CLOSE_POSITION", token="lt_2", ticket=ticket, volume_lots="0.04"))
    assert running.terminal.positions[ticket].volume_lots == Decimal("0.06")


def test_a_part_is_rounded_down_to_the_brokers_step(running: AgentWorld):
    ticket = running.open_long()
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.049"))
    assert running.terminal.positions[ticket].volume_lots == Decimal("0.06")


@pytest.mark.parametrize("lots", ["0.001", "0.095"])
def test_a_part_below_the_smallest_volume_is_refused_and_nothing_is_sent(running: AgentWorld, lots):
    ticket = running.open_long()
    before = len(running.terminal.sent)
    if lots == "0.095":  # rounds down to 0.09, which leaves the smallest volume there is
        ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots=lots))
        assert running.terminal.positions[ticket].volume_lots == Decimal("0.01")
        return
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots=lots))
    assert (told(running)["state"], told(running)["result"]["code"]) == ("FAILED", "VOLUME_INVALID")
    assert len(running.terminal.sent) == before


def test_as_much_as_there_is_or_more_is_all_of_it(running: AgentWorld):
    ticket = running.open_long()
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="5"))
    assert (told(running)["state"], running.terminal.positions) == ("EXECUTED", {})


def test_a_part_whose_answer_was_lost_is_believed_by_what_the_position_shows(running: AgentWorld):
    ticket = running.open_long()
    running.terminal.next_answers = [running.terminal.fill_but_say_nothing]
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.04"))
    assert running.terminal.positions[ticket].volume_lots == Decimal("0.06")
    assert told(running)["state"] == "EXECUTED"


def test_a_part_of_which_nobody_knows_is_never_sent_again(running: AgentWorld):
    ticket = running.open_long()
    running.terminal.next_answers = [running.terminal.say_nothing]
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.04"))
    running.steps(60)
    assert told(running)["state"] == "UNRESOLVED"
    assert sum(order.position == ticket for order in running.terminal.sent) == 1


def test_a_refused_part_is_tried_three_times_and_then_failed_with_the_brokers_word(running: AgentWorld):
    ticket = running.open_long()
    running.terminal.next_answers = [running.terminal.refuse(10018)] * 5
    ask(running, one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.04"))
    assert (told(running)["state"], told(running)["result"]["code"]) == ("FAILED", "BROKER_REFUSED")
    assert "10018" in told(running)["result"]["message"]
    assert running.terminal.positions[ticket].volume_lots == Decimal("0.10")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_dies_in_the_sending_closes_no_second_part(running: AgentWorld, moment):
    ticket = running.open_long()

    def die(order):
        if moment == "after":
            running.terminal._fill(order)
        running.terminal.on_send = lambda order: None
        raise Killed

    running.terminal.on_send = die
    running.server.commands = [one_shot("CLOSE_POSITION", ticket=ticket, volume_lots="0.04")]
    running.server.nudge()
    with pytest.raises(Killed):
        running.settle()
    running.restart()
    running.steps(80)
    left = running.terminal.positions[ticket].volume_lots
    state = told(running)["state"]
    assert (left, state) == ((Decimal("0.06"), "EXECUTED") if moment == "after" else (Decimal("0.10"), "UNRESOLVED"))


# --- bot, pendings, account ---------------------------------------------------------------------------------------


def test_all_of_a_bot_is_closed_and_nothing_of_others(running: AgentWorld):
    running.open_long()
    running.terminal.add_foreign_position(MAGIC)
    foreign = running.terminal.add_foreign_position(77)
    ask(running, one_shot("CLOSE_BOT", magic=MAGIC))
    assert list(running.terminal.positions) == [foreign.ticket]
    assert (told(running)["state"], told(running)["result"]) == ("EXECUTED", {"closed": 2})
    assert running.server.status().observed == "RUNNING"


@pytest.mark.parametrize("payload, left", [({}, []), ({"magic": 77}, [0])])
def test_waiting_orders_are_cancelled_all_or_of_one_bot(running: AgentWorld, payload, left):
    orders = [running.terminal.add_pending(magic) for magic in (MAGIC, 77)]
    ask(running, one_shot("CANCEL_PENDINGS", **payload))
    assert list(running.terminal.orders) == [orders[index] for index in left]
    assert told(running)["result"] == {"cancelled": 2 - len(left)}


def test_flattening_leaves_nothing_of_anybody(running: AgentWorld):
    running.open_long()
    running.terminal.add_foreign_position(77)
    order = running.terminal.add_pending(88)
    running.server.halt_all()
    ask(running, one_shot("FLATTEN_ACCOUNT"))
    assert (running.terminal.positions, running.terminal.orders) == ({}, {})
    assert running.terminal.cancelled == [order]
    assert told(running)["state"] == "EXECUTED"


def test_flattening_waits_for_the_order_nobody_knows_of(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.say_nothing]
    running.bar(1.1010)
    running.server.halt_all()
    running.server.commands = [one_shot("FLATTEN_ACCOUNT")]
    running.server.nudge()
    running.steps(4)
    assert told(running)["state"] == "ACKNOWLEDGED"
    running.steps(60)
    assert told(running)["state"] == "EXECUTED"


def test_a_flattening_that_is_leased_again_is_swept_again(running: AgentWorld):
    running.server.halt_all()
    ask(running, one_shot("FLATTEN_ACCOUNT"))
    running.terminal.add_foreign_position(77)
    ask(running, one_shot("FLATTEN_ACCOUNT", token="lt_2"))
    assert running.terminal.positions == {}
    assert (told(running)["lease_token"], told(running)["state"]) == ("lt_2", "EXECUTED")


def test_flattening_says_nothing_while_the_terminal_says_nothing(running: AgentWorld):
    running.terminal.positions_unknown = 1000
    running.server.halt_all()
    ask(running, one_shot("FLATTEN_ACCOUNT"))
    assert told(running)["state"] == "ACKNOWLEDGED"


# --- telling and sending ------------------------------------------------------------------------------------------


def test_a_preflight_answers_with_the_terminals_facts(running: AgentWorld):
    ask(running, one_shot("PREFLIGHT", symbols=["GBPUSD"]))
    facts = told(running)["result"]
    assert (facts["login"], facts["margin_mode"], facts["positions"]) == (1001, "HEDGING", 0)
    assert sorted(facts["symbols"]) == ["EURUSD", "GBPUSD"]
    assert facts["symbols"]["EURUSD"]["volume_step"] == 0.01


@pytest.mark.parametrize("version, state", [(AGENT_VERSION, "EXECUTED"), ("9.9.9", "FAILED")])
def test_an_upgrade_says_the_truth(running: AgentWorld, version, state):
    ask(running, one_shot("UPGRADE", version=version))
    assert told(running)["state"] == state
    if state == "FAILED":
        assert told(running)["result"]["code"] == "UNSUPPORTED"
        assert "9.9.9" in told(running)["result"]["message"]


def test_history_is_sent_in_parts_and_again_where_the_line_was_cut(running: AgentWorld):
    for _ in range(620):
        ticket = running.terminal.add_foreign_position(77).ticket
        running.terminal.close_by_hand(ticket)
    running.courier.refusal = Failed(door=Door.HISTORY, problem="away", status=503)
    ask(running, one_shot("PULL_HISTORY"))
    assert told(running)["state"] == "ACKNOWLEDGED"
    running.courier.refusal = None
    running.steps(20)
    assert (told(running)["state"], told(running)["result"]) == ("EXECUTED", {"deals": 1240, "booked": 1240})
    assert len(running.server.history) == 1240


def test_history_the_server_refuses_for_good_fails_with_its_code(running: AgentWorld):
    ticket = running.terminal.add_foreign_position(77).ticket
    running.terminal.close_by_hand(ticket)
    running.courier.refusal = Failed(door=Door.HISTORY, problem="ended", status=409, code="COMMAND_ENDED")
    ask(running, one_shot("PULL_HISTORY", days=3))
    running.steps(10)
    assert (told(running)["state"], told(running)["result"]["code"]) == ("FAILED", "COMMAND_ENDED")


def test_the_journal_is_sent_whole_packed_and_without_lease_tokens(running: AgentWorld):
    running.open_long()
    ask(running, one_shot("SEND_JOURNAL", token="secret-token"))
    (file,) = running.server.files
    lines = [json.loads(line) for line in gzip.decompress(file.content).splitlines()]
    assert {"mark", "assignment", "intent", "position", "command"} <= {line["row"] for line in lines}
    assert b"secret-token" not in gzip.decompress(file.content)
    assert hashlib.sha256(file.content).hexdigest() == file.sha256
    assert (told(running)["state"], told(running)["result"]["lines"]) == ("EXECUTED", len(lines))


def test_log_lines_are_sent_only_while_somebody_reads_along_and_each_once(running: AgentWorld, monkeypatch):
    monkeypatch.setattr(RING, "list_after", lambda number: [(n, f"line {n}") for n in range(1, 6) if n > number])
    running.steps(10)
    assert running.server.log == []
    running.server.log_wanted = True
    running.steps(10)
    assert [line.number for line in running.server.log] == [1, 2, 3, 4, 5]


def test_a_command_row_of_an_older_agent_is_still_read(running: AgentWorld):
    ask(running, one_shot("SNAPSHOT"))
    row = running.journal.find(CommandRow, "cmd_1")
    assert row is not None
    assert row.progress == {}
