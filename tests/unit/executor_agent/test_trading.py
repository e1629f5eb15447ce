"""From the closed bar to the report: one approval, one order, the truth about it."""

from decimal import Decimal

import msgspec
import pytest

from executor_agent.server.ports import Door, Failed
from tests.agents.world import RULES, AgentWorld
from trading.protocol import FactsMessage


def test_a_cross_is_approved_and_then_traded_once(running: AgentWorld):
    ticket = running.open_long()
    running.settle()

    key, request = running.server.requests[0]
    assert key == f"asg_1:{running.terminal.bars[-1][0]}:BUY"
    assert request.client_request_id == key
    assert [order.comment for order in running.terminal.sent] == ["mk00000001"]
    outcome = running.server.list_reports("order_outcome")
    assert [(o["outcome"], o["approval_id"], o["position_id"]) for o in outcome] == [("DONE", "apr_1", ticket)]
    assert running.server.status().open_positions == 1


def test_no_more_lots_than_approved(running: AgentWorld):
    running.server.judge = lambda request: msgspec.structs.replace(
        running.server.approve_all(request), adjusted_lots=Decimal("0.039")
    )
    running.open_long()

    assert [order.volume_lots for order in running.terminal.sent] == [Decimal("0.03")]


def test_never_more_than_asked_whatever_the_verdict_says(running: AgentWorld):
    running.server.judge = lambda request: msgspec.structs.replace(
        running.server.approve_all(request), adjusted_lots=Decimal(50)
    )
    running.open_long()

    assert [order.volume_lots for order in running.terminal.sent] == [running.server.requests[0][1].requested_lots]


def test_a_denial_is_no_trade_and_is_told(running: AgentWorld):
    running.server.judge = running.server.deny_all
    running.bar(1.1010)
    running.settle()

    assert running.terminal.sent == []
    assert [report["reason_code"] for report in running.server.list_reports("entry_denied")] == ["DAILY_LOSS"]


@pytest.mark.parametrize(
    "flaw",
    [
        {"tag": None},
        {"tag": "x" * 28},
        {"tag": "mörk"},
        {"approval_id": None},
        {"adjusted_lots": Decimal(0)},
        {"valid_for_ms": 0},
        {"adjusted_lots": Decimal("0.004")},
        {"trailing_stop_fraction": Decimal(0)},
        {"trailing_stop_fraction": Decimal(2)},
    ],
    ids=str,
)
def test_a_flawed_approval_is_no_trade(running: AgentWorld, flaw):
    running.server.judge = lambda request: msgspec.structs.replace(running.server.approve_all(request), **flaw)
    running.bar(1.1010)
    running.settle()

    assert running.terminal.sent == []
    assert running.server.list_reports("order_outcome")[0]["outcome"] == "NOT_SENT"


def test_a_position_trails_as_its_approval_asks_also_after_a_restart(running: AgentWorld):
    running.server.judge = lambda request: msgspec.structs.replace(
        running.server.approve_all(request), trailing_stop_fraction=Decimal("0.001")
    )
    ticket = running.open_long()
    running.restart()
    running.bar(1.1060, low=1.1010, high=1.1060)
    running.settle()

    entry = running.terminal.positions[ticket].entry_price
    assert running.terminal.positions[ticket].stop_loss == Decimal("1.1060") - (entry / 1000).quantize(
        Decimal("0.00001"), "ROUND_DOWN"
    )


@pytest.mark.parametrize("status", [None, 400, 403, 429, 500, 503])
def test_no_verdict_is_no_trade(running: AgentWorld, status):
    running.courier.refusal = Failed(door=Door.APPROVE, problem="no", status=status)
    running.bar(1.1010)
    running.settle()

    assert running.terminal.sent == []


def test_a_lost_verdict_is_asked_again_under_the_same_key(running: AgentWorld):
    running.courier.loses_verdicts = 1
    running.open_long()

    assert [key for key, _ in running.server.requests] == [running.server.requests[0][0]] * 2
    assert len(running.terminal.sent) == 1


def test_a_verdict_that_comes_too_late_is_no_trade(running: AgentWorld):
    running.server.valid_for_ms = 1000
    running.courier.on_approve = lambda: setattr(running.clocks, "seconds", running.clocks.seconds + 2)
    running.bar(1.1010)

    assert running.terminal.sent == []


def test_stop_that_comes_while_asking_wins(running: AgentWorld):
    running.courier.on_approve = lambda: running.server.want("STOPPED") and None
    running.bar(1.1010)
    running.settle()

    assert running.terminal.sent == []
    assert running.server.status().observed == "STOPPED"


def test_a_halt_that_comes_while_asking_wins(running: AgentWorld):
    running.courier.on_approve = running.server.halt_all
    running.bar(1.1010)

    assert running.terminal.sent == []


def test_a_bar_is_decided_once(running: AgentWorld):
    running.open_long()
    running.steps(20, seconds=0.2)

    assert len(running.server.requests) == 1


