"""A market of a few bars written by hand, and a broker over it without process or wall clock."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator import mt5
from simulator.broker.checks import Permissions
from simulator.broker.desk import Conditions
from simulator.broker.ledger import Ledger
from simulator.broker.records import HEDGING, ZERO, Account, Deal, Position
from simulator.broker.request import FIELDS, TradeRequest, read_trade_request
from simulator.broker.retcodes import Outcome
from simulator.exchange import Exchange
from simulator.market import sessions
from simulator.market.source import BaseBars
from simulator.market.symbols import SymbolTerms, typical_terms
from simulator.market.zone import ServerZone
from tests.simulation import PASSWORD, SERVER, RunningSimulator, running_simulator

# a Wednesday
START = "2026-01-14T10:00:00Z"
NOON = int(datetime(2026, 1, 14, 12, tzinfo=UTC).timestamp())
Prices = tuple[float, float, float, float]


@dataclass
class ScriptedMarket:
    """One-minute bars (open, high, low, close) from noon on, without a gap; each symbol has its own."""

    bars: dict[str, list[Prices]]
    spread_points: int = 20
    start: int = NOON
    step_s: int = 60
    terms: dict[str, SymbolTerms] = field(default_factory=dict)
    base_s: int = 60

    @property
    def ends_at(self) -> float | None:
        return float(self.start + self.step_s * max(len(bars) for bars in self.bars.values()))

    @property
    def first_week(self) -> int:
        return sessions.find_week(self.start)

    def list_terms(self) -> list[SymbolTerms]:
        return [self.terms.get(symbol, typical_terms(symbol)) for symbol in self.bars]

    def load(self, symbol: str, week: int) -> BaseBars:
        rows = np.array(self.bars[symbol])
        utc = self.start + self.step_s * np.arange(len(rows), dtype=np.int64)
        inside = np.array([sessions.find_week(moment) == week for moment in utc], dtype=bool)
        counts = np.full(inside.sum(), 100), np.full(inside.sum(), self.spread_points)
        columns = [rows[inside, column] for column in range(4)]
        return BaseBars(utc[inside], *columns, *counts)


@dataclass
class Broker:
    """An exchange with the words of a trader."""

    exchange: Exchange
    folder: Path

    def open_account(self, login: int = 1, **terms: Any) -> Account:
        values: dict[str, Any] = {
            "login": login,
            "password_hash": "",
            "server": "Test",
            "name": "Test",
            "company": "Test",
            "currency": "USD",
            "currency_digits": 2,
            "leverage": 100,
            "margin_mode": HEDGING,
            "balance": Decimal("10000.00"),
            "credit": ZERO,
            "commission_per_lot": ZERO,
            "commission_mode": "half",
            "margin_call_percent": Decimal(100),
            "stop_out_percent": Decimal(50),
            "limit_orders": 200,
            "fifo_close": False,
            "swap_free": False,
            "trade_allowed": True,
            "trade_expert": True,
            "opened_at": float(NOON),
        }
        account = Account(**(values | terms))
        self.exchange.books.keep(account)
        self.exchange.books.commit(self.exchange.market_at)
        return account

    def send(self, login: int = 1, conditions: Conditions | None = None, **fields: Any) -> Outcome:
        nothing = {name: "" if name in ("symbol", "comment") else 0 for name in FIELDS}
        values = nothing | {"action": 1, "symbol": "EURUSD", "volume": 0.1} | fields
        request: TradeRequest = read_trade_request(values)
        account = self.exchange.books.accounts[login]
        at, permissions = self.exchange.market_at, Permissions()
        return self.exchange.desk.send(account, request, at, permissions, conditions or Conditions())

    def next_bar(self, count: int = 1) -> None:
        """Play the bar at hand to its end and open the next one."""
        for _ in range(count):
            assert self.exchange.step(float("inf")) is not None

    def play(self, seconds: float) -> None:
        """Play within the bar at hand."""
        assert self.exchange.step(self.exchange.market_at + seconds) is None

    def positions(self, login: int = 1) -> list[Position]:
        return self.exchange.books.list_positions(login)

    def deals(self, login: int = 1) -> list[Deal]:
        return self.exchange.books.ledger.list_deals(login, -1e15, 1e15)

    def balance(self, login: int = 1) -> Decimal:
        return self.exchange.books.accounts[login].balance


BrokerMaker = Callable[..., Broker]


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[BrokerMaker]:
    """Return a function that builds a broker over hand-written EURUSD bars (or ``bars`` of several symbols)."""
    made: list[Ledger] = []

    def make(*eurusd: Prices, zone: str = "UTC", terms: dict[str, Any] | None = None, **market: Any) -> Broker:
        bars = market.pop("bars", None) or {"EURUSD": list(eurusd)}
        changed = {"EURUSD": replace(typical_terms("EURUSD"), **terms)} if terms else {}
        source = ScriptedMarket(bars, terms=changed, **market)
        ledger = Ledger(tmp_path)
        made.append(ledger)
        exchange = Exchange(source, ServerZone(zone), ledger, float(source.start), skips_closed=True)
        return Broker(exchange, tmp_path)

    yield make
    for ledger in made:
        ledger.close()


def flat(price: float, count: int) -> list[Prices]:
    """Return bars on which nothing moves."""
    return [(price, price, price, price)] * count


# the process -----------------------------------------------------------------------------------------------------


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[RunningSimulator]:
    with running_simulator(tmp_path, start=START, paused=True, spread_points=10) as running:
        running.open_account(1001, balance="100000")
        connect(running)
        yield running
        mt5.shutdown()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSimulator]:
    folder = tmp_path_factory.mktemp("lasting")
    with running_simulator(folder, start=START, paused=True, spread_points=10) as running:
        yield running


@pytest.fixture
def shared(lasting: RunningSimulator) -> Iterator[RunningSimulator]:
    """A simulator that other tests use too, with an account of one's own."""
    lasting.open_account(max(lasting.login, 1000) + 1, balance="100000")
    connect(lasting)
    yield lasting
    lasting.control.clear_faults()
    mt5.shutdown()


def connect(running: RunningSimulator) -> None:
    assert mt5.initialize(running.address, login=running.login, password=PASSWORD, server=SERVER), mt5.last_error()


def buy(**fields: Any) -> Any:
    return mt5.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.1} | fields)


def wait_until(condition: Any, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.01)
