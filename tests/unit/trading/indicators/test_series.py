import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import MONDAY, flat_then, random_bars
from trading.errors import InvalidValue
from trading.indicators.series import compute
from trading.indicators.specs import SPECS
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

talib = pytest.importorskip("talib", reason="TA-Lib is a development dependency")

# Short enough for a few hundred bars to hold every warm-up.
SHORT = {
    "SMA": {"period": 5},
    "EMA": {"period": 4},
    "WMA": {"period": 6},
    "RSI": {"period": 5},
    "ATR": {"period": 5},
    "MACD": {"fast": 3, "slow": 6, "signal": 4},
    "BOLLINGER": {"period": 7, "deviations": 1.5},
    "ADX": {"period": 4},
    "STOCHASTIC": {"k": 5, "smooth": 3, "d": 2},
    "CCI": {"period": 6},
    "WILLIAMS": {"period": 5},
    "DONCHIAN": {"period": 5},
    "KELTNER": {"period": 5, "atrPeriod": 4, "multiple": 1.5},
    "VWAP": {"dayStartMinute": 90},
    "PIVOT": {"dayStartMinute": 0},
    "SWING": {"bars": 2, "lookback": 20},
}


def _bars(seed, count, timeframe=Timeframe.M1):
    bars = random_bars(seed, count, timeframe=timeframe)
    volume = np.random.default_rng(seed).integers(0, 50, count).astype(float)
    return Bars(bars.timeframe, bars.time, bars.open, bars.high, bars.low, bars.close, volume, bars.spread_points)


BARS = _bars(5, 3000)
TALIB = {
    "SMA": lambda b: {"value": talib.SMA(b.close, 20)},
    "EMA": lambda b: {"value": talib.EMA(b.close, 20)},
    "WMA": lambda b: {"value": talib.WMA(b.close, 20)},
    "RSI": lambda b: {"value": talib.RSI(b.close, 14)},
    "ATR": lambda b: {"value": talib.ATR(b.high, b.low, b.close, 14)},
    "MACD": lambda b: dict(zip(("macd", "signal", "hist"), talib.MACD(b.close, 12, 26, 9), strict=True)),
    "BOLLINGER": lambda b: dict(zip(("upper", "middle", "lower"), talib.BBANDS(b.close, 20, 2.0, 2.0), strict=True)),
    "ADX": lambda b: {
        "adx": talib.ADX(b.high, b.low, b.close, 14),
        "plus": talib.PLUS_DI(b.high, b.low, b.close, 14),
        "minus": talib.MINUS_DI(b.high, b.low, b.close, 14),
    },
    "STOCHASTIC": lambda b: dict(zip(("k", "d"), talib.STOCH(b.high, b.low, b.close, 14, 3, 0, 3, 0), strict=True)),
    "CCI": lambda b: {"value": talib.CCI(b.high, b.low, b.close, 20)},
    "WILLIAMS": lambda b: {"value": talib.WILLR(b.high, b.low, b.close, 14)},
    "DONCHIAN": lambda b: {"upper": talib.MAX(b.high, 20), "lower": talib.MIN(b.low, 20)},
    "KELTNER": lambda b: {"middle": talib.EMA(b.close, 20)},
}


@pytest.mark.parametrize("name", TALIB)
def test_values_are_those_of_ta_lib_once_the_seeds_are_forgotten(name):
    ours, theirs = compute(name, BARS), TALIB[name](BARS)
    spec = SPECS[name]
    start = spec.warmup(spec.fill({}), 1e-14, 60)

    for line, values in theirs.items():
        # A price is about 1; the oscillators run to 100 and more, from differences of prices in the fifth digit.
        scale = 1.0 if spec.unit == "price" else 100.0
        assert np.abs(ours[line][start:] - values[start:]).max() <= 1e-9 * scale, line


def test_every_indicator_is_tested_for_the_prefix_law():
    assert set(SHORT) == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), seen=st.integers(1, 80))
def test_a_value_never_depends_on_later_bars(name, seed, seen):
    bars = _bars(seed, 80, Timeframe.H1)

    early, whole = compute(name, bars.part(0, seen), **SHORT[name]), compute(name, bars, **SHORT[name])

    for line in whole:
        assert np.array_equal(early[line], whole[line][:seen], equal_nan=True)