def test_a_bar_seen_after_its_first_moments_opens_nothing(running: AgentWorld):
    running.terminal.close_bar(1.1010)
    running.terminal.now_s += 7  # a tenth of an M1 bar is 6 s

    running.steps(4)

    assert running.server.requests == []


def test_an_old_quote_opens_nothing(running: AgentWorld):
    running.terminal.quote_age_s = 30
    running.bar(1.1010)
    running.settle()

    assert running.terminal.sent == []
    assert running.server.list_reports("entry_denied")[0]["reason_code"] == "QUOTE_STALE"


def test_positions_that_are_not_known_are_not_none(running: AgentWorld):
    running.terminal.positions_unknown = 100
    running.bar(1.1010)
    assert running.terminal.sent == []

    running.terminal.positions_unknown = 0
    running.steps(4)
    assert len(running.terminal.sent) == 1


def test_an_opposite_cross_closes_and_turns(running: AgentWorld):
    running.open_long()
    running.bar(1.0990)
    running.bar(1.0980)
    running.settle()

    closed = running.server.list_reports("trade_closed")
    assert [report["exit_reason"] for report in closed] == ["OPPOSITE_SIGNAL"]
    assert [position.side for position in running.terminal.positions.values()] == ["SELL"]


def test_the_server_sees_our_close_before_it_judges_the_next_entry(running: AgentWorld):
    running.open_long()
    seen: list[int] = []
    approve_all = running.server.approve_all

    def judge(request):
        seen.append(len(running.server.snapshots[-1].positions))
        return approve_all(request)

    running.server.judge = judge
    running.bar(1.0990)
    running.bar(1.0980)

    assert seen == [0]


@pytest.mark.parametrize(("how", "reason"), [("hit_stop", "STOP_LOSS"), ("close_by_hand", "MANUAL")])
def test_the_reason_of_a_close_is_the_brokers_where_it_acted(running: AgentWorld, how, reason):
    ticket = running.open_long()
    getattr(running.terminal, how)(ticket)
    running.settle()

    closed = running.server.list_reports("trade_closed")
    assert [(report["position_id"], report["exit_reason"]) for report in closed] == [(ticket, reason)]


def test_a_requote_is_followed_only_to_a_price_with_no_more_risk(running: AgentWorld):
    running.terminal.next_answers = [running.terminal.refuse(10004)]
    running.open_long()

    assert len(running.terminal.sent) == 2


def test_a_requote_to_a_worse_price_is_given_up(running: AgentWorld):
    def move_away(order):
        opened_s, open_, high, low, close, volume, spread = running.terminal.bars[-1]
        running.terminal.bars[-1] = (opened_s, open_, high + 0.001, low, close + 0.0005, volume, spread)
        return running.terminal.refuse(10004)(order)

    running.terminal.next_answers = [move_away]
    running.bar(1.1010)
    running.settle()

    assert len(running.terminal.sent) == 1
    assert running.server.list_reports("order_outcome")[0]["outcome"] == "REJECTED"


@pytest.mark.parametrize("retcode", [10006, 10013, 10014, 10016, 10018, 10019, 10027])
def test_a_refused_order_is_not_sent_again(running: AgentWorld, retcode):
    running.terminal.next_answers = [running.terminal.refuse(retcode)]
    running.bar(1.1010)
    running.settle()

    assert len(running.terminal.sent) == 1
    assert running.server.list_reports("order_outcome")[0]["outcome"] == "REJECTED"


def test_a_position_without_its_stop_gets_it_at_once(running: AgentWorld):
    running.terminal.drops_stops = True
    ticket = running.open_long()
    running.settle()

    assert running.terminal.positions[ticket].stop_loss == running.terminal.sent[0].stop_loss


def test_a_position_that_takes_no_stop_is_closed(running: AgentWorld):
    running.terminal.drops_stops = running.terminal.refuses_stops = True
    running.bar(1.1010)
    running.settle()

    assert running.terminal.positions == {}
    events = [report["event"] for report in running.server.list_reports("agent_event")]
    assert "STOP_MISSING" in events


def test_facts_may_forbid_entries_between_versions(running: AgentWorld):
    running.server.want("RUNNING", facts=FactsMessage(number=2, entries_allowed=False))
    running.steps(4)
    running.bar(1.1010)

    assert running.server.requests == []
    assert running.server.status().facts_number == 2


def test_many_strategies_trade_each_under_its_own_number(world: AgentWorld):
    for number in range(30):
        world.server.want("RUNNING", RULES, assignment_id=f"asg_{number:02d}", magic=1_000_001 + number)
    world.steps(6)
    world.bar(1.1010)
    world.settle()

    assert sorted(position.magic for position in world.terminal.positions.values()) == list(range(1_000_001, 1_000_031))
    assert len({order.comment for order in world.terminal.sent}) == 30
    assert all(status.open_positions == 1 for status in world.server.snapshots[-1].assignments)
