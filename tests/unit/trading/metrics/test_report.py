"""The report against formulas written out once more, in plain Python, without an array."""

import json
import math
import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import InvalidValue
from trading.metrics.columns import TradeColumns, find_excursions
from trading.metrics.intervals import (
    block_means,
    expectancy_interval,
    profit_factor_interval,
    resample_blocks,
    sharpe_interval,
    wilson_interval,
)
from trading.metrics.report import describe, find_exposure
from trading.metrics.returns import cagr, count_periods_per_year, probabilistic_sharpe, sortino_ratio

DAY = 86_400
START = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())


def make_trades(profit, opened=None, closed=None, **more):
    count = len(profit)
    opened = START + np.arange(count) * 3600 if opened is None else np.array(opened)
    closed = opened + 1800 if closed is None else np.array(closed)
    side = more.pop("side", np.where(np.arange(count) % 2, -1, 1))
    return TradeColumns(opened, closed, np.array(side), np.array(profit, dtype=float), **more)


def daily_curve(returns, initial=1000.0):
    equity = initial * np.cumprod(1 + np.array(returns))
    return START + DAY * np.arange(len(returns)) + DAY // 2, equity


RETURNS = [0.01, -0.02, 0.015, 0.0, -0.005, 0.03, -0.01, 0.002] * 12


def test_ratios_are_those_of_the_formulas():
    times, equity = daily_curve(RETURNS)

    got = describe(times, equity, make_trades([1.0]), initial_balance=1000.0, periods_per_year=252)["returns"]

    mean, deviation = statistics.mean(RETURNS), statistics.stdev(RETURNS)
    downside = math.sqrt(sum(min(r, 0) ** 2 for r in RETURNS) / len(RETURNS))
    years = (len(RETURNS) - 1) / 365.25
    assert got["return_fraction"] == pytest.approx(math.prod(1 + r for r in RETURNS) - 1)
    assert got["sharpe"] == pytest.approx(mean / deviation * math.sqrt(252))
    assert got["sortino"] == pytest.approx(mean / downside * math.sqrt(252))
    assert got["volatility_fraction"] == pytest.approx(deviation * math.sqrt(252))
    assert got["cagr_fraction"] == pytest.approx((1 + got["return_fraction"]) ** (1 / years) - 1)
    assert (got["best_day_fraction"], got["worst_day_fraction"]) == (pytest.approx(0.03), pytest.approx(-0.02))


def worst_fall(curve):
    peak, worst = -math.inf, 0.0
    for value in curve:
        peak = max(peak, value)
        worst = max(worst, (peak - value) / peak)
    return worst


@given(st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=60))
def test_the_deepest_fall_is_found_with_its_places(returns):
    times, equity = daily_curve(returns)

    report = describe(times, equity, make_trades([]), initial_balance=1000.0, with_intervals=False)
    fall = report["drawdown"]

    assert fall["max_fraction"] == pytest.approx(worst_fall([1000.0, *equity]))
    if fall["max_fraction"] > 0:
        assert fall["peak_s"] <= fall["bottom_s"]
        assert fall["recovered_s"] is None or fall["recovered_s"] > fall["bottom_s"]
        assert fall["length_s"] <= fall["longest_s"]
    json.dumps(report, allow_nan=False)


