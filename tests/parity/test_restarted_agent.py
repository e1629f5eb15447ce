"""The agent, killed and started again in the middle, trades 2,000 recorded minutes as the backtest does, field by field."""

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
from tests.parity.test_agent_equals_backtest import as_tuple, list_deals, list_trades, write_replay
from tests.simulation import running_simulator
from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.run import Costs, run
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.catalogue import get_spec

pytestmark = pytest.mark.journey

BALANCE, LOGIN, SPREAD_POINTS, BARS = Decimal(10_000), 1001, 2, 2000
NAME = "EURUSD_M1_2020Q3.csv"
BESIDE = [folder / "shared" / "data" / NAME for folder in Path(__file__).resolve().parents[2:]]

MANAGED = {
    **cross_rules(
        exit={"type": "stop_target", "stopLoss": 6, "takeProfit": 12, "trailingStop": True, "trailingStopDistance": 3},
        risk={"lotSize": 5, "maxRisk": 0.7, "maxOpenTrades": 3},
    ),
    "rules_version": 2,
    "management": {
        "partialExits": [
            {"at": {"unit": "r", "value": 0.25}, "fraction": 0.4},
            {"at": {"unit": "r", "value": 0.5}, "fraction": 0.3},
        ],
        "breakEven": {"at": {"unit": "r", "value": 0.4}, "offset": 0.2},
        "maxBars": 60,
    },
}
# Quiet minutes: the strategy's own 4 to 15 pips would wait for days.
MIKROBOT = get_spec("MikrobotStrategy").document({"atr_min_pips": 0.3, "bos_min_pips": 0.1, "bos_lookback": 3})
DOCUMENTS = {
    "trailing, partial exits, break-even": (MANAGED, 30, {"PARTIAL_EXIT", "TRAILING_STOP"}),
    "Mikrobot": (MIKROBOT, 3, set()),
}


def read_minutes() -> Bars:
    """Return recorded minutes where they are, else a walk of as many bars."""
    path = next((path for path in BESIDE if path.exists()), None)
    if path is None:
        return random_bars(21, BARS, volatility_ticks=9)
    rows = [line.split(",") for line in path.read_text().splitlines()[:BARS]]
    times = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) for row in rows]
    return Bars.from_rows(Timeframe.M1, [(at, *map(float, row[1:6])) for at, row in zip(times, rows, strict=True)])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_restart_in_the_middle_changes_no_trade(name: str, tmp_path: Path) -> None:
    document, least, reasons = DOCUMENTS[name]
    bars = read_minutes()
    server = AgentServer()
    options: dict[str, Any] = {
        "replay": write_replay(tmp_path, bars),
        "speed": "max",
        "spread_points": SPREAD_POINTS,
        "paused": True,
    }
    with running_simulator(tmp_path, **options) as simulator, serving(server) as url:
        simulator.control.call("change_terms", symbol="EURUSD", swap_long_points=0.0, swap_short_points=0.0)
        simulator.open_account(LOGIN, balance=str(BALANCE))
        began_at = datetime.fromtimestamp(simulator.control.state()["market_at"], UTC)
        server.want("RUNNING", document)
        with running_agent(tmp_path / "agent", simulator, url) as agent:
            wait_for(server, lambda: server.status() is not None and server.status().observed == "RUNNING")
            simulator.control.resume()
            wait_for(server, lambda: len(server.list_reports("trade_closed")) >= least // 3, timeout_s=300)
            simulator.control.pause()
            # A signal of the very bar in which it is killed would be late afterwards, and rightly is not traded.
            wait_for(server, lambda: not any(one["pending"] for one in simulator.control.state()["subscriptions"]))
            agent.kill()
            last_life = server.snapshots[-1].instance_id
            agent.start()
            # Its own word: what the last life said of itself still stands when the next one says hello.
            wait_for(server, lambda: server.snapshots[-1].instance_id != last_life)
            wait_for(server, lambda: server.status().observed == "RUNNING")
            simulator.control.resume()
            wait_for(server, lambda: server.snapshots[-1].market.ended, timeout_s=300)
            closed = len(list_deals(simulator, entry_in=False))
            wait_for(server, lambda: len(server.list_reports("trade_closed")) >= closed)
        lived = list_trades(simulator, server)

    trade_from = began_at + timedelta(seconds=1)
    costs = Costs(Decimal(SPREAD_POINTS) / 10)
    tested = run(bars, document, typical_instrument("EURUSD"), costs, BALANCE, trade_from=trade_from).trades
    expected = [as_tuple(trade) for trade in tested if trade.exit_reason != "END_OF_DATA"]
    assert sorted(lived) == sorted(expected)
    assert len(lived) >= least
    assert reasons <= {trade[-1] for trade in lived}
