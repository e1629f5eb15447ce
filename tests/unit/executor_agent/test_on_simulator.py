"""What the broker or another hand does to our positions, on the simulated terminal: its ledger says what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from executor_agent.journal import IntentRow, IntentState, PositionRow
from executor_agent.levels import find_level_problem, is_frozen
from executor_agent.terminal.ports import MarketOrder, OrderAnswer
from executor_agent.terminal.retcodes import judge_answer
from tests.agents.simulated import MAGIC, RULES, SimulatedWorld
from tests.simulation import RunningSimulator, running_simulator
from trading.model.instrument import Instrument
from trading.model.orders import Side
from trading.protocol import SymbolProbe

MakeWorld = Callable[..., SimulatedWorld]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    folder = tmp_path_factory.mktemp("market")
    with running_simulator(folder, seed=3, paused=True, start="2026-07-15T12:00:00Z") as running:
        yield running


@pytest.fixture
def make_world(simulator: RunningSimulator, tmp_path: Path) -> Iterator[MakeWorld]:
    worlds: list[SimulatedWorld] = []

    def make(**terms: Any) -> SimulatedWorld:
        worlds.append(SimulatedWorld(simulator, tmp_path / f"agent-{len(worlds)}", **terms))
        return worlds[-1]

    yield make
    simulator.control.clear_faults()
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: MakeWorld) -> SimulatedWorld:
    world = make_world()
    world.run_strategy()
    return world


def test_a_stop_that_the_broker_lost_is_set_again_and_told(world: SimulatedWorld) -> None:
    ticket = world.open_position()
    world.steps()
    stop = world.position(ticket)["sl"]
    world.simulator.control.call("drop_stops", login=world.login, ticket=ticket)
    world.steps()

    assert world.position(ticket)["sl"] == stop
    assert world.events().count("STOP_RESTORED") == 1


def test_a_target_that_the_broker_lost_is_set_again(world: SimulatedWorld) -> None:
    ticket = world.open_position()
    world.steps()
    target = world.position(ticket)["tp"]
    world.simulator.control.call("drop_stops", login=world.login, ticket=ticket, sl=False, tp=True)
    world.steps()

    assert world.position(ticket)["tp"] == target
    assert "TARGET_RESTORED" in world.events()


@pytest.mark.parametrize(("pips", "stays"), [(-30, False), (+20, True)], ids=["away", "nearer"])
def test_a_stop_that_a_person_moved_is_taken_back_where_it_risks_more(
    world: SimulatedWorld, pips: int, stays: bool
) -> None:
    ticket = world.open_position()
    world.steps()
    position = world.terminal.look(()).positions[0]
    ours = position.stop_loss
    theirs = ours + Decimal(pips) * Decimal("0.0001")
    world.terminal.set_stops(position, theirs, position.take_profit)
    world.steps()

    assert Decimal(str(world.position(ticket)["sl"])) == (theirs if stays else ours)
    assert ("STOP_CHANGED" if stays else "STOP_RESTORED") in world.events()


def test_a_closed_market_is_waited_for_not_hammered_and_then_closed(world: SimulatedWorld) -> None:
    world.open_position()
    world.steps()
    world.simulator.control.script_fault("reject", retcode=10018, on="close", count=1000, login=world.login)
    world.server.want("STOPPED")
    world.steps(240)

    status = world.server.status()
    assert (status.observed, status.problem_code) == ("STOPPING", "CLOSE_PENDING")
    assert "the market is closed" in status.problem
    assert len(world.terminal.sent) <= 8  # some in the first seconds, then one a minute
    assert world.events().count("REQUEST_REFUSED") == 1

    world.simulator.control.clear_faults()
    world.simulator.control.advance(bars=1)
    world.steps()
    assert world.ledger["positions"] == []
    assert world.server.status().observed == "STOPPED"


def test_a_symbol_the_terminal_does_not_have_is_said_by_name(make_world: MakeWorld) -> None:
    world = make_world()
    world.server.want("RUNNING", {}, symbol="NOSUCH")
    world.steps()

    status = world.server.status()
    assert (status.observed, status.problem_code) == ("FAILED", "SYMBOL_UNKNOWN")
    assert "'NOSUCH'" in status.problem


def test_orders_of_other_hands_are_told_once_and_left_alone(world: SimulatedWorld) -> None:
    world.simulator.control.call("trade_by_hand", login=world.login, symbol="EURUSD", side="BUY", volume="0.10")
    world.steps(200)

    assert world.events().count("EXTERNAL_POSITION") == 1
    assert len(world.ledger["positions"]) == 1


def test_two_positions_of_one_tag_are_told_and_stop_further_entries(world: SimulatedWorld) -> None:
    for _ in range(2):
        world.open_position("mk99999999")
    world.steps(200)

    assert world.events().count("TAG_DOUBLED") == 1
    assert world.server.status().problem_code == "TAG_DOUBLED"


def test_a_netting_account_runs_one_strategy_a_symbol(make_world: MakeWorld) -> None:
    world = make_world(margin_mode=0)
    world.run_strategy()
    world.server.want("RUNNING", world.server.wanted["asg_1"].rules, assignment_id="asg_2", magic=MAGIC + 1)
    world.steps()

    assert world.server.status("asg_1").observed == "RUNNING"
    assert (world.server.status("asg_2").observed, world.server.status("asg_2").problem_code) == (
        "FAILED",
        "NETTING_SYMBOL_TAKEN",
    )


def test_a_stop_is_not_moved_inside_the_freeze_zone_and_no_request_is_wasted(world: SimulatedWorld) -> None:
    facts = world.terminal.read_symbol("EURUSD")
    instrument = Instrument.from_symbol_info({**facts.info, "trade_freeze_level": 100}, account_currency="USD")
    ticket = world.open_position()
    position = next(one for one in world.terminal.look(()).positions if one.ticket == ticket)
    quote = world.terminal.look(("EURUSD",)).quotes["EURUSD"]

    near = msgspec.structs.replace(position, stop_loss=quote.bid - Decimal("0.00050"))
    assert is_frozen(near, quote, instrument)
    assert not is_frozen(position, quote, instrument)


@pytest.mark.parametrize(
    ("stop", "target", "problem"),
    [("-0.00010", None, "STOP_TOO_NEAR"), ("0.00100", None, "STOP_TOO_NEAR"), ("-0.005", "0.00010", "TARGET_TOO_NEAR"),
     ("-0.005", "-0.001", "TARGET_TOO_NEAR"), ("-0.005", "0.01", None)],
)  # fmt: skip
def test_levels_nearer_than_the_broker_allows_are_refused_by_name(
    world: SimulatedWorld, stop: str, target: str | None, problem: str | None
) -> None:
    facts = world.terminal.read_symbol("EURUSD")
    instrument = Instrument.from_symbol_info({**facts.info, "trade_stops_level": 50}, account_currency="USD")
    quote = world.terminal.look(("EURUSD",)).quotes["EURUSD"]
    levels = (quote.bid + Decimal(stop), quote.bid + Decimal(target) if target else None)

    assert find_level_problem(Side.BUY, quote, *levels, instrument) == problem


def test_each_symbol_in_use_is_tried_at_registration_daily_and_on_change(world: SimulatedWorld) -> None:
    def probes() -> list[SymbolProbe]:
        return [probe for message in world.server.symbols for probe in message.probes]

    (probe,) = probes()
    assert (probe.symbol, probe.margin_mode, probe.trade_allowed, probe.check_retcode) == ("EURUSD", "HEDGING", True, 0)
    assert probe.filling in ("FOK", "IOC", "RETURN")
    assert probe.history["M1"] >= probe.history_wanted["M1"] > 200
    assert abs(probe.clock_skew_ms) < 1000

    world.simulator.control.call("change_terms", symbol="EURUSD", stops_level_points=30)
    world.steps(140)
    world.simulator.control.call("change_terms", symbol="EURUSD", stops_level_points=0)
    assert len(probes()) == 2
    assert [s.stops_level_points for message in world.server.symbols for s in message.symbols][-1] == 30

    world.clocks.seconds += 86_400
    world.steps()
    assert len(probes()) >= 3
    assert world.ledger["deals"][1:] == []  # nothing was traded, only paid in


def test_a_skew_that_is_over_is_told_though_nobody_trades_the_symbol_any_more(world: SimulatedWorld) -> None:
    """The server starts nothing on a certificate that has failed: it must not depend on something being started."""

    def skews_s() -> list[int]:
        return [round(probe.clock_skew_ms / 1000) for message in world.server.symbols for probe in message.probes]

    world.server.ahead = timedelta(hours=25)
    world.steps(40)
    assert skews_s() == [0, -90_000]
    world.server.want("STOPPED", RULES)
    world.steps()
    assert world.server.status().observed == "STOPPED"

    world.server.ahead = timedelta()
    world.steps(40)
    assert skews_s() == [0, -90_000, 0]
    world.close()
    world.start()
    world.steps()
    assert skews_s() == [0, -90_000, 0, 0]


def test_a_filling_mode_the_broker_refuses_is_found_before_the_first_order(world: SimulatedWorld) -> None:
    world.simulator.control.call("change_terms", symbol="EURUSD", filling_mask=2)
    world.steps(140)
    world.simulator.control.call("change_terms", symbol="EURUSD", filling_mask=3)

    assert world.server.symbols[-1].probes[-1].filling == "IOC"


@pytest.mark.parametrize("fault", ["positions_none", "positions_empty", "positions_half"])
def test_a_list_that_is_missing_or_short_is_never_taken_for_flat(world: SimulatedWorld, fault: str) -> None:
    tickets = {world.open_position(), world.open_position()}
    world.steps()
    world.simulator.control.script_fault(fault, count=6, login=world.login)
    before = len(world.server.snapshots)
    world.server.want("STOPPED")
    for _ in range(6):
        world.steps(1)
        if world.ledger["positions"]:
            assert world.server.status().observed != "STOPPED"
    shown = [snapshot for snapshot in world.server.snapshots[before:] if snapshot.complete]
    assert all(world.ledger["positions"] == [] or len(s.positions) == len(tickets) for s in shown[:1])

    world.steps(20)
    assert world.ledger["positions"] == []
    assert world.server.status().observed == "STOPPED"
    closes = [row["position_id"] for row in world.ledger["deals"] if row["entry"] == 1]
    assert sorted(closes) == sorted(tickets)  # each once


def test_the_rest_of_an_order_that_comes_later_is_the_same_position_grown(world: SimulatedWorld) -> None:
    ticket = world.open_position(volume_lots=Decimal("0.01"))
    world.steps()
    row = world.journal.find(PositionRow, ticket)
    assert row is not None
    assert row.first_lots == Decimal("0.01")
    position = world.terminal.look(()).positions[0]
    grown = msgspec.structs.replace(position, volume_lots=Decimal("0.10"))
    world.agent._holdings.follow(replace(world.terminal.look(()), positions=(grown,)))

    assert row.first_lots == Decimal("0.10")


RETRIED, NEVER, UNKNOWN = (
    (10004, 10020, 10021),
    (10006, 10007, 10013, 10014, 10015, 10016, 10017),
    (10008, 10011, 10012, 10031),
)


@pytest.mark.parametrize(
    ("codes", "verdict"), [(RETRIED, "REQUOTED"), (UNKNOWN, "UNRESOLVED"), ((10009,), "DONE"), ((10010,), "PARTIAL")]
)
def test_every_return_code_has_its_class(codes: tuple[int, ...], verdict: str) -> None:
    assert {str(judge_answer(OrderAnswer(retcode=code))) for code in codes} == {verdict}


@pytest.mark.parametrize("code", [*NEVER, 10018, 10019, 10022, *range(10024, 10031), *range(10032, 10047)])
def test_a_definite_no_is_rejected_and_frees_what_was_reserved(code: int) -> None:
    expected = "UNRESOLVED" if code in (10037,) else "REJECTED"
    assert str(judge_answer(OrderAnswer(retcode=code))) == expected


def test_a_fill_later_than_anybody_waited_is_found_in_the_deals_even_when_it_is_closed_again(
    world: SimulatedWorld,
) -> None:
    ticket = world.open_position("mk77777777")
    world.terminal.send_order(
        MarketOrder(symbol="EURUSD", side=Side.SELL, volume_lots=Decimal("0.10"), price=Decimal(1), magic=MAGIC, comment="mk77777777", position=ticket)
    )  # fmt: skip
    given_up = IntentRow(
        client_key="asg_1:1:BUY", assignment_id="asg_1", signal_id="s", symbol="EURUSD", side="BUY", magic=MAGIC,
        asked_lots=Decimal("0.10"), entry_price=Decimal("1.1"), stop_loss=Decimal("1.0"), take_profit=None, request="",
        state=IntentState.NOT_SENT, approval_id="apr_1", tag="mk77777777", lots=Decimal("0.10"),
    )  # fmt: skip
    world.journal.put(given_up)
    world.steps(4, seconds=100)
    world.steps(20)

    outcome = world.server.list_reports("order_outcome")[-1]
    assert (outcome["outcome"], outcome["position_id"], outcome["filled_lots"]) == ("DONE", ticket, 0.1)
    assert [body["position_id"] for body in world.server.list_reports("trade_closed")] == [ticket]


def test_more_lots_than_approved_is_told(world: SimulatedWorld) -> None:
    world.journal.put(
        IntentRow(
            client_key="asg_1:2:BUY", assignment_id="asg_1", signal_id="s", symbol="EURUSD", side="BUY", magic=MAGIC,
            asked_lots=Decimal("0.05"), entry_price=Decimal("1.1"), stop_loss=Decimal("1.0"), take_profit=None, request="",
            state=IntentState.DONE, approval_id="apr_2", tag="mk66666666", lots=Decimal("0.05"),
        )
    )  # fmt: skip
    world.open_position("mk66666666")
    world.steps(140)

    assert world.events().count("VOLUME_ABOVE_APPROVED") == 1


def test_a_storm_of_requotes_on_a_close_is_bounded_each_time_and_ends_with_the_close(world: SimulatedWorld) -> None:
    world.open_position()
    world.steps()
    world.simulator.control.script_fault("requote", on="close", count=12, login=world.login)
    world.server.want("STOPPED")
    world.steps(2)
    assert len(world.terminal.sent) <= 3

    world.steps(30)
    assert world.ledger["positions"] == []
    assert len(world.terminal.sent) == 13
    assert [row["entry"] for row in world.ledger["deals"] if row["symbol"]] == [0, 1]
