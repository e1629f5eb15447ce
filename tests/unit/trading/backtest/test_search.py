"""Searches: spaces that are read strictly, points with stable numbers, chunks, objectives, suggestions."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.costs import Costs
from trading.backtest.run import run
from trading.backtest.search import (
    MOST_POINTS,
    Objective,
    Search,
    Setting,
    Summary,
    iterate_points,
    read_summary,
    run_point,
    run_points,
)
from trading.backtest.search_space import InvalidSpace, parse_space
from trading.backtest.suggest import suggest
from trading.errors import InvalidValue
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
BASE = cross_rules("EMA_3", "EMA_8")
FAST, SLOW = "entry.indicators.0.period", "entry.indicators.1.period"
FASTER = {"left": FAST, "is": "<", "right": SLOW}


def _space(*constraints, **parameters):
    return parse_space({"parameters": parameters or {FAST: {"from": 2, "to": 6}, SLOW: {"from": 4, "to": 12, "step": 4}},
                        "constraints": list(constraints)})  # fmt: skip


SETTING = Setting(
    bars=random_bars(4, 600, timeframe=Timeframe.M15),
    instrument=EURUSD,
    costs=Costs(Decimal(1)),
    balance=Decimal(10_000),
)


# --- spaces -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 14))
def test_a_number_names_one_point_for_ever(number):
    space = _space()

    assert space.size == 15
    assert space.number(space.values(number)) == number


def test_a_point_becomes_a_document_and_the_base_stays():
    space = _space(
        **{
            FAST: {"choices": [7]},
            "exit.stopLoss": {"from": 5, "to": 6, "step": 0.5},
            "risk.lotSize": {"choices": [0.2]},
        }
    )

    document = space.document(BASE, 1)

    assert document["entry"]["indicators"] == ["EMA_7", "EMA_8"]
    assert (document["exit"]["stopLoss"], document["risk"]["lotSize"]) == (5.5, 0.2)
    assert BASE["entry"]["indicators"] == ["EMA_3", "EMA_8"]


def test_a_parameter_of_a_catalogue_strategy_may_be_left_out_of_the_document():
    document = {"entry": {"type": "strategy", "name": "RSIStrategy", "parameters": {}}}

    changed = _space(**{"entry.parameters.rsi_period": {"choices": [9]}}).document(document, 0)

    assert changed["entry"]["parameters"] == {"rsi_period": 9}


@pytest.mark.parametrize(
    "path, allowed",
    [
        ("exit.stopLos", ["opposite", "stopLoss", "type"]),
        ("entry.indicators.2", ["0", "1"]),
        ("entri.type", ["entry", "exit", "risk"]),
        ("exit.stopLoss.value", []),
    ],
)
def test_a_path_that_leads_nowhere_says_what_is_there(path, allowed):
    with pytest.raises(InvalidSpace) as refused:
        _space(**{path: {"choices": [1]}}).require_fits(BASE)

    assert f"parameters.{path}".startswith(refused.value.field)
    assert set(refused.value.extra["allowed"]) <= {*allowed, "type"}


@pytest.mark.parametrize(
    "document, field",
    [
        ({}, "parameters"),
        ({"parameters": {}}, "parameters"),
        ({"parameters": {str(n): {"choices": [1]} for n in range(13)}}, "parameters"),
        ({"parameters": {"a": 5}}, "parameters.a"),
        ({"parameters": {"a": {"from": 1}}}, "parameters.a"),
        ({"parameters": {"a": {"from": 1, "to": 2, "by": 1}}}, "parameters.a"),
        ({"parameters": {"a": {"from": 2, "to": 1}}}, "parameters.a"),
        ({"parameters": {"a": {"from": 1, "to": 2, "step": 0}}}, "parameters.a"),
        ({"parameters": {"a": {"from": 1, "to": 2, "step": -1}}}, "parameters.a"),
        ({"parameters": {"a": {"from": float("nan"), "to": 2, "step": 1}}}, "parameters.a"),
        ({"parameters": {"a": {"from": 0.5, "to": 2}}}, "parameters.a"),
        ({"parameters": {"a": {"from": 0, "to": 1_000_000}}}, "parameters.a"),
        ({"parameters": {"a": {"choices": []}}}, "parameters.a"),
        ({"parameters": {"a": {"choices": "abc"}}}, "parameters.a"),
        ({"parameters": {"a": {"choices": [1, 1.0]}}}, "parameters.a"),
        ({"parameters": {"a": {"choices": [float("inf")]}}}, "parameters.a"),
        ({"parameters": {"a": {"choices": [[1]]}}}, "parameters.a"),
        ({"parameters": {"a": {"choices": [1]}}, "constraints": "a < b"}, "constraints"),
        ({"parameters": {"a": {"choices": [1]}}, "constraints": [{"left": "a"}]}, "constraints.0"),
        ({"parameters": {"a": {"choices": [1]}}, "constraints": [{"left": "b", "is": "<", "right": 1}]}, "constraints.0.left"),
        ({"parameters": {"a": {"choices": [1]}}, "constraints": [{"left": "a", "is": "~", "right": 1}]}, "constraints.0.is"),
        ({"parameters": {"a": {"choices": [1]}}, "constraint": []}, "constraint"),
    ],
)  # fmt: skip
def test_a_space_nothing_can_be_searched_in_is_refused_with_its_path(document, field):
    with pytest.raises(InvalidSpace) as refused:
        parse_space(document)

    assert refused.value.field == field


# --- searches ---------------------------------------------------------------------------------------------------


def test_a_million_points_are_refused_with_what_is_allowed():
    space = _space(**{name: {"from": 1, "to": 100} for name in ("a", "b", "c")})

    with pytest.raises(InvalidSpace, match="1,000,000 points are too many, 20,000 are allowed") as refused:
        Search(space)

    assert refused.value.extra == {"points": 1_000_000, "allowed": MOST_POINTS}
    assert len(Search(space, "random", count=50).numbers) == 50


def test_points_that_break_a_constraint_are_left_out_and_counted():
    search = Search(_space(FASTER))

    assert len(search.numbers) == 12  # fast 4, 5 and 6 are not below slow 4
    assert search.skipped == {f"{FAST} < {SLOW}": 3}


@settings(max_examples=30)
@given(size=st.integers(1, 20), count=st.integers(1, 15), seed=st.integers(0, 99))
def test_chunks_hold_every_point_once_and_are_the_same_again(size, count, seed):
    search, again = (Search(_space(FASTER), "random", count=count, seed=seed) for _ in range(2))

    chunks = search.chunks(size)

    assert [number for chunk in chunks for number in chunk.numbers] == list(search.numbers)
    assert len(set(search.numbers)) == len(search.numbers)
    assert chunks == again.chunks(size)
    assert len({chunk.chunk_id for chunk in chunks}) == len(chunks)


@pytest.mark.parametrize("way", [("walk", 5), ("random", None), ("random", 0), ("random", 20_001)])
def test_impossible_searches_are_refused(way):
    with pytest.raises(InvalidSpace):
        Search(_space(), *way)


def test_a_point_is_run_as_a_backtest_of_its_document():
    space = _space()

    summary = run_point(BASE, space, 4, SETTING)

    result = run(SETTING.bars, space.document(BASE, 4), EURUSD, SETTING.costs, SETTING.balance)
    assert summary.values == {FAST: 3, SLOW: 8}
    assert summary.statistics == result.statistics
    assert read_summary(summary.as_dict()) == summary


def test_a_document_that_cannot_be_traded_is_refused_and_the_others_run():
    space = _space(**{"exit.stopLoss": {"choices": [10, -5, 20]}})

    found = run_points(BASE, space, range(3), SETTING)

    assert [summary.refused is None for summary in found] == [True, False, True]
    assert found[1].refused["field"] == "exit.stopLoss"


# --- objectives -------------------------------------------------------------------------------------------------


def _summary(number, **statistics):
    return Summary(number=number, values={}, statistics={"trades": 50, "sharpe_ratio": 1.0, **statistics})


def test_the_best_come_first_and_equals_by_their_number():
    found = [_summary(3), _summary(1), _summary(2, sharpe_ratio=2.0), _summary(0, sharpe_ratio=None)]

    assert [summary.number for summary in Objective().rank(found)] == [2, 1, 3]
    assert [summary.number for summary in Objective(lowest=True).rank(found)] == [1, 3, 2]


def test_too_few_trades_and_too_deep_a_fall_do_not_count():
    few, deep = _summary(1, trades=29), _summary(2, max_drawdown_fraction=0.3)

    assert Objective(max_drawdown_fraction=0.2).rank([few, deep]) == []
    assert Objective().score(None) is None


def test_an_unknown_statistic_is_refused_with_those_there_are():
    with pytest.raises(InvalidValue) as refused:
        Objective(statistic="luck").score({"trades": 50, "net_profit": 3.0})

    assert refused.value.extra["allowed"] == ["net_profit", "trades"]


# --- suggestions ------------------------------------------------------------------------------------------------


def _score(space, number):
    values = space.values(number)
    return -((values["a"] - 30) ** 2) - (values["b"] - 5) ** 2


HILL = {"a": {"from": 0, "to": 60}, "b": {"from": 0, "to": 20}}


def test_suggestions_are_the_same_for_the_same_trials():
    space = parse_space({"parameters": HILL})
    finished = [(number, float(_score(space, number))) for number in range(0, 1200, 60)]

    first = suggest(space, finished, count=4, seed=3)

    assert first == suggest(space, list(reversed(finished)), count=4, seed=3)
    assert first != suggest(space, finished, count=4, seed=4)
    assert not set(first) & {number for number, _ in finished}


def test_suggestions_find_the_hill_sooner_than_chance():
    space = parse_space({"parameters": HILL})
    finished: list[tuple[int, float]] = []
    for _ in range(10):
        finished += [(number, float(_score(space, number))) for number in suggest(space, finished, count=6, seed=1)]

    # 60 of 1,281 points; a random draw is within 4 of the top with 1 in 26.
    assert max(score for _, score in finished) > -16
    assert sum(score > -150 for _, score in finished[30:]) > sum(score > -150 for _, score in finished[:30])


def test_suggestions_keep_the_constraints_and_end_where_nothing_is_left():
    space = _space(FASTER)
    finished = [(number, None) for number in Search(space).numbers[:-2]]

    found = suggest(space, finished, count=5, seed=0)

    assert set(found) <= set(Search(space).numbers[-2:])


def test_suggestions_for_nothing_or_beyond_the_limit_are_refused():
    with pytest.raises(InvalidValue):
        suggest(_space(), [], count=0, seed=0)
    with pytest.raises(InvalidSpace):
        suggest(_space(), [], count=MOST_POINTS + 1, seed=0)


def test_points_come_one_by_one():
    space = _space()

    points = iterate_points(BASE, space, [2, 0], SETTING)

    assert next(points) == run_point(BASE, space, 2, SETTING)
    assert next(points).number == 0
