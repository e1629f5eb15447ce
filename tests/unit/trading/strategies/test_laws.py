"""What holds for every strategy of the catalogue, whatever it trades."""

import json
from functools import cache

import numpy as np
import pytest

from tests.unit.trading.strategies.cases import CASES, label
from trading.errors import InvalidBars, InvalidRules, InvalidValue
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.base import walk
from trading.strategies.catalogue import CATALOGUE
from trading.strategies.registry import build, load_class

every_case = pytest.mark.parametrize("place", range(len(CASES)), ids=[label(case) for case in CASES])


@cache
def whole_plan(place):
    case = CASES[place]
    return case.build().plan(case.bars, case.others)


def rows(plan, stop=None):
    return [tuple(row) for row in zip(*(column[:stop].tolist() for column in plan), strict=True)]


def as_row(wish):
    return (wish.side, wish.closes, wish.stop_distance, wish.target_distance, wish.trail_distance)


def cut(others, time_s):
    return {symbol: bars.between(0, time_s + 1) for symbol, bars in others.items()}


def test_there_is_a_case_for_every_strategy():
    assert {case.name for case in CASES} == set(CATALOGUE)


@every_case
def test_it_trades_in_its_market(place):
    side = whole_plan(place).side

    assert np.count_nonzero(side) >= 2
    assert set(np.unique(side)) <= {-1, 0, 1}


@every_case
def test_a_wish_never_depends_on_later_bars(place):
    case = CASES[place]
    whole = rows(whole_plan(place))
    wished = np.flatnonzero(whole_plan(place).side)
    # Where something is wished a peek would show; a middle and both ends beside.
    stops = {1, len(case.bars) // 2, len(case.bars) - 1, *(int(at) + 1 for at in (wished[0], wished[len(wished) // 2]))}
    if case.name == "MLPatternStrategy":
        stops = {int(wished[0]) + 1}

    for stop in stops:
        part = case.build().plan(case.bars.part(0, stop), cut(case.others, int(case.bars.time[stop - 1])))
        assert rows(part) == whole[:stop], f"prefix of {stop} bars"


@every_case
def test_a_restart_in_the_middle_changes_nothing(place):
    case = CASES[place]
    whole = rows(whole_plan(place))
    wished = np.flatnonzero(whole_plan(place).side)
    stops = {int(wished[0]), int(wished[len(wished) // 2]) + 1}
    running, said = case.build(), []

    for index, (bar, beside) in enumerate(walk(case.bars, case.others)):
        if index in stops:
            kept = json.loads(json.dumps(running.snapshot(), allow_nan=False))
            running = case.build()
            running.restore(kept)
        said.append(as_row(running.update(bar, beside)))

    assert said == whole


@every_case
def test_a_plan_does_not_touch_the_strategy_it_is_asked_of(place):
    case = CASES[place]
    strategy = case.build()
    before = strategy.snapshot()

    strategy.plan(case.bars.part(0, 60), cut(case.others, int(case.bars.time[59])))

    assert strategy.snapshot() == before


# A cooldown and a position believed to be held reach back further than any window; these have neither.
WITHOUT_LONG_MEMORY = {
    "MikrobotStrategy",
    "RSIStrategy",
    "MovingAverageStrategy",
    "MultiIndicatorStrategy",
    "ForexSessionStrategy",
}


@pytest.mark.parametrize("place", [i for i, case in enumerate(CASES) if case.name in WITHOUT_LONG_MEMORY])
def test_where_history_begins_is_forgotten_after_the_warm_up(place):
    case = CASES[place]
    told = dict(case.parameters)
    if "cooldown_seconds" in CATALOGUE[case.name].parameters:
        told["cooldown_seconds"] = 0
    whole = build(case.name, told, typical_instrument(case.symbol), case.bars.timeframe)
    skipped = 100

    late = rows(whole.plan(case.bars.part(skipped), {}))
    full = rows(whole.plan(case.bars, {}))

    settled = whole.warmup_bars
    assert any(row[0] for row in full[skipped + settled :])
    for after, expected in zip(late[settled:], full[skipped + settled :], strict=True):
        assert after == pytest.approx(expected, rel=1e-6)


def test_a_bar_cannot_be_folded_twice():
    case = CASES[1]
    strategy = case.build()
    strategy.update(case.bars[0], {})

    with pytest.raises(InvalidBars, match="again, or too late"):
        strategy.update(case.bars[0], {})


def test_a_snapshot_of_other_parameters_is_refused_and_nothing_changes():
    bars = CASES[1].bars
    eurusd = typical_instrument("EURUSD")
    one = build("RSIStrategy", {}, eurusd, Timeframe.H1)
    other = build("RSIStrategy", {"rsi_period": 7}, eurusd, Timeframe.H1)
    for bar in bars.part(0, 20):
        one.update(bar, {})
    before = other.snapshot()

    with pytest.raises(InvalidValue, match="parameters differs"):
        other.restore(one.snapshot())

    assert other.snapshot() == before


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_its_code_is_where_its_spec_says_and_explains_itself(name):
    found = load_class(name)

    assert found.spec is CATALOGUE[name]
    assert "Source:" in found.__doc__
    assert CATALOGUE[name].mended


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_no_bars_are_no_wishes(name):
    case = next(case for case in CASES if case.name == name)

    plan = case.build().plan(Bars.empty(case.bars.timeframe), {})

    assert [len(column) for column in plan] == [0] * 5


def test_a_strategy_of_daily_bars_refuses_minutes():
    carry = next(case for case in CASES if case.name == "ForexCarryTradeStrategy")

    with pytest.raises(InvalidRules, match="runs on D1 bars, not on M1"):
        build(carry.name, carry.parameters, typical_instrument("EURUSD"), Timeframe.M1)
