"""A person logs the terminal into another account while it is read: nothing of that account passes for ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from executor_agent.config import TerminalConfig
from executor_agent.errors import TerminalUnknown
from executor_agent.terminal.metatrader5 import MetaTraderTerminal
from simulator import mt5
from tests.simulation import PASSWORD, SERVER, RunningSimulator, running_simulator
from tests.unit.executor_agent import another_account

MINE, OTHER = 8_101, 8_102


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    folder = tmp_path_factory.mktemp("market")
    with running_simulator(folder, seed=3, paused=True, start="2026-07-15T12:00:00Z") as running:
        for login in (MINE, OTHER):
            running.open_account(login, balance="100000")
        running.control.call("trade_by_hand", login=OTHER, symbol="EURUSD", side="BUY", volume="0.10", sl=1.0)
        yield running


@pytest.fixture
def terminal(simulator: RunningSimulator, tmp_path: Path) -> Iterator[MetaTraderTerminal]:
    config = TerminalConfig(
        module=another_account.__name__, path=simulator.address, login=MINE, password=PASSWORD, server=SERVER
    )
    opened = MetaTraderTerminal(config, {})
    opened.connect()
    assert opened.look(()).positions == ()
    another_account.before_reading.append(lambda: simulator.control.call("force_login", login=OTHER))
    yield opened
    another_account.before_reading.clear()
    simulator.control.call("force_login", login=None)
    mt5.shutdown()


def test_a_look_in_which_the_account_changed_knows_no_positions(terminal: MetaTraderTerminal) -> None:
    look = terminal.look(())

    assert (look.positions, look.orders, look.is_complete) == (None, None, False)
    assert str(OTHER) in look.problem


def test_the_other_accounts_history_is_no_answer(terminal: MetaTraderTerminal) -> None:
    for ask in (lambda: terminal.list_deals_since(0), lambda: terminal.list_deals_of(1)):
        with pytest.raises(TerminalUnknown, match=str(OTHER)):
            ask()


def test_nothing_found_on_another_account_is_no_evidence(terminal: MetaTraderTerminal) -> None:
    with pytest.raises(TerminalUnknown, match=str(OTHER)):
        terminal.find_by_tag("m01", 1, 0)
