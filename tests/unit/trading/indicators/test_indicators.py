from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import jit
from trading.errors import InvalidValue
from trading.indicators import arrays
from trading.indicators.warmup import warmup_bars

PRICES = st.lists(st.integers(90_000, 130_000).map(lambda ticks: ticks / 100_000), min_size=1, max_size=120)
OF_CLOSE = {"sma": arrays.sma, "ema": arrays.ema, "rsi": arrays.rsi}


def _atr(close, period):
    return arrays.atr(close + 0.001, close - 0.002, close, period)


ALL = {**OF_CLOSE, "atr": _atr}


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=50, deadline=None)
@given(closes=PRICES, period=st.integers(1, 30), seen=st.integers(1, 120))
def test_a_value_never_depends_on_later_bars(name, closes, period, seen):
    closes = np.array(closes)
    seen = min(seen, len(closes))

    early, whole = ALL[name](closes[:seen], period), ALL[name](closes, period)

    assert np.array_equal(early, whole[:seen], equal_nan=True)


@pytest.mark.parametrize("name", ALL)
def test_machine_code_gives_the_same_doubles(name):
    random = np.random.default_rng(3)
    close = 1.1 + np.cumsum(random.normal(0, 1e-4, 500)).round(5)
    kind = arrays.KINDS[name.upper()]
    out = np.empty(500)

    jit.compiled(arrays.fill)(kind, np.zeros(arrays.state_size(kind, 14)), 14, close + 0.001, close - 0.002, close, out)

    assert np.array_equal(out, ALL[name](close, 14), equal_nan=True)


def test_ema_by_hand():
    # seed (2+4+6)/3 = 4; alpha 2/4: 4 + (8-4)/2 = 6; 6 + (1-6)/2 = 3.5
    assert arrays.ema(np.array([2.0, 4.0, 6.0, 8.0, 1.0]), 3).tolist()[2:] == [4.0, 6.0, 3.5]


def test_rsi_by_hand():
    # changes +2 -1 +1: averages over 2: gain 1.0, loss 0.5 -> 100*1/1.5; then gain (1+1)/2 = 1, loss 0.25 -> 80
    assert arrays.rsi(np.array([10.0, 12.0, 11.0, 12.0]), 2).tolist()[2:] == pytest.approx([66.666667, 80.0])


@pytest.mark.parametrize(("closes", "expected"), [([5.0] * 9, 50.0), (range(1, 10), 100.0), (range(10, 1, -1), 0.0)])
def test_rsi_at_its_ends(closes, expected):
    assert arrays.rsi(np.array(list(closes), dtype=float), 4)[-1] == expected


def test_atr_by_hand():
    # ranges: 2; max(1, |14-10|, |13-10|) = 4; seed 3; then max(2, |13-14|, |11-14|) = 3 -> 3 + (3-3)/2
    high, low, close = np.array([[11.0, 14.0, 13.0], [9.0, 13.0, 11.0], [10.0, 14.0, 12.0]])

    assert arrays.atr(high, low, close, 2).tolist()[1:] == [3.0, 3.0]


@pytest.mark.parametrize(("name", "period"), [("EMA", 5), ("EMA", 50), ("RSI", 14), ("SMA", 20)])
@pytest.mark.parametrize("residual", [1e-3, 1e-9])
def test_after_the_warm_up_where_history_begins_no_longer_matters(name, period, residual):
    random = np.random.default_rng(11)
    close = 1.1 + np.cumsum(random.normal(0, 1e-4, 4000)).round(5)
    need = warmup_bars(name, period, residual=residual)
    function = OF_CLOSE[name.lower()]
    scale = 100.0 if name == "RSI" else np.ptp(close)

    long_ago, lately = function(close, period)[-1], function(close[-need:], period)[-1]

    assert abs(long_ago - lately) <= residual * scale


def test_the_seed_weighs_what_was_computed_elsewhere():
    # 99 updates after the seed: EMA50 keeps 1.905 % of it, EMA200 37.157 %
    for period, weight in ((50, 0.01905), (200, 0.37157)):
        assert (1 - 2 / (period + 1)) ** 99 == pytest.approx(weight, abs=1e-5)
        assert warmup_bars("EMA", period, residual=weight * 1.001) == period + 99


@pytest.mark.parametrize(
    "call", [partial(warmup_bars, "MACD", 5, residual=0.1), partial(warmup_bars, "EMA", 0, residual=0.1)]
)
def test_no_warm_up_for_what_is_unknown(call):
    with pytest.raises(InvalidValue):
        call()
