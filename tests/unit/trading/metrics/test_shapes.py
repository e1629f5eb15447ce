from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.metrics.columns import TradeColumns
from trading.metrics.shapes import (
    drawdown_shape,
    equity_shape,
    excursion_shape,
    histogram_shape,
    monthly_shape,
    thin,
)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(2, 60))
def test_a_thinned_line_keeps_its_extremes_and_its_order(values, most):
    values = np.array(values)
    kept = thin(np.arange(len(values)), values, most_points=most)

    assert len(kept) <= max(most, 2)
    assert (np.diff(kept) > 0).all()
    assert values[kept].max() == values.max()
    assert values[kept].min() == values.min()


def test_a_drawdown_keeps_its_deepest_point_when_thinned():
    equity = np.linspace(100, 200, 50_000)
    equity[31_234] = 50.0
    times = np.arange(50_000) * 60

    shape = drawdown_shape(times, equity, 100.0, most_points=100)

    assert max(shape["fraction"]) == pytest.approx(1 - 50 / equity[31_233], abs=1e-5)
    assert len(equity_shape(times, equity, most_points=100)["at"]) <= 100
    assert drawdown_shape(times[:0], equity[:0], 100.0) == {"at": [], "fraction": []}


def test_months_chain_to_the_year():
    ends = [
        datetime(2024, 11, 30, tzinfo=UTC),
        datetime(2024, 12, 31, 23, tzinfo=UTC),
        datetime(2025, 2, 1, tzinfo=UTC),
    ]
    times = np.array([int(at.timestamp()) for at in ends])

    shape = monthly_shape(times, np.array([110.0, 99.0, 198.0]), 100.0)

    assert shape["years"] == [2024, 2025]
    assert shape["months"][0][10:] == [pytest.approx(0.1), pytest.approx(-0.1)]
    assert shape["months"][1][:2] == [pytest.approx(1.0), None]
    assert shape["totals"] == [pytest.approx(-0.01), pytest.approx(1.0)]
    assert monthly_shape(times[:0], np.zeros(0), 1.0)["years"] == []


@given(st.lists(st.floats(-1e4, 1e4).map(lambda v: round(v, 2)), min_size=1, max_size=200))
def test_a_histogram_counts_every_value_once(values):
    shape = histogram_shape(np.array(values))

    assert sum(shape["counts"]) == len(values)
    assert len(shape["edges"]) == len(shape["counts"]) + 1


def test_won_and_lost_never_share_a_bin():
    values = np.random.default_rng(1).normal(3, 20, 500)
    shape = histogram_shape(values)
    zero = shape["edges"].index(0.0)

    assert sum(shape["counts"][:zero]) == int((values < 0).sum())


def test_a_scatter_takes_trades_evenly():
    count = 5000
    times = np.arange(count)
    columns = TradeColumns(times, times, np.ones(count), np.ones(count), mae=np.ones(count), mfe=np.ones(count))

    assert len(excursion_shape(columns, most_points=100)["mae"]) == 100
    assert excursion_shape(TradeColumns(times, times, times, times * 1.0))["mae"] == []
