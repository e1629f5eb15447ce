from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules, flat_then, random_bars
from trading.errors import InvalidRules
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.rules.compile import compile_rules
from trading.rules.tree import CrossEntry, IndicatorRef, build_rules

EURUSD = typical_instrument("EURUSD")
RSI = {
    "entry": {"type": "rsi_threshold", "indicator": "RSI_3", "oversold": 40, "overbought": 60},
    "exit": {"type": "opposite_signal", "stopLoss": 10},
    "risk": {"lotSize": 0.1},
}


def _signals(closes, document=None):
    bars = flat_then([(close, close, close, close) for close in closes])
    return compile_rules(document or cross_rules("SMA_2", "SMA_3"), EURUSD, Timeframe.M1).signals(bars).tolist()


def test_a_cross_is_seen_once_at_the_bar_that_makes_it():
    # SMA2 - SMA3 at bar 3 is (1+2)/2 - (1+1+2)/3 > 0 after 0; at bar 6 (2+1)/2 - (2+2+1)/3 < 0 after 0
    assert _signals([1, 1, 1, 2, 2, 2, 1, 1]) == [0, 0, 0, 1, 0, 0, -1, 0]


def test_touching_the_line_is_the_near_side_of_it():
    # differences: bar 3 above, bar 5 exactly 0 (three equal closes), bar 6 above again: from 0 that is a cross
    assert _signals([1, 1, 1, 2, 2, 2, 3]) == [0, 0, 0, 1, 0, 0, 1]


def test_a_flat_market_gives_no_signal_from_rounding():
    closes = [1.10003] * 60

    assert set(_signals(closes, cross_rules("EMA_3", "SMA_7"))) == {0}


def test_the_order_of_indicators_decides_what_above_means():
    closes = [1, 1, 1, 2, 2, 2, 1, 1]

    turned = _signals(closes, cross_rules("SMA_3", "SMA_2"))

    assert turned == [-signal for signal in _signals(closes)]


def test_rsi_signals_when_it_comes_back_from_an_extreme():
    fall, rise = [1.2 - 0.001 * i for i in range(40)], [1.161 + 0.001 * i for i in range(1, 40)]

    signals = np.array(_signals([*fall, *rise, 1.19, 1.18], RSI))

    assert signals.nonzero()[0].tolist() == [41, 79]  # two rises lift it over 40; the first big fall drops it under 60
    assert signals[[41, 79]].tolist() == [1, -1]


def test_no_signal_while_the_seed_still_matters():
    compiled = compile_rules(cross_rules("EMA_20", "EMA_50"), EURUSD, Timeframe.M1)

    signals = compiled.signals(random_bars(4, 3000))

    assert compiled.first_signal_bar == 224  # 50 + 173 for the slow average, and the bar before it
    assert not signals[: compiled.first_signal_bar - 1].any()
    assert signals.any()


DOCUMENTS = st.sampled_from(
    [cross_rules(a, b) for a, b in (("EMA_3", "EMA_8"), ("SMA_2", "SMA_5"), ("EMA_4", "SMA_9"))] + [RSI]
)


@settings(max_examples=60, deadline=None)
@given(document=DOCUMENTS, seed=st.integers(0, 2**32 - 1), seen=st.integers(1, 200))
def test_a_signal_never_depends_on_later_bars(document, seed, seen):
    bars = random_bars(seed, 200)
    compiled = compile_rules(document, EURUSD, Timeframe.M1)

    assert compiled.signals(bars.part(0, seen))[-1] == compiled.signals(bars)[seen - 1]


def test_the_typed_tree_says_what_the_document_says():
    rules = build_rules(cross_rules("ema_20", "SMA_50", "below", risk={"maxRisk": 2}))

    assert rules.entry == CrossEntry(IndicatorRef("EMA", 20), IndicatorRef("SMA", 50))
    assert (rules.buys, rules.sells) == (False, True)
    assert rules.risk.risk_fraction == Decimal("0.02")


def test_a_distance_below_one_tick_is_refused():
    with pytest.raises(InvalidRules, match=r"at least 0\.1 pips") as caught:
        compile_rules(cross_rules(exit={"stopLoss": 0.05}), EURUSD, Timeframe.M1)

    assert caught.value.field == "exit.stopLoss"
