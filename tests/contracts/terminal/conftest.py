"""One suite for every terminal: the simulated one always, the real package where it is installed."""

import importlib
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import PASSWORD, SERVER, running_simulator

API: dict[str, Any] = json.loads((Path(__file__).parent / "api.json").read_text("utf-8"))
# a Wednesday in trading hours
START = "2026-01-14T10:00:00Z"


@dataclass
class Terminal:
    """A terminal under test: its module and the symbol that the suite trades."""

    mt5: Any
    symbol: str
    reconnect: dict[str, Any]

    def tick(self) -> Any:
        """Return the symbol's last tick."""
        return self.mt5.symbol_info_tick(self.symbol)

    def buy(self, **fields: Any) -> Any:
        """Send a market order of 0.10 lots to buy, changed by ``fields``."""
        request = {"action": self.mt5.TRADE_ACTION_DEAL, "symbol": self.symbol, "volume": 0.1, "type": 0}
        return self.mt5.order_send(request | fields)

    def close(self, position: Any, **fields: Any) -> Any:
        """Close a position, or a part of it."""
        return self.buy(type=1 - position.type, volume=position.volume, position=position.ticket, **fields)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    from simulator import mt5

    folder = tmp_path_factory.mktemp("terminal")
    with running_simulator(folder, start=START, paused=True, server_zone="SERVER_NY+7") as simulator:
        simulator.open_account(1001, balance="100000")
        simulator.open_account(1002, balance="100000", margin_mode=0)
        reconnect = {"path": simulator.address, "login": 1001, "password": PASSWORD, "server": SERVER}
        yield Terminal(mt5, "EURUSD", reconnect)
        mt5.shutdown()


@pytest.fixture(scope="module")
def real() -> Terminal:
    mt5 = importlib.import_module("MetaTrader5")
    account = mt5.account_info() if mt5.initialize() else None
    if account is None or account.trade_mode != mt5.ACCOUNT_TRADE_MODE_DEMO:
        pytest.skip("no MetaTrader 5 terminal with a demo account is running here")
    return Terminal(mt5, "EURUSD", {})


HAS_REAL = importlib.util.find_spec("MetaTrader5") is not None
KINDS = ["simulated", "real"] if HAS_REAL else ["simulated"]


@pytest.fixture(params=KINDS)
def package(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A module without a terminal: what can be held to the real package wherever that can be imported."""
    module = importlib.import_module("MetaTrader5" if request.param == "real" else "simulator.mt5")
    module.shutdown()
    yield module
    module.shutdown()


@pytest.fixture(params=KINDS)
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """A connected terminal without positions and orders."""
    chosen: Terminal = request.getfixturevalue(request.param)
    assert chosen.mt5.initialize(**chosen.reconnect), chosen.mt5.last_error()
    yield chosen
    chosen.mt5.initialize(**chosen.reconnect)
    for position in chosen.mt5.positions_get(symbol=chosen.symbol) or ():
        chosen.close(position)
    for order in chosen.mt5.orders_get(symbol=chosen.symbol) or ():
        chosen.mt5.order_send({"action": chosen.mt5.TRADE_ACTION_REMOVE, "order": order.ticket})
