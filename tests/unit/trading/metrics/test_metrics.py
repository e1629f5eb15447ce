import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import InvalidValue
from trading.metrics.curves import daily_returns, drawdown, sharpe_ratio
from trading.metrics.trades import describe_trades, longest_run

MONEY = st.lists(st.integers(-50_000, 50_000).map(lambda cents: cents / 100), max_size=60)


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=50), st.integers(1, 50))
def test_drawdown_is_zero_at_every_new_peak_and_never_looks_ahead(curve, seen):
    curve = np.array(curve)
    falls = drawdown(curve)

    assert ((falls >= 0) & (falls < 1)).all()
    assert (falls[curve == np.maximum.accumulate(curve)] == 0).all()
    assert np.array_equal(drawdown(curve[:seen]), falls[:seen])


@pytest.mark.parametrize("curve", [[], [0.0, 1.0], [1.0, float("nan")], [[1.0]]])
def test_what_is_no_curve_is_refused(curve):
    with pytest.raises(InvalidValue):
        drawdown(np.array(curve))


def test_days_without_bars_are_no_days():
    friday, monday = 86400 * 8 + 3600, 86400 * 11 + 3600
    times = np.array([friday, friday + 60, monday])

    assert daily_returns(times, np.array([100.0, 110.0, 99.0])).tolist() == pytest.approx([0.1, -0.1])


@pytest.mark.parametrize("returns", [[], [0.1], [0.1, 0.1], [0.1, float("nan")]])
def test_a_ratio_that_does_not_exist_is_none(returns):
    assert sharpe_ratio(np.array(returns)) is None


@given(MONEY)
def test_the_parts_of_the_trades_add_up(pnl):
    stats = describe_trades(np.array(pnl))

    assert stats["net_profit"] == pytest.approx(sum(pnl), abs=0.005)
    assert stats["gross_profit"] + stats["gross_loss"] == pytest.approx(stats["net_profit"], abs=0.011)
    assert stats["winning_trades"] + stats["losing_trades"] + pnl.count(0.0) == stats["trades"]
    assert (stats["profit_factor"] is None) == (not any(value < 0 for value in pnl))


def test_ratios_by_hand():
    stats = describe_trades(np.array([30.0, -10.0, -20.0, 0.0, 15.0]))

    assert (stats["profit_factor"], stats["win_rate"], stats["expectancy"]) == (1.5, 0.4, 3.0)
    assert (stats["average_win"], stats["average_loss"]) == (22.5, -15.0)
    assert (stats["largest_win"], stats["largest_loss"], stats["max_consecutive_losses"]) == (30.0, -20.0, 2)


@pytest.mark.parametrize(("mask", "length"), [([], 0), ([0, 0], 0), ([1, 1, 0, 1], 2), ([0, 1, 1, 1], 3)])
def test_the_longest_run(mask, length):
    assert longest_run(np.array(mask, dtype=bool)) == length
