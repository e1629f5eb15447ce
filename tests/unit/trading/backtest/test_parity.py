"""The agent's runner with a hand-written terminal does what the backtest does, trade by trade; plain Python what machine code does."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules, random_bars
from tests.unit.trading.paper import PaperTerminal
from trading.backtest.run import Costs, run
from trading.engine.runner import StrategyRunner
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
USDJPY = typical_instrument("USDJPY")

DOCUMENTS = {
    "opposite": cross_rules(),
    "long only": cross_rules(direction="above"),
    "short only": cross_rules(direction="below"),
    "stop and target": cross_rules(exit={"type": "stop_target", "stopLoss": 6, "takeProfit": 9}),
    "trailing": cross_rules(
        exit={"type": "stop_target", "stopLoss": 12, "trailingStop": True, "trailingStopDistance": 4}
    ),
    "sized by risk": cross_rules(risk={"lotSize": 50, "maxRisk": 1.5, "maxDailyLoss": 3}),
    "hours": cross_rules(
        filters={"timeRange": {"start": "22:00", "end": "06:30", "timezone": "America/New_York"}, "daysOfWeek": [1, 2]}
    ),
    "one at a time": cross_rules(
        exit={"type": "stop_target", "stopLoss": 25, "takeProfit": 30}, risk={"maxOpenTrades": 1}
    ),
    "rsi": {
        "entry": {"type": "rsi_threshold", "indicator": "RSI_5", "oversold": 35, "overbought": 65},
        "exit": {"type": "opposite_signal", "stopLoss": 8, "takeProfit": 12},
        "risk": {"lotSize": 0.3},
    },
}


def _backtest(bars, document, instrument=EURUSD, *, plain=True, timeframe=None):
    costs = Costs(Decimal("0.8"))
    return run(bars, document, instrument, costs, Decimal(10_000), timeframe=timeframe, plain=plain)


def _live(bars, document, instrument=EURUSD, *, timeframe=None):
    runner = StrategyRunner(document=document, instrument=instrument, timeframe=timeframe or bars.timeframe)
    spread = Decimal("0.8") * instrument.pip_size
    return PaperTerminal(runner, instrument, spread=spread, balance=Decimal(10_000)).play(bars)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_runner_trades_what_the_backtest_trades(name, seed):
    bars = random_bars(seed, 1500)

    tested, lived = _backtest(bars, DOCUMENTS[name]).trades, _live(bars, DOCUMENTS[name])

    assert [asdict(trade) for trade in tested] == [asdict(trade) for trade in lived]
    assert len(tested) >= 2


@pytest.mark.parametrize("name", DOCUMENTS)
def test_machine_code_trades_what_plain_python_trades(name):
    bars = random_bars(7, 3000)

    plain, fast = (_backtest(bars, DOCUMENTS[name], plain=way) for way in (True, False))

    assert plain.trades == fast.trades
    assert plain.equity.tolist() == fast.equity.tolist()
    assert plain.statistics == fast.statistics


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("plain", [True, False])
def test_a_strategy_on_coarse_bars_is_matched_on_the_fine_ones_as_live(name, plain):
    bars = random_bars(6, 6000, volatility_ticks=6)

    tested = _backtest(bars, DOCUMENTS[name], plain=plain, timeframe=Timeframe.M5).trades
    lived = _live(bars, DOCUMENTS[name], timeframe=Timeframe.M5)

    assert [asdict(trade) for trade in tested] == [asdict(trade) for trade in lived]
    assert len(tested) >= 2


def test_parity_holds_where_profit_is_converted_by_the_price():
    bars = random_bars(5, 1500, ticks_per_unit=1000)
    document = cross_rules(exit={"stopLoss": 3}, risk={"lotSize": 90, "maxRisk": 1})

    tested, lived = _backtest(bars, document, USDJPY).trades, _live(bars, document, USDJPY)

    assert [asdict(trade) for trade in tested] == [asdict(trade) for trade in lived]
    assert len(tested) > 3


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    stop=st.integers(1, 40),
    target=st.none() | st.integers(1, 60),
    trail=st.none() | st.integers(1, 30),
    opposite=st.booleans(),
    open_trades=st.integers(1, 4),
)
def test_parity_holds_for_any_exit(seed, stop, target, trail, opposite, open_trades):
    exit_ = {"type": "opposite_signal" if opposite else "stop_target", "stopLoss": stop}
    exit_ |= {"takeProfit": target} if target else {}
    exit_ |= {"trailingStop": True, "trailingStopDistance": trail} if trail else {}
    document = cross_rules("SMA_2", "SMA_5", exit=exit_, risk={"maxRisk": 1, "maxOpenTrades": open_trades})
    bars = random_bars(seed, 250, timeframe=Timeframe.M15)

    tested, lived = _backtest(bars, document).trades, _live(bars, document)

    assert [asdict(trade) for trade in tested] == [asdict(trade) for trade in lived]
