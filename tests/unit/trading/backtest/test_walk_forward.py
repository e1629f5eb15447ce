"""Walk-forward: what is tested was never trained on."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import MONDAY, cross_rules, random_bars
from trading.backtest.costs import Costs
from trading.backtest.run import run
from trading.backtest.search import Objective, Search, Setting, Summary
from trading.backtest.search_space import parse_space
from trading.backtest.walk_forward import (
    WalkPlan,
    WindowResult,
    choose,
    plan_windows,
    stitch,
    trade_choice,
    walk_forward,
)
from trading.errors import InvalidValue
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

EURUSD = typical_instrument("EURUSD")
DAY = 86_400
SPACE = parse_space(
    {"parameters": {"entry.indicators.0.period": {"choices": [2, 3, 4]}, "exit.stopLoss": {"choices": [20, 40]}}}
)
SETTING = Setting(
    bars=random_bars(8, 1500, timeframe=Timeframe.H1),
    instrument=EURUSD,
    costs=Costs(Decimal(1)),
    balance=Decimal(10_000),
)
OBJECTIVE = Objective(statistic="net_profit", min_trades=1)


def _hours(count, start=MONDAY):
    flat = np.full(count, 1.1)
    return Bars(
        Timeframe.H1, start + 3600 * np.arange(count), flat, flat, flat, flat, np.zeros(count), np.zeros(count, int)
    )


def test_rolling_windows_of_fixed_length_join_their_tests():
    windows = plan_windows(_hours(24 * 100), WalkPlan(train_days=40, test_days=20))

    spans = [
        tuple((s - MONDAY) // DAY for s in (w.train_from_s, w.train_to_s, w.test_from_s, w.test_to_s)) for w in windows
    ]
    assert spans == [(0, 40, 40, 60), (20, 60, 60, 80), (40, 80, 80, 100)]


def test_anchored_windows_train_from_the_beginning_and_the_last_test_may_be_shorter():
    windows = plan_windows(_hours(24 * 90), WalkPlan(train_days=40, test_days=20, purge_days=2, anchored=True))

    spans = [
        tuple((s - MONDAY) // DAY for s in (w.train_from_s, w.train_to_s, w.test_from_s, w.test_to_s)) for w in windows
    ]
    assert spans == [(0, 40, 42, 62), (0, 60, 62, 82), (0, 80, 82, 90)]


@settings(max_examples=20, deadline=None)
@given(
    train=st.floats(1, 20), test=st.floats(0.5, 10), more=st.floats(0, 5), purge=st.floats(0, 3), anchored=st.booleans()
)
def test_no_bar_is_trained_and_tested_in_one_window_nor_tested_twice(train, test, more, purge, anchored):
    bars = SETTING.bars
    plan = WalkPlan(train_days=train, test_days=test, step_days=test + more, purge_days=purge, anchored=anchored)

    tested = []
    for window in plan_windows(bars, plan):
        inside = bars.between(window.test_from_s, window.test_to_s).time
        assert window.train(bars).time[-1] + purge * DAY < inside[0] + 3600
        assert window.train(bars).time[-1] < inside[0]
        tested += inside.tolist()

    assert len(tested) == len(set(tested))
    assert tested == sorted(tested)


def test_a_test_opens_nothing_before_it_begins_and_decides_from_history():
    window = plan_windows(SETTING.bars, WalkPlan(train_days=30, test_days=20))[0]
    chosen = Summary(
        number=0, values=SPACE.values(0), statistics={"trades": 9, "net_profit": 1.0, "return_fraction": 0.0}
    )

    tested = trade_choice(window, chosen, cross_rules(), SPACE, SETTING, OBJECTIVE)

    begins = datetime.fromtimestamp(window.test_from_s, UTC)
    whole = run(window.test(SETTING.bars), SPACE.document(cross_rules(), 0), EURUSD, SETTING.costs, SETTING.balance, trade_from=begins)  # fmt: skip
    assert whole.trades[0].opened_at >= begins
    assert tested.equity[0] == pytest.approx(10_000, abs=200)
    assert tested.test_return == pytest.approx(whole.final_balance / 10_000 - 1)
    assert tested.closes_s[0] > window.test_from_s


def test_what_comes_after_a_test_cannot_change_it():
    plan = WalkPlan(train_days=30, test_days=20)
    numbers = Search(SPACE).numbers
    cut = replace(SETTING, bars=SETTING.bars.between(0, plan_windows(SETTING.bars, plan)[0].test_to_s))

    first = walk_forward(cross_rules(), SPACE, numbers, SETTING, plan, OBJECTIVE)[0]
    alone = walk_forward(cross_rules(), SPACE, numbers, cut, plan, OBJECTIVE)[0]

    assert first.chosen == alone.chosen
    assert (first.equity == alone.equity).all()


def test_the_choice_of_a_training_is_its_best_point():
    results = walk_forward(
        cross_rules(), SPACE, Search(SPACE).numbers, SETTING, WalkPlan(train_days=40, test_days=40), OBJECTIVE
    )
    report = stitch(results)

    assert all(result.train_score is not None for result in results)
    assert report.windows == len(results)
    assert report.equity[-1] == pytest.approx(10_000 * np.prod([1 + result.test_return for result in results]))
    assert len(report.closes_s) == len(report.equity) == sum(len(result.equity) for result in results)
    assert {item.path for item in report.stability} == set(SPACE.values(0))


def test_a_window_in_which_nothing_counts_trades_nothing():
    few = Objective(statistic="net_profit", min_trades=10_000)

    results = walk_forward(cross_rules(), SPACE, [0, 1], SETTING, WalkPlan(train_days=40, test_days=40), few)
    report = stitch(results)

    assert choose([], few) is None
    assert (report.return_fraction, report.idle_windows, report.efficiency) == (0.0, len(results), None)


def _window_result(number, train_return, test_return, **values):
    window = plan_windows(_hours(24 * 100), WalkPlan(train_days=40, test_days=20))[number]
    equity = np.array([10_000.0, 10_000 * (1 + test_return)])
    return WindowResult(
        window=window, chosen=number, values=values, train_score=1.0, test_score=1.0, train_return=train_return,
        test_return=test_return, test_statistics={}, balance=10_000.0, closes_s=np.array([window.test_to_s - DAY, window.test_to_s]),
        equity=equity,
    )  # fmt: skip


def test_efficiency_and_stability_by_hand():
    # Training grows 21 % in 40 days, tests 10 % in 20 days: as fast, so 1. The third test loses it all again.
    two = [_window_result(0, 0.21, 0.10, a=10, b="x"), _window_result(1, 0.21, 0.10, a=30, b="x")]

    report = stitch(list(reversed(two)))
    worse = stitch([*two, _window_result(2, 0.21, 1 / 1.21 - 1, a=20, b="y")])

    assert report.efficiency == pytest.approx(1.0)
    assert report.equity.tolist() == pytest.approx([10_000, 11_000, 11_000, 12_100])
    assert worse.efficiency == pytest.approx(0.0, abs=1e-12)
    assert worse.profitable_share == pytest.approx(2 / 3)
    a, b = worse.stability
    assert (a.values, a.relative_spread) == ((10, 30, 20), pytest.approx(0.4082, abs=1e-4))
    assert (b.commonest, b.commonest_share, b.relative_spread) == ("x", pytest.approx(2 / 3), None)


@pytest.mark.parametrize(
    "plan",
    [
        {"train_days": 0, "test_days": 1},
        {"train_days": float("nan"), "test_days": 1},
        {"train_days": 1, "test_days": -1},
        {"train_days": 1, "test_days": 2, "step_days": 1},
        {"train_days": 1, "test_days": 1, "purge_days": -1},
    ],
)
def test_impossible_plans_are_refused(plan):
    with pytest.raises(InvalidValue):
        WalkPlan(**plan)


@pytest.mark.parametrize("plan", [WalkPlan(train_days=5000, test_days=10), WalkPlan(train_days=1, test_days=0.001)])
def test_a_history_that_makes_no_window_or_far_too_many_is_refused(plan):
    with pytest.raises(InvalidValue, match="1 to 500"):
        plan_windows(_hours(24 * 100), plan)
    with pytest.raises(InvalidValue):
        stitch([])