@pytest.mark.parametrize("name", SPECS)
def test_machine_code_gives_the_same_doubles(name):
    bars = BARS.part(0, 400)

    plain, machine = compute(name, bars, **SHORT[name]), compute(name, bars, plain=False, **SHORT[name])

    for line in plain:
        assert np.array_equal(plain[line], machine[line], equal_nan=True)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("residual", [1e-3, 1e-9])
def test_after_the_warm_up_where_history_begins_no_longer_matters(name, residual):
    bars = _bars(8, 1200, Timeframe.M15)
    spec = SPECS[name]
    need = spec.warmup(spec.fill(SHORT[name]), residual, bars.timeframe.seconds)

    for cut in (300, 411, 590):
        long_ago, lately = compute(name, bars, **SHORT[name]), compute(name, bars.part(cut), **SHORT[name])
        for line in spec.lines:
            scale = np.ptp(bars.close) if spec.unit == "price" else 100.0
            away = np.abs(long_ago[line][cut + need - 1 :] - lately[line][need - 1 :])
            assert np.nanmax(away, initial=0.0) <= residual * scale + 1e-12
            same = np.isnan(long_ago[line][cut + need - 1 :]) == np.isnan(lately[line][need - 1 :])
            assert same.all()


def _flat(count=60):
    return flat_then([(1.1, 1.1, 1.1, 1.1)] * count)


@pytest.mark.parametrize(
    ("name", "line", "value"),
    [("RSI", "value", 50), ("STOCHASTIC", "k", 50), ("WILLIAMS", "value", -50), ("CCI", "value", 0), ("ADX", "adx", 0)],
)
def test_a_market_that_does_not_move_is_in_the_middle_of_nothing(name, line, value):
    assert compute(name, _flat())[line][-1] == value


def test_percent_d_is_the_mean_of_the_last_percent_k():
    lines = compute("STOCHASTIC", BARS.part(0, 100), k=5, smooth=1, d=4)

    assert lines["d"][-1] == pytest.approx(lines["k"][-4:].mean(), abs=1e-12)


def test_pivots_by_hand():
    # Yesterday: high 12, low 8, close 10, so P = 10, R1 = 12, S1 = 8, R2 = 14, S2 = 6, R3 = 16, S3 = 4.
    rows = [(MONDAY, 9, 12, 9, 11), (MONDAY + 3600, 11, 11, 8, 10), (MONDAY + 86400, 10, 30, 1, 20)]

    lines = compute("PIVOT", Bars.from_rows(Timeframe.H1, rows))

    assert {line: values[-1] for line, values in lines.items()} == {
        "p": 10,
        "r1": 12,
        "r2": 14,
        "r3": 16,
        "s1": 8,
        "s2": 6,
        "s3": 4,
    }
    assert all(np.isnan(values[:2]).all() for values in lines.values())


def test_vwap_begins_anew_with_the_day_and_is_unknown_without_volume():
    rows = [(0, 9, 9, 9, 9, 5), (3600, 3, 3, 3, 3, 15), (86400, 7, 7, 7, 7, 0), (90000, 8, 8, 8, 8, 1)]
    bars = Bars.from_rows(Timeframe.H1, [(MONDAY + time, *rest) for time, *rest in rows])

    assert np.array_equal(compute("VWAP", bars)["value"], [9, 4.5, np.nan, 8], equal_nan=True)


def test_a_swing_is_known_only_when_it_is_confirmed_and_forgotten_after_the_lookback():
    highs = [1, 2, 5, 3, 2, 2, 2, 2, 2]
    bars = flat_then([(high - 0.5, high, high - 1.5 + 0.9, high - 0.2) for high in map(float, highs)])

    lines = compute("SWING", bars, bars=2, lookback=3)

    assert np.array_equal(lines["high"][:8], [np.nan] * 4 + [5, 5, 5, 5], equal_nan=True)
    assert np.isnan(lines["high"][8])


def test_of_equal_highs_the_first_is_the_swing():
    bars = flat_then([(high - 0.5, high, 0.1, high - 0.2) for high in (1.0, 3.0, 3.0, 1.0, 1.0)])

    assert compute("SWING", bars, bars=1)["high"][2] == 3.0
    assert np.isnan(compute("SWING", bars.part(1), bars=1)["high"][-1])


@pytest.mark.parametrize(
    ("name", "given"), [("MOON", {}), ("RSI", {"period": 0}), ("RSI", {"k": 3}), ("EMA", {"period": 2.5})]
)
def test_what_is_no_indicator_is_refused(name, given):
    with pytest.raises(InvalidValue):
        compute(name, BARS, **given)
