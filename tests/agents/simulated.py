"""An agent in this process over the simulated terminal, stepped by hand: the simulator's ledger is the truth to compare with."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

from executor_agent.agent import Agent
from executor_agent.config import TerminalConfig
from executor_agent.journal import Journal
from executor_agent.terminal.metatrader5 import MetaTraderTerminal
from executor_agent.terminal.ports import MarketOrder, OrderAnswer
from tests.agents.server import AgentServer
from tests.agents.world import FakeClocks, InlineCourier
from tests.simulation import PASSWORD, SERVER, RunningSimulator
from tests.unit.trading.making import cross_rules
from trading.model.orders import Side
from trading.protocol import PositionMessage, ReportAnswers, Reports

MAGIC = 1_000_001
RULES = cross_rules("SMA_50", "SMA_200", exit={"stopLoss": 20, "takeProfit": 60})
_logins = itertools.count(7001)
_tags = itertools.count(1)


class DirectTerminal(MetaTraderTerminal):
    """The adapter without a process of its own; keeps what it sent."""

    life, restarts = 1, 0

    def __init__(self, config: TerminalConfig, symbols: dict[str, str]) -> None:
        super().__init__(config, symbols)
        self.sent: list[MarketOrder] = []
        self.stops_sent = 0

    def send_order(self, order: MarketOrder) -> OrderAnswer:
        self.sent.append(order)
        return super().send_order(order)

    def set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> OrderAnswer:
        self.stops_sent += 1
        return super().set_stops(position, stop_loss, take_profit)


class SimulatedWorld:
    """One account of a paused simulator, and an agent beside it whose clocks are moved by hand."""

    def __init__(self, simulator: RunningSimulator, folder: Path, symbols: dict[str, str] | None = None, **terms: Any):
        self.simulator, self.folder = simulator, folder
        self.login = simulator.open_account(next(_logins), **{"balance": "10000", **terms})
        self.config = TerminalConfig(
            module="simulator.mt5", path=simulator.address, login=self.login, password=PASSWORD, server=SERVER
        )
        self.symbols = symbols or {}
        self.clocks = FakeClocks()
        self.server = AgentServer(self.clocks.at)
        self.start()

    def start(self) -> None:
        """Begin a life of the agent."""
        self.courier = InlineCourier(self.server, self.clocks)
        self.journal = Journal(self.folder)
        self.terminal = DirectTerminal(self.config, self.symbols)
        self.agent = Agent(self.clocks, self.terminal, self.courier, self.journal)

    def steps(self, count: int = 8, seconds: float = 0.5) -> None:
        """Let time pass at the agent, not at the market."""
        for _ in range(count):
            self.clocks.seconds += seconds
            self.agent.step()

    def run_strategy(self, **changes: Any) -> None:
        """Have a strategy RUNNING that will not trade by itself for a while."""
        self.server.want("RUNNING", RULES, **changes)
        self.steps()
        name = changes.get("assignment_id", "asg_1")
        assert self.server.status(name).observed == "RUNNING", self.server.status(name)

    def open_position(self, tag: str = "", magic: int = MAGIC, **changes: Any) -> int:
        """Open a long of 0.10 at the broker under our magic; returns its ticket. The agent adopts it at its next look."""
        quote = self.terminal.look(("EURUSD",)).quotes["EURUSD"]
        values: dict[str, Any] = {
            "symbol": "EURUSD", "side": Side.BUY, "volume_lots": Decimal("0.10"), "price": quote.ask, "magic": magic,
            "comment": tag or f"mk{next(_tags):08d}", "stop_loss": quote.bid - Decimal("0.00500"),
            "take_profit": quote.bid + Decimal("0.01000"),
        } | changes  # fmt: skip
        answer = MetaTraderTerminal.send_order(self.terminal, MarketOrder(**values))
        assert answer.order_ticket, answer
        return answer.order_ticket

    @property
    def ledger(self) -> dict[str, Any]:
        """The broker's own truth."""
        return self.simulator.control.ledger(self.login)

    def position(self, ticket: int) -> dict[str, Any]:
        """Return a position as the broker holds it."""
        return next(row for row in self.ledger["positions"] if row["ticket"] == ticket)

    def events(self) -> list[str]:
        """Return the names of the events told so far."""
        return [body["event"] for body in self.server.list_reports("agent_event")]

    @staticmethod
    def refuse_reports(message: Reports) -> ReportAnswers:
        """Stand in for a server that takes no report."""
        return ReportAnswers(answers=[])

    def close(self) -> None:
        """End the agent and its connection."""
        self.terminal.close()
        self.journal.close()
