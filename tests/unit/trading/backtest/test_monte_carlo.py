"""Trades drawn again: laws of the fan, and cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest.monte_carlo import BLOCKS, BOOTSTRAP, SHUFFLE, Draw, resample
from trading.backtest.resampling import draw_blocks, shuffle
from trading.errors import InvalidValue

METHODS = st.sampled_from([SHUFFLE, BOOTSTRAP, BLOCKS])
STEPS = np.array([120.0, -80.0, 60.0, -40.0, 200.0, -150.0, 30.0, -20.0, 90.0, -60.0] * 4)


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.floats(-900, 900), min_size=1, max_size=30),
    method=METHODS,
    compounding=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_fan_keeps_its_order_and_its_shares(steps, method, compounding, seed):
    draw, balance = Draw(method=method, paths=40, mean_block=3, seed=seed), 30_000.0

    fan = resample(np.array(steps), balance, draw, compounding=compounding)

    table = np.array(fan.equity)
    assert table.shape == (5, len(fan.steps))
    assert (np.diff(table, axis=0) >= -1e-6).all()
    assert table[:, 0].tolist() == [balance] * 5
    assert fan.steps[0] == 0
    assert fan.steps[-1] == len(steps)
    for share in (fan.loss, fan.ruin, fan.luckier):
        assert 0 <= share.low <= share.share <= share.high <= 1
    falls = list(fan.max_drawdown_fraction.values())
    assert falls == sorted(falls)
    assert falls[0] >= 0
    assert fan == resample(np.array(steps), balance, draw, compounding=compounding)


def test_a_shuffle_ends_where_the_history_ends_but_falls_otherwise():
    fan = resample(STEPS, 10_000.0, Draw(method=SHUFFLE, paths=200))

    assert set(np.round(list(fan.final_equity.values()), 6)) == {10_000 + STEPS.sum()}
    assert fan.max_drawdown_fraction[95] > fan.max_drawdown_fraction[5]
    assert fan.loss.share == 0


def test_the_median_of_a_bootstrap_is_near_the_mean_of_the_history():
    fan = resample(STEPS, 10_000.0, Draw(paths=4000, length=100, seed=2))

    assert fan.final_equity[50] == pytest.approx(10_000 + 100 * STEPS.mean(), rel=0.02)


def test_ruin_of_a_fair_coin_is_that_of_the_gambler():
    # From 10 to 0 within 100 steps of 1: twice the chance to be below -10 at the end, by reflection: about 0.317.
    fan = resample(np.array([1.0, -1.0]), 10.0, Draw(paths=20_000, length=100, seed=5), ruin_fraction=1.0)

    assert fan.ruin.low < 0.3197 < fan.ruin.high


def test_blocks_keep_losing_streaks_and_so_fall_deeper():
    streaks = np.array([100.0] * 20 + [-90.0] * 20)

    single = resample(streaks, 10_000.0, Draw(paths=500, length=200))
    blocks = resample(streaks, 10_000.0, Draw(method=BLOCKS, mean_block=20, paths=500, length=200))

    assert blocks.max_drawdown_fraction[50] > 2 * single.max_drawdown_fraction[50]


def test_compounding_takes_every_step_as_the_share_it_was():
    steps = np.array([1_000.0, 1_100.0])  # 10 % and 10 %

    fan = resample(steps, 10_000.0, Draw(paths=20, length=3), compounding=True)

    assert fan.final_equity[50] == pytest.approx(13_310)


def test_only_winning_steps_never_fall():
    fan = resample(np.array([5.0, 7.0]), 100.0, Draw(paths=50))

    assert (fan.max_drawdown_fraction[95], fan.ruin.share, fan.loss.share, fan.observed_drawdown) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    "steps, balance, options",
    [
        ([], 100.0, {}),
        ([float("nan")], 100.0, {}),
        ([1.0], 0.0, {}),
        ([1.0], float("inf"), {}),
        ([1.0], 100.0, {"ruin_fraction": 0}),
        ([-200.0, 1.0], 100.0, {"compounding": True}),
    ],
)
def test_impossible_histories_are_refused(steps, balance, options):
    with pytest.raises(InvalidValue):
        resample(np.array(steps), balance, Draw(paths=10), **options)


@pytest.mark.parametrize(
    "draw", [{"method": "guess"}, {"paths": 0}, {"length": 0}, {"mean_block": 0.5}, {"method": SHUFFLE, "length": 5}]
)
def test_impossible_draws_are_refused(draw):
    with pytest.raises(InvalidValue):
        Draw(**draw)


def test_more_draws_than_fit_are_refused():
    with pytest.raises(InvalidValue, match="50000000"):
        resample(STEPS, 100.0, Draw(paths=1_000_000, length=1000))


@settings(max_examples=30, deadline=None)
@given(items=st.integers(1, 30), length=st.integers(1, 60), mean=st.floats(1, 50), seed=st.integers(0, 99))
def test_blocks_follow_the_order_of_the_items(items, length, mean, seed):
    drawn = draw_blocks(items, paths=20, length=length, mean_block=mean, seed=seed)

    assert drawn.shape == (20, length)
    assert drawn.min() >= 0
    assert drawn.max() < items
    assert (drawn == draw_blocks(items, paths=20, length=length, mean_block=mean, seed=seed)).all()


def test_the_mean_block_is_what_was_asked_for():
    drawn = draw_blocks(1000, paths=50, length=2000, mean_block=8, seed=1)

    jumps = (np.diff(drawn, axis=1) % 1000 != 1).mean()
    assert jumps == pytest.approx(1 / 8, rel=0.03)


def test_a_shuffle_holds_every_item_once():
    assert (np.sort(shuffle(9, paths=30, seed=1), axis=1) == np.arange(9)).all()
