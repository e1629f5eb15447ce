"""The prefix law with parameters nobody chose: any right ones, on any market, cut anywhere."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.trading.strategies.cases import walk
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.catalogue import CATALOGUE
from trading.strategies.registry import build

EURUSD = typical_instrument("EURUSD")
NAMES = [
    "MikrobotStrategy",
    "MovingAverageStrategy",
    "RSIStrategy",
    "MeanReversionStrategy",
    "MultiIndicatorStrategy",
    "AdvancedMomentumStrategy",
    "ATRVolatilityStrategy",
    "ForexSessionStrategy",
]
MARKETS = {name: walk(51, 330, Timeframe.M1 if name == "MikrobotStrategy" else Timeframe.H1, 20.0) for name in NAMES}


def values_of(parameter):
    low, high = parameter.minimum, parameter.maximum
    whole = st.integers(int(low or 0), int(min(high or 50, low + 60 if low is not None else 60)))
    kinds = {
        "int": whole,
        "float": st.floats(low or 0.0, high if high is not None and high < 1000 else 10.0, allow_nan=False),
        "bool": st.booleans(),
        "choice": st.sampled_from(parameter.choices or ("",)),
        "choices": st.lists(st.sampled_from(parameter.choices or ("",)), min_size=1, max_size=4),
        "ints": st.lists(whole, min_size=parameter.shortest, max_size=4),
    }
    return kinds[parameter.kind]


def right_parameters(spec):
    # Few at a time: all of them at random would wish nothing.
    shape = {name: values_of(parameter) for name, parameter in spec.parameters.items() if name != "min_confidence"}
    return st.dictionaries(st.sampled_from(sorted(shape)), st.none(), max_size=3).flatmap(
        lambda chosen: st.fixed_dictionaries({name: shape[name] for name in chosen})
    )


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(data=st.data(), stop=st.integers(1, 329))
def test_no_wish_depends_on_later_bars_whatever_the_parameters(name, data, stop):
    spec, bars = CATALOGUE[name], MARKETS[name]
    told = data.draw(right_parameters(spec))
    assume(not list(spec.check(told)))
    strategy = build(name, told, EURUSD, bars.timeframe)

    whole, part = strategy.plan(bars, {}), strategy.plan(bars.part(0, stop), {})

    for known, seen in zip(part, whole, strict=True):
        np.testing.assert_array_equal(known, seen[:stop])
