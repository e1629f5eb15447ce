"""A record against the steps of a bot's life, and the signs of decline."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.metrics.track import STEPS, Track, check_promotion, find_decline, measure_track

MONDAY = date(2026, 3, 2)
GOOD = Track(
    trades=120,
    win_rate=0.60,
    sharpe=2.5,
    days=90,
    losing_days=0,
    drawdown_fraction=0.05,
    profit_factor=2.0,
    critical_events=0,
)


def record(*days, capital=1000, after=0, **more):
    """Return the record of one trade a day, Monday first."""
    results = [(MONDAY + timedelta(days=number), Decimal(str(pnl))) for number, pnl in enumerate(days)]
    return measure_track(results, capital=Decimal(capital), today=MONDAY + timedelta(days=len(days) + after), **more)


@pytest.mark.parametrize("stage, following", [("PRIMAL", "PENDING"), ("PENDING", "PERFECT"), ("PERFECT", "LIVE")])
def test_a_good_record_meets_every_step(stage, following):
    found, needs = check_promotion(stage, GOOD)
    assert found == following
    assert all(need.is_met for need in needs)


@pytest.mark.parametrize(
    "stage, change, missing",
    [
        ("PRIMAL", {"trades": 19}, "trades"),
        ("PRIMAL", {"win_rate": 0.499}, "win_rate"),
        ("PRIMAL", {"days": 6}, "days"),
        ("PRIMAL", {"critical_events": 1}, "critical_events"),
        ("PENDING", {"trades": 49}, "trades"),
        ("PENDING", {"sharpe": 1.49}, "sharpe"),
        ("PENDING", {"sharpe": None}, "sharpe"),
        ("PENDING", {"drawdown_fraction": 0.151}, "drawdown_fraction"),
        ("PERFECT", {"win_rate": 0.579}, "win_rate"),
        ("PERFECT", {"sharpe": 1.99}, "sharpe"),
        ("PERFECT", {"drawdown_fraction": 0.101}, "drawdown_fraction"),
        ("PERFECT", {"profit_factor": 1.49}, "profit_factor"),
        ("PERFECT", {"days": 59}, "days"),
    ],
)
def test_each_figure_alone_holds_a_bot_back(stage, change, missing):
    _, needs = check_promotion(stage, replace(GOOD, **change))
    assert [need.name for need in needs if not need.is_met] == [missing]


def test_after_the_last_stage_comes_nothing():
    assert check_promotion("LIVE", GOOD) == ("", [])


def test_nothing_shown_meets_nothing_but_the_absence_of_trouble():
    nothing = record()
    for stage in STEPS:
        _, needs = check_promotion(stage, nothing)
        assert {need.name for need in needs if need.is_met} <= {"drawdown_fraction", "critical_events"}
    assert find_decline(nothing) == []


def test_a_bot_that_never_lost_has_no_profit_factor_and_is_not_held_back_by_that():
    _, needs = check_promotion("PERFECT", replace(GOOD, profit_factor=None))
    assert all(need.is_met for need in needs)


def test_days_are_counted_from_the_first_closed_trade():
    assert record(10, after=6).days == 7


def test_the_latest_losing_days_are_counted_until_one_that_did_not_lose():
    assert record(10, -1, 5, -1, -2, -3).losing_days == 3
    assert record(-1, 0).losing_days == 0


@pytest.mark.parametrize(
    "change, sign",
    [
        ({"win_rate": 0.449}, "win_rate"),
        ({"sharpe": 0.49}, "sharpe"),
        ({"drawdown_fraction": 0.201}, "drawdown_fraction"),
        ({"losing_days": 5}, "losing_days"),
    ],
)
def test_each_sign_of_decline_is_seen_and_few_trades_show_none(change, sign):
    assert [need.name for need in find_decline(replace(GOOD, **change))] == [sign]
    assert find_decline(replace(GOOD, trades=19, **change)) == []


def test_a_figure_that_is_not_known_is_no_sign():
    assert find_decline(replace(GOOD, sharpe=None, win_rate=None)) == []


def test_weekdays_without_a_trade_count_and_weekends_do_not():
    friday, monday = MONDAY + timedelta(days=4), MONDAY + timedelta(days=7)
    over = measure_track([(friday, Decimal(10)), (monday, Decimal(20))], capital=Decimal(1000), today=monday)
    side_by_side = record(10, 20)
    assert over.sharpe == pytest.approx(side_by_side.sharpe)


@given(st.lists(st.decimals("-100", "100", places=2), max_size=40))
def test_a_record_is_sane_for_any_history(pnls):
    track = record(*pnls, capital=10_000)
    assert track.trades == len(pnls)
    assert track.win_rate is None or 0 <= track.win_rate <= 1
    assert 0 <= track.drawdown_fraction <= sum(abs(float(pnl)) for pnl in pnls) / 10_000 + 1e-9
    assert 0 <= track.losing_days <= len(pnls)