def test_a_fall_that_was_made_good_says_when():
    times = START + DAY * np.arange(6)
    report = describe(times, np.array([110.0, 99, 88, 105, 110, 120]), make_trades([]), initial_balance=100.0)

    fall = report["drawdown"]
    assert (fall["max_fraction"], fall["max_money"]) == (pytest.approx(0.2), 22.0)
    assert [(fall[name] - START) // DAY for name in ("peak_s", "bottom_s", "recovered_s")] == [0, 2, 4]
    assert (fall["length_s"], fall["recovery_s"], fall["count"]) == (4 * DAY, 2 * DAY, 1)


def test_calmar_is_growth_over_the_deepest_fall():
    times, equity = daily_curve(RETURNS)
    report = describe(times, equity, make_trades([]), initial_balance=1000.0)

    assert report["returns"]["calmar"] == pytest.approx(
        report["returns"]["cagr_fraction"] / report["drawdown"]["max_fraction"]
    )


def test_the_trades_own_numbers_by_hand():
    trades = make_trades([30.0, -10.0, -20.0, 40.0, 5.0], risk=np.array([10.0, 10.0, 10.0, 20.0, np.nan]))
    times = START + 900 * np.arange(20)

    got = describe(times, np.full(20, 100.0), trades, initial_balance=100.0)["trades"]

    assert got["payoff"] == pytest.approx(25 / 15)
    assert got["expectancy_r"] == pytest.approx((3 - 1 - 2 + 2) / 4)
    assert got["sum_r"] == pytest.approx(2)
    assert (got["max_consecutive_wins"], got["max_consecutive_losses"]) == (2, 2)
    assert (got["average_holding_s"], got["longest_holding_s"]) == (1800, 1800)
    assert got["sqn"] == pytest.approx(9 / statistics.stdev(trades.profit.tolist()) * math.sqrt(5))
    assert got["exposure_fraction"] == 0.5


def test_exposure_counts_a_bar_once_however_many_trades_are_open():
    times = START + 60 * np.arange(1, 11)
    trades = make_trades([1, 1, 1], [START, START, START + 300], [START + 240, START + 120, START + 301])

    assert find_exposure(times, trades) == 0.5


def test_groups_hold_every_trade_once():
    rng = np.random.default_rng(1)
    count = 400
    opened = START + np.sort(rng.integers(0, 300 * DAY, count))
    trades = make_trades(
        rng.normal(1, 10, count).round(2), opened, opened + 7200,
        reason=rng.integers(0, 3, count), reasons=("A", "B", "C"),
        symbol=rng.integers(0, 2, count), symbols=("EURUSD", "XAUUSD"), risk=np.full(count, 5.0),
    )  # fmt: skip

    report = describe(opened + 60, np.full(count, 100.0), trades, initial_balance=100.0, with_intervals=False)

    for name, rows in report["by"].items():
        assert sum(row["trades"] for row in rows) == count, name
        assert sum(row["net_profit"] for row in rows) == pytest.approx(float(trades.profit.sum()), abs=0.2), name
    first = report["by"]["weekday"][0]
    mondays = [p for p, at in zip(trades.profit, opened, strict=True) if datetime.fromtimestamp(at, UTC).weekday() == 0]
    assert (first["key"], first["trades"]) == ("Monday", len(mondays))
    assert first["expectancy_r"] == pytest.approx(statistics.mean(mondays) / 5)
    assert first["win_rate"] == pytest.approx(sum(p > 0 for p in mondays) / len(mondays))


def test_groups_follow_the_zone():
    late = int(datetime(2024, 1, 31, 23, 30, tzinfo=UTC).timestamp())
    trades = make_trades([1.0], [late], [late + 60])

    keys = [
        describe(np.array([late]), np.array([1.0]), trades, initial_balance=1.0, zone=zone)["by"]["month"][0]["key"]
        for zone in ("UTC", "Europe/Berlin")
    ]

    assert keys == ["2024-01", "2024-02"]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.sampled_from([-1, 1])), min_size=1, max_size=20))
def test_excursions_are_those_a_loop_would_find(rows):
    rng = np.random.default_rng(3)
    low = rng.normal(100, 5, 31)
    high = low + rng.random(31)
    opened = np.array([min(a, b) for a, b, _ in rows])
    closed = np.array([max(a, b) for a, b, _ in rows])
    side, entry = np.array([s for *_, s in rows]), rng.normal(100, 2, len(rows))

    mae, mfe = find_excursions(opened, closed, side, entry, high, low)

    for place, (a, b, s, price) in enumerate(zip(opened, closed, side, entry, strict=True)):
        best, worst = max(high[a : b + 1]) - price, price - min(low[a : b + 1])
        best, worst = (best, worst) if s > 0 else (worst, best)
        assert (mfe[place], mae[place]) == (pytest.approx(max(best, 0)), pytest.approx(max(worst, 0)))


def test_excursions_are_summed_up():
    trades = make_trades([10.0, -5.0], mae=np.array([2.0, 6.0]), mfe=np.array([20.0, 4.0]))

    got = describe(np.array([START]), np.array([1.0]), trades, initial_balance=1.0)["excursions"]

    assert (got["mae_average"], got["mfe_average"], got["captured_fraction"], got["edge_ratio"]) == (4, 12, 0.5, 3)


# --- what does not exist ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2])
def test_nothing_is_undefined_as_nan_or_infinity(count):
    times = START + 60 * np.arange(count)
    report = describe(times, np.full(count, 100.0), make_trades([5.0] * count), initial_balance=100.0)

    json.dumps(report, allow_nan=False)
    assert report["returns"]["sharpe"] is None
    assert report["trades"]["profit_factor"] is None
    assert report["intervals"]["expectancy"] is None


