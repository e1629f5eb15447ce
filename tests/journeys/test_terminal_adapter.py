"""The adapter in its own process, against the simulated terminal: Decimal and UTC at the border, unknown is not none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from executor_agent.clocks import SystemClocks
from executor_agent.config import TerminalConfig
from executor_agent.errors import TerminalUnknown
from executor_agent.running import RunningStrategy
from executor_agent.terminal.ports import MarketOrder, OrderAnswer
from executor_agent.terminal.retcodes import Verdict, judge_answer
from executor_agent.terminal.supervised import SupervisedTerminal
from tests.agents.server import AgentServer
from tests.simulation import PASSWORD, SERVER, RunningSimulator, running_simulator
from tests.unit.trading.making import cross_rules
from trading.model.orders import Side

pytestmark = pytest.mark.journey

LOGIN, MAGIC, TAG = 1001, 1_000_001, "mk01h8xk2n9q7t4v5w6y8z0abcd"


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[RunningSimulator]:
    with running_simulator(
        tmp_path, seed=3, paused=True, server_zone="SERVER_NY+7", start="2026-07-15T12:00:00Z"
    ) as running:
        running.open_account(LOGIN, balance="10000")
        yield running


def connect(
    simulator: RunningSimulator, *, symbols: dict[str, str] | None = None, **changes: Any
) -> SupervisedTerminal:
    values: dict[str, Any] = {
        "module": "simulator.mt5", "path": simulator.address, "login": LOGIN, "password": PASSWORD, "server": SERVER,
    } | changes  # fmt: skip
    return SupervisedTerminal(TerminalConfig(**values), symbols or {}, SystemClocks(), call_s=3.0, order_s=3.0)


@pytest.fixture
def terminal(simulator: RunningSimulator) -> Iterator[SupervisedTerminal]:
    terminal = connect(simulator)
    terminal.connect()
    yield terminal
    terminal.close()


def buy(terminal: SupervisedTerminal, **changes: Any) -> OrderAnswer:
    quote = terminal.look(("EURUSD",)).quotes["EURUSD"]
    values: dict[str, Any] = {
        "symbol": "EURUSD", "side": Side.BUY, "volume_lots": Decimal("0.10"), "price": quote.ask, "magic": MAGIC, "comment": TAG,
        "stop_loss": quote.bid - Decimal("0.00500"), "take_profit": quote.bid + Decimal("0.01000"),
    }  # fmt: skip
    return terminal.send_order(MarketOrder(**(values | changes)))


def test_it_is_the_account_it_was_told_and_no_other(simulator: RunningSimulator) -> None:
    terminal = connect(simulator)
    identity = terminal.connect()
    assert (identity.login, identity.margin_mode, identity.trade_allowed) == (LOGIN, "HEDGING", True)
    terminal.close()

    stranger = connect(simulator, password="wrong")
    with pytest.raises(TerminalUnknown):
        stranger.connect()
    stranger.close()


def test_none_open_is_said_as_none_open(terminal: SupervisedTerminal) -> None:
    look = terminal.look(("EURUSD",))

    assert (look.positions, look.orders, look.is_complete) == ((), (), True)
    assert look.market.server_offset_s == 3 * 3600, "New York + 7 h in July"
    assert look.account is not None
    assert look.account.balance == 10_000


def test_an_order_carries_magic_tag_and_both_levels_and_times_are_utc(
    terminal: SupervisedTerminal, simulator: RunningSimulator
) -> None:
    assert judge_answer(buy(terminal)) is Verdict.DONE
    look = terminal.look(("EURUSD",))
    assert look.positions is not None
    (position,) = look.positions

    assert (position.magic, position.comment, position.volume_lots) == (MAGIC, TAG, Decimal("0.1"))
    assert position.stop_loss is not None
    assert position.take_profit is not None
    assert position.opened_at == look.market.market_at
    evidence = terminal.find_by_tag(TAG, MAGIC, 0)
    assert [len(part) for part in (evidence.positions, evidence.orders, evidence.deals)] == [1, 0, 1]
    assert terminal.find_by_tag(TAG, MAGIC + 1, 0).is_empty
    assert evidence.deals[0].time_raw_ms == int(evidence.deals[0].market_at.timestamp() * 1000) + 3 * 3_600_000


def test_stops_are_replaced_and_a_close_closes(terminal: SupervisedTerminal) -> None:
    buy(terminal)
    (position,) = terminal.look(("EURUSD",)).positions or ()
    stop = position.stop_loss
    assert stop is not None
    assert judge_answer(terminal.set_stops(position, stop + Decimal("0.00100"), None)) is Verdict.DONE
    (moved,) = terminal.look(("EURUSD",)).positions or ()
    assert (moved.stop_loss, moved.take_profit) == (stop + Decimal("0.00100"), None)

    closing = buy(terminal, side=Side.SELL, position=position.ticket, stop_loss=None, take_profit=None)
    assert judge_answer(closing) is Verdict.DONE
    assert terminal.look(("EURUSD",)).positions == ()
    assert [deal.entry for deal in terminal.list_deals_of(position.position_id)] == [0, 1]


@pytest.mark.parametrize("comment", ["x" * 28, "tägchen"])
def test_a_comment_no_terminal_takes_is_refused_before_anything_is_sent(
    terminal: SupervisedTerminal, comment: str
) -> None:
    with pytest.raises(TerminalUnknown):
        buy(terminal, comment=comment)
    assert terminal.look(("EURUSD",)).positions == ()


def test_volume_goes_down_to_the_step(terminal: SupervisedTerminal) -> None:
    assert buy(terminal, volume_lots=Decimal("0.1999")).filled_lots == Decimal("0.19")


def test_positions_that_cannot_be_read_are_unknown(terminal: SupervisedTerminal, simulator: RunningSimulator) -> None:
    buy(terminal)
    simulator.control.script_fault("positions_none", count=1)
    look = terminal.look(("EURUSD",))

    assert look.positions is None
    assert not look.is_complete
    assert len(terminal.look(("EURUSD",)).positions or ()) == 1


def test_a_terminal_that_has_lost_its_broker_proves_nothing(
    terminal: SupervisedTerminal, simulator: RunningSimulator
) -> None:
    assert buy(terminal).retcode == 10009
    simulator.control.script_fault("server_down", seconds=600)

    look = terminal.look(("EURUSD",))
    assert (look.is_connected, look.is_complete, look.trade_allowed) == (False, False, False)
    with pytest.raises(TerminalUnknown):
        terminal.find_by_tag("nobody", MAGIC, 0)

    simulator.control.clear_faults()
    assert terminal.look(("EURUSD",)).is_complete
    assert terminal.find_by_tag("nobody", MAGIC, 0).is_empty


def test_bars_are_closed_ones_at_the_brokers_hours_in_utc(terminal: SupervisedTerminal) -> None:
    closed = terminal.read_closed_bars("EURUSD", "H4", 300)
    market_at = terminal.look(()).market.market_at.timestamp()

    assert closed.forming_opened_s is not None
    assert closed.rows[-1][0] < closed.forming_opened_s <= market_at
    assert {row[0] % 14_400 for row in closed.rows} == {3600}, "server midnight is 21:00 UTC"


def test_a_strategy_of_four_hours_runs_at_the_brokers_hours(terminal: SupervisedTerminal) -> None:
    server = AgentServer()
    wanted = server.want("RUNNING", cross_rules(), timeframe="H4")
    running = RunningStrategy(wanted, terminal.read_symbol("EURUSD"), "USD")
    running.warm_up(terminal.read_closed_bars("EURUSD", "H4", 300), None, {})

    assert running.runner.bars_seen == 300


def test_our_name_of_a_symbol_is_kept_apart_from_the_brokers(simulator: RunningSimulator) -> None:
    terminal = connect(simulator, symbols={"EURO": "EURUSD"})
    terminal.connect()
    facts = terminal.read_symbol("EURO")
    assert (facts.spec.name, facts.spec.broker_symbol, facts.info["name"]) == ("EURO", "EURUSD", "EURO")
    assert facts.spec.loss_per_lot_check == 1000
    buy_at = terminal.look(("EURO",)).quotes["EURO"].ask
    terminal.send_order(
        MarketOrder(symbol="EURO", side=Side.BUY, volume_lots=Decimal("0.1"), price=buy_at, magic=MAGIC, comment="t")
    )
    assert [position.symbol for position in terminal.look(("EURO",)).positions or ()] == ["EURO"]
    terminal.close()


def test_a_symbol_nobody_has_is_unknown_by_its_name(terminal: SupervisedTerminal) -> None:
    with pytest.raises(TerminalUnknown, match="has no symbol 'NOSUCH'"):
        terminal.read_symbol("NOSUCH")


def test_silence_ends_the_process_and_the_next_question_finds_a_new_one(
    terminal: SupervisedTerminal, simulator: RunningSimulator
) -> None:
    buy(terminal)
    simulator.control.script_fault("hang", seconds=5)
    with pytest.raises(TerminalUnknown):
        terminal.look(())
    until = time.monotonic() + 120
    positions = None
    while positions is None and time.monotonic() < until:
        try:
            positions = terminal.look(()).positions
        except TerminalUnknown:
            time.sleep(0.2)

    assert terminal.restarts >= 1
    assert [position.comment for position in positions or ()] == [TAG]


def test_a_package_that_is_not_there_is_said(simulator: RunningSimulator) -> None:
    terminal = connect(simulator, module="no_such_terminal")
    with pytest.raises(TerminalUnknown, match="no_such_terminal"):
        terminal.connect()
    terminal.close()
