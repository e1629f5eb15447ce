"""Every way through the same bars gives the same trades: bar by bar, from event to event, the short way; plain and compiled."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.run import Costs, run_prepared
from trading.engine.params import Reach, managed
from trading.engine.sources import prepare
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
USDJPY = typical_instrument("USDJPY")
BALANCE = Decimal(10_000)


def walk(bars, prepared, costs, **options):
    """Return everything a run says: trades, balance, equity, what was skipped."""
    result = run_prepared(bars, prepared, costs, BALANCE, **options)
    return list(result.trades), result.final_balance, result.equity.tolist(), result.statistics["skipped_signals"]


@st.composite
def exits(draw):
    stop = draw(st.integers(1, 60))
    target = draw(st.none() | st.integers(1, 90))
    points = draw(st.sampled_from([1, 10]))  # down to stops of a single tick
    shape = {"type": draw(st.sampled_from(["opposite_signal", "stop_target"])), "stopLoss": stop / points}
    return shape | ({"takeProfit": target / points} if target else {})


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    periods=st.tuples(st.integers(2, 12), st.integers(2, 20)),
    direction=st.sampled_from(["both", "above", "below"]),
    exit_=exits(),
    open_trades=st.integers(1, 3),
    risk=st.none() | st.integers(1, 30),
    spread=st.none() | st.sampled_from(["0", "0.1", "0.8", "3"]),
    commission=st.sampled_from(["0", "3.5"]),
    slippage=st.integers(0, 3),
    pessimistic=st.booleans(),
    yen=st.booleans(),
    volatility=st.sampled_from([1.0, 4.0, 15.0]),
)
def test_the_short_way_trades_what_the_long_way_trades(
    seed, periods, direction, exit_, open_trades, risk, spread, commission, slippage, pessimistic, yen, volatility
):
    sizing = {"lotSize": 40, "maxRisk": risk} if risk else {"lotSize": 3}
    rules = cross_rules(
        f"EMA_{periods[0]}",
        f"EMA_{periods[0] + periods[1]}",
        direction,
        exit=exit_,
        risk={**sizing, "maxOpenTrades": open_trades},
    )
    instrument, unit = (USDJPY, 1000) if yen else (EURUSD, 100_000)
    bars = random_bars(seed, 500, volatility_ticks=volatility, ticks_per_unit=unit)
    if spread is None:
        spreads = np.random.default_rng(seed).integers(0, 30, len(bars))
        bars = replace(bars, spread_points=spreads)
    costs = Costs(None if spread is None else Decimal(spread), Decimal(commission), slippage)
    prepared = prepare(rules, instrument, Timeframe.M1)

    short = walk(bars, prepared, costs, pessimistic=pessimistic, plain=True)
    long = walk(bars, prepared, costs, pessimistic=pessimistic, plain=True, skips=False)

    assert short == long


MANAGED = {
    "trailing from a start": {"trail": Reach(0.0005), "trail_start": Reach(0.0004), "trails_from_start": True},
    "break-even": {"break_even_at": Reach(r=0.5), "break_even_offset": Reach(0.0001)},
    "two partials": {"partials": np.array([[0.0, 0.0, 0.5, 0.3], [0.0, 0.0, 1.0, 0.3]])},
    "everything": {
        "trail": Reach(r=1.0),
        "break_even_at": Reach(0.0004),
        "partials": np.array([[0.0003, 0.0, 0.0, 0.5]]),
        "bars_max": 12,
        "seconds_max": 900,
    },
    "nothing": {},
}
FULL_COSTS = Costs(
    Decimal("0.8"),
    Decimal("3.5"),
    1,
    swap_long_points=Decimal("-6.5"),
    swap_short_points=Decimal("2.1"),
    leverage=Decimal(100),
)


@pytest.mark.parametrize("name", MANAGED)
@pytest.mark.parametrize("seed", [3, 4])
def test_bars_that_are_not_walked_through_change_nothing(name, seed):
    risk = {"lotSize": 2, "maxDailyLoss": 3, "maxOpenTrades": 4}
    rules = cross_rules(exit={"type": "stop_target", "stopLoss": 8, "takeProfit": 30}, risk=risk)
    prepared = prepare(rules, EURUSD, Timeframe.M1)
    prepared = replace(prepared, params=managed(prepared.params._replace(**MANAGED[name])))
    bars = random_bars(seed, 4000)

    jumping = walk(bars, prepared, FULL_COSTS, plain=True)
    walking = walk(bars, prepared, FULL_COSTS, plain=True, skips=False)
    compiled = walk(bars, prepared, FULL_COSTS, plain=False)

    assert jumping == walking == compiled
    assert len(jumping[0]) > 20


def test_equity_nobody_asked_for_is_not_marked():
    result = run_prepared(random_bars(1, 2000), prepare(cross_rules(), EURUSD, Timeframe.M1), Costs(), BALANCE)

    assert "equity_fine" not in vars(result)
    assert len(result.equity) == 2000