def test_a_lost_account_has_no_growth():
    report = describe(
        START + DAY * np.arange(3), np.array([50.0, -10.0, -10.0]), make_trades([]), initial_balance=100.0
    )

    assert report["returns"]["cagr_fraction"] is None
    assert report["drawdown"]["max_fraction"] == pytest.approx(1.1)
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(
    ("times", "equity", "initial"),
    [
        ([1, 2], [1.0], 1.0),
        ([1], [1.0], 0.0),
        ([1], [float("nan")], 1.0),
        ([2, 1], [1.0, 1.0], 1.0),
        ([1], [1.0], math.inf),
    ],
)
def test_arrays_that_do_not_fit_are_refused(times, equity, initial):
    with pytest.raises(InvalidValue):
        describe(np.array(times), np.array(equity), make_trades([]), initial_balance=initial)


@pytest.mark.parametrize("spoil", [{"closed": [0]}, {"profit": [math.nan]}, {"risk": np.zeros(3)}])
def test_columns_that_are_no_trades_are_refused(spoil):
    with pytest.raises(InvalidValue):
        make_trades(**{"profit": [1.0], **spoil})


def test_growth_below_a_day_does_not_exist():
    assert cagr(100, 110, 3600) is None


@pytest.mark.parametrize(("step_days", "periods"), [(1, 365), (7, 52)])
def test_the_days_of_a_year_are_found(step_days, periods):
    assert count_periods_per_year(START + DAY * step_days * np.arange(200)) == periods
    weekdays = [START + DAY * i for i in range(400) if (datetime(2024, 1, 1) + timedelta(days=i)).weekday() < 5]
    assert count_periods_per_year(np.array(weekdays)) == 252


# --- intervals -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 200), st.integers(1, 200))
def test_wilsons_bounds_solve_his_equation(won, count):
    won = min(won, count)
    low, high = wilson_interval(won, count)

    z = statistics.NormalDist().inv_cdf(0.975)
    for bound in (low, high):
        if 1e-9 < bound < 1 - 1e-9:
            assert abs(won / count - bound) == pytest.approx(z * math.sqrt(bound * (1 - bound) / count), abs=1e-9)
    assert 0 <= low <= won / count <= high <= 1


def test_means_of_blocks_are_those_of_the_values_drawn():
    values = np.random.default_rng(2).normal(size=(2, 50))
    starts, length = resample_blocks(50, draws=7)

    got = block_means(values, starts, length)

    for draw in range(7):
        places = [(start + step) % 50 for start in starts[draw] for step in range(length)]
        assert got[:, draw] == pytest.approx(values[:, places].mean(axis=1))


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        low, high = expectancy_interval(rng.normal(0.5, 2.0, 150))
        held += low <= 0.5 <= high

    assert 0.88 <= held / 200 <= 1.0


def test_the_same_trades_have_the_same_interval():
    profit = np.random.default_rng(6).normal(1, 5, 80)

    assert profit_factor_interval(profit) == profit_factor_interval(profit)


def test_a_bound_that_nobody_can_tell_is_left_open():
    low, high = profit_factor_interval(np.array([5.0] * 40 + [-1.0]))

    assert low > 0
    assert high is None


def test_few_values_have_no_interval():
    assert expectancy_interval(np.ones(9)) is None
    assert sharpe_interval(np.ones(50), periods_per_year=252) == (None, None)


def test_the_probable_sharpe_by_its_published_example():
    """Bailey & López de Prado 2012, section 4: monthly, SR 0.458, skew -2.448, kurtosis 10.164, 24 months: 0.913 against 0."""
    ratio, skew, kurtosis, count = 0.458, -2.448, 10.164, 24
    z = ratio * math.sqrt(count - 1) / math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    assert statistics.NormalDist().cdf(z) == pytest.approx(0.913, abs=0.001)

    returns = np.random.default_rng(8).normal(0.001, 0.01, 250)
    ratio = returns.mean() / returns.std(ddof=1)
    spread = returns.std()
    skew, kurtosis = (((returns - returns.mean()) ** power).mean() / spread**power for power in (3, 4))
    z = ratio * math.sqrt(249) / math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    assert probabilistic_sharpe(returns) == pytest.approx(statistics.NormalDist().cdf(z))


def test_without_losses_there_is_no_sortino():
    assert sortino_ratio(np.array([0.1, 0.2]), periods_per_year=252) is None


def test_notes_warn_of_few_trades_and_of_one_lucky_one():
    times = START + DAY * np.arange(100)
    report = describe(times, np.full(100, 100.0), make_trades([-1.0] * 19 + [25.0]), initial_balance=100.0)

    assert any("20 trades are few" in note for note in report["notes"])
    assert any("best twentieth" in note for note in report["notes"])
