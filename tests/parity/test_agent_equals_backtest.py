"""The agent itself (process, approvals, journal, reports) on the simulated terminal trades what the backtest says it would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.agents.http_server import serving
from tests.agents.process import running_agent
from tests.agents.server import AgentServer
from tests.agents.waiting import wait_for
from tests.simulation import RunningSimulator, running_simulator
from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.run import Costs, run
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument

pytestmark = pytest.mark.journey

SPREAD_POINTS, BALANCE, LOGIN = 8, Decimal(10_000), 1001
DEAL_ENTRY_IN, DEAL_TYPE_BUY = 0, 0

DOCUMENTS = {
    "opposite signal, stop and target": cross_rules(exit={"stopLoss": 15, "takeProfit": 25}),
    "trailing, sized by risk, several at once": cross_rules(
        exit={"type": "stop_target", "stopLoss": 12, "trailingStop": True, "trailingStopDistance": 5},
        risk={"lotSize": 5, "maxRisk": 0.7, "maxOpenTrades": 3},
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_agent_trades_what_the_backtest_trades(name: str, tmp_path: Path) -> None:
    bars = random_bars(21, 1500, volatility_ticks=9)
    replay = write_replay(tmp_path, bars)
    server = AgentServer()
    options: dict[str, Any] = {"replay": replay, "speed": "max", "spread_points": SPREAD_POINTS, "paused": True}
    with running_simulator(tmp_path, **options) as simulator, serving(server) as url:
        # The backtest knows no swap.
        simulator.control.call("change_terms", symbol="EURUSD", swap_long_points=0.0, swap_short_points=0.0)
        simulator.open_account(LOGIN, balance=str(BALANCE))
        began_at = datetime.fromtimestamp(simulator.control.state()["market_at"], UTC)
        server.want("RUNNING", DOCUMENTS[name])
        with running_agent(tmp_path / "agent", simulator, url):
            wait_for(server, lambda: server.status() is not None and server.status().observed == "RUNNING")
            simulator.control.resume()
            wait_for(server, lambda: server.snapshots[-1].market.ended, timeout_s=300)
            closed = len(list_deals(simulator, entry_in=False))
            wait_for(server, lambda: len(server.list_reports("trade_closed")) >= closed)
        lived = list_trades(simulator, server)

    costs = Costs(Decimal(SPREAD_POINTS) / 10)
    trade_from = began_at + timedelta(seconds=1)
    tested = run(bars, DOCUMENTS[name], typical_instrument("EURUSD"), costs, BALANCE, trade_from=trade_from).trades
    tested = [trade for trade in tested if trade.exit_reason != "END_OF_DATA"]
    assert sorted(lived) == sorted(as_tuple(trade) for trade in tested)
    assert len(lived) >= 20
    assert len({trade[-1] for trade in lived}) >= 2, "one reason only shows little"


def write_replay(folder: Path, bars: Bars) -> Path:
    lines = (f"{bar.opened_at:%Y-%m-%d %H:%M},{bar.open},{bar.high},{bar.low},{bar.close},50" for bar in bars)
    path = folder / "EURUSD_M1.csv"
    path.write_text("\n".join(lines))
    return path


def list_deals(simulator: RunningSimulator, *, entry_in: bool) -> list[dict[str, Any]]:
    deals = simulator.control.ledger(LOGIN)["deals"]
    return [deal for deal in deals if deal["symbol"] and (deal["entry"] == DEAL_ENTRY_IN) is entry_in]


def list_trades(simulator: RunningSimulator, server: AgentServer) -> list[tuple[Any, ...]]:
    """The broker's own truth about prices and money; the agent's reports say why."""
    entries = {deal["position_id"]: deal for deal in list_deals(simulator, entry_in=True)}
    reasons = {report["deal_ticket"]: report["exit_reason"] for report in server.list_reports("trade_closed")}
    return [
        as_trade(entries[deal["position_id"]], deal, reasons[deal["ticket"]])
        for deal in list_deals(simulator, entry_in=False)
    ]


def as_trade(entry: dict[str, Any], close: dict[str, Any], reason: str) -> tuple[Any, ...]:
    side = "BUY" if entry["type"] == DEAL_TYPE_BUY else "SELL"
    times = (minute(int(deal["made_at"])) for deal in (entry, close))
    numbers = (Decimal(str(value)) for value in (close["volume"], entry["price"], close["price"], close["profit"]))
    return (*times, side, *numbers, reason)


def as_tuple(trade: Any) -> tuple[Any, ...]:
    opened, closed = (minute(int(at.timestamp())) for at in (trade.opened_at, trade.closed_at))
    numbers = (trade.volume_lots, trade.entry_price, trade.exit_price, trade.pnl)
    return (opened, closed, str(trade.side), *numbers, str(trade.exit_reason))


def minute(time_s: int) -> int:
    return time_s // 60 * 60
