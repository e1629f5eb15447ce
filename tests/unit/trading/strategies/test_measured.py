"""A strategy of the catalogue with exits of the document that are measured bar by bar."""

import json
from decimal import Decimal

import numpy as np
import pytest

from tests.unit.trading.strategies.cases import CASES
from trading.backtest.run import Costs, run
from trading.engine.source import CLOSE_BUYS
from trading.engine.sources import build_source
from trading.indicators.arrays import atr
from trading.model.instruments import typical_instrument
from trading.model.orders import ExitReason
from trading.strategies.base import walk
from trading.strategies.catalogue import CATALOGUE

EURUSD = typical_instrument("EURUSD")
BARS = next(case.bars for case in CASES if case.name == "MovingAverageStrategy")
TWO_ATR = {"unit": "atr", "value": 2, "period": 14}


def document(exit_, name="MovingAverageStrategy"):
    return {**CATALOGUE[name].document(), "exit": {"type": "opposite_signal", **exit_}}


def source(exit_, name="MovingAverageStrategy"):
    return build_source(document(exit_, name), EURUSD, BARS.timeframe)


@pytest.mark.parametrize(
    "exit_",
    [{"stopLoss": TWO_ATR}, {"stopLoss": {"unit": "swing", "bars": 2}, "takeProfit": {"unit": "atr", "value": 4}}],
)
def test_a_measured_stop_comes_with_every_entry(exit_):
    plan = source(exit_).plan(BARS, {})
    entered = plan.side != 0

    assert entered.any()
    assert (plan.stop_distance[entered] > 0).all()
    assert (plan.stop_distance[~entered] == 0).all()
    assert len(run(BARS, document(exit_), EURUSD, Costs(Decimal(1)), Decimal(10_000)).trades) > 0


def test_the_distance_is_that_of_the_indicator_at_the_signal():
    plan = source({"stopLoss": TWO_ATR}).plan(BARS, {})
    entered = plan.side != 0

    np.testing.assert_allclose(
        plan.stop_distance[entered], 2 * atr(BARS.high, BARS.low, BARS.close, 14)[entered], rtol=1e-9
    )


def test_update_plan_and_a_restart_agree():
    exit_ = {"stopLoss": TWO_ATR, "closeLong": {"left": {"indicator": "RSI", "period": 14}, "op": ">", "right": 60}}
    running, said = source(exit_), []
    for index, (bar, beside) in enumerate(walk(BARS, {})):
        if index == 400:
            kept = json.loads(json.dumps(running.snapshot(), allow_nan=False))
            running = source(exit_)
            running.restore(kept)
        wish = running.update(bar, beside)
        said.append((wish.side, wish.closes, wish.stop_distance, wish.target_distance, wish.trail_distance))

    plan = source(exit_).plan(BARS, {})

    assert said == [tuple(row) for row in zip(*(column.tolist() for column in plan), strict=True)]
    assert (plan.closes == CLOSE_BUYS).any()


def test_what_the_strategy_brings_itself_stays():
    own = CATALOGUE["ATRVolatilityStrategy"].document()
    plain = build_source(own, EURUSD, BARS.timeframe).plan(BARS, {})
    measured = source({"stopLoss": {"unit": "atr", "value": 9}}, "ATRVolatilityStrategy").plan(BARS, {})

    np.testing.assert_array_equal(measured.stop_distance, plain.stop_distance)
    np.testing.assert_array_equal(measured.side, plain.side)


def test_a_condition_closes_what_the_strategy_opened():
    exit_ = {"stopLoss": 50, "closeLong": {"left": {"indicator": "RSI", "period": 14}, "op": ">", "right": 55}}

    trades = run(BARS, document(exit_), EURUSD, Costs(Decimal(1)), Decimal(10_000)).trades

    assert ExitReason.SIGNAL in {trade.exit_reason for trade in trades}


def test_an_entry_before_the_measured_stop_is_known_is_none():
    late = {"stopLoss": {"unit": "atr", "value": 2, "period": 300}}
    plan, plain = source(late).plan(BARS, {}), source({"stopLoss": 50}).plan(BARS, {})

    assert plain.side[:200].any()
    assert not plan.side[:200].any()
