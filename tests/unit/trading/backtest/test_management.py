"""Managed positions: what the backtest does, the agent's runner does, over partial exits, break-even, trailing, time and sessions."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal

import pytest

from tests.unit.trading.making import cross_rules, random_bars
from tests.unit.trading.paper import PaperTerminal
from trading.backtest.run import Costs, run
from trading.engine.runner import StrategyRunner
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.rules.document import trail_where_none

EURUSD = typical_instrument("EURUSD")
SPREAD = Decimal("0.8")


def rules(management=None, **exit_):
    shape = cross_rules(exit={"type": "stop_target", "stopLoss": 8, **exit_}, risk={"lotSize": 0.5, "maxOpenTrades": 2})
    return {**shape, "rules_version": 2, **({"management": management} if management else {})}


R = {"unit": "r", "value": 1}
DOCUMENTS = {
    "partials and break-even": rules(
        {
            "partialExits": [{"at": {"unit": "r", "value": 0.5}, "fraction": 0.4}, {"at": R, "fraction": 0.4}],
            "breakEven": {"at": R, "offset": 1},
        },
        takeProfit={"unit": "r", "value": 3},
    ),
    "trailing by average range": rules(
        stopLoss={"unit": "atr", "value": 2}, trailingStop=True, trailingStopDistance={"unit": "atr", "value": 1}
    ),
    "trailing from a start": rules(trailingStop=True, trailingStopDistance=3, trailingStart=6),
    "bars": rules({"maxBars": 5}),
    "minutes": rules({"maxMinutes": 12}),
    "percent": rules(stopLoss={"unit": "percent", "value": 0.1}, takeProfit={"unit": "percent", "value": 0.15}),
    "swing": rules(stopLoss={"unit": "swing", "bars": 2, "buffer": 1}, takeProfit={"unit": "r", "value": 2}),
    "session": {
        **rules({"closeAtSessionEnd": True}),
        "filters": {"timeRange": {"start": "08:00", "end": "16:30", "timezone": "Europe/Berlin"}},
    },
}
EXPECTED = {
    "partials and break-even": "PARTIAL_EXIT",
    "bars": "TIME_EXIT",
    "minutes": "TIME_EXIT",
    "session": "SESSION_END",
    "trailing by average range": "TRAILING_STOP",
    "trailing from a start": "TRAILING_STOP",
}


@pytest.mark.parametrize("frame", [Timeframe.M1, Timeframe.M5])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_runner_manages_as_the_backtest_does(name, frame):
    bars = random_bars(11, 2500, volatility_ticks=9)

    tested = run(bars, DOCUMENTS[name], EURUSD, Costs(SPREAD), Decimal(10_000), timeframe=frame, plain=True).trades
    runner = StrategyRunner(document=DOCUMENTS[name], instrument=EURUSD, timeframe=frame)
    terminal = PaperTerminal(runner, EURUSD, spread=SPREAD * EURUSD.pip_size, balance=Decimal(10_000))

    assert [asdict(trade) for trade in tested] == [asdict(trade) for trade in terminal.play(bars)]
    assert len(tested) >= 5
    assert EXPECTED.get(name, tested[0].exit_reason) in {trade.exit_reason for trade in tested}


OF_THE_ACCOUNT = Decimal("0.0003")


@pytest.mark.parametrize("frame", [Timeframe.M1, Timeframe.M5])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_trailing_stop_handed_out_with_approvals_is_the_backtests_of_the_account(name, frame):
    bars = random_bars(11, 2500, volatility_ticks=9)
    document = trail_where_none(DOCUMENTS[name], OF_THE_ACCOUNT)

    tested = run(bars, document, EURUSD, Costs(SPREAD), Decimal(10_000), timeframe=frame, plain=True).trades
    runner = StrategyRunner(document=DOCUMENTS[name], instrument=EURUSD, timeframe=frame)
    money = {"spread": SPREAD * EURUSD.pip_size, "balance": Decimal(10_000)}
    terminal = PaperTerminal(runner, EURUSD, **money, trail_fraction=OF_THE_ACCOUNT)

    assert [asdict(trade) for trade in tested] == [asdict(trade) for trade in terminal.play(bars)]
    if not DOCUMENTS[name]["exit"].get("trailingStop") and name not in ("bars", "minutes"):
        assert "TRAILING_STOP" in {trade.exit_reason for trade in tested}


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name.startswith("trailing")])
def test_a_strategys_own_trailing_stop_is_left_alone(name):
    assert trail_where_none(DOCUMENTS[name], OF_THE_ACCOUNT) == DOCUMENTS[name]
