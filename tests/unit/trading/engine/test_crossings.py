"""Crossings found many bars at a time are those of the walk bar by bar."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import cross_rules
from trading import jit
from trading.backtest.run import Costs, run
from trading.backtest.sweep import run_grid
from trading.engine.pairs import AT_ONCE, find_pair_crosses
from trading.engine.signals import _cross_stretches, find_crosses
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.rules.signals import build_program, fill_signals
from trading.rules.tree import CrossEntry, IndicatorRef


def make_closes(seed, bars, *, still=0.0):
    """Return prices on ticks; ``still`` is the share of the history in which nothing moves."""
    rng = np.random.default_rng(seed)
    steps = np.round(rng.normal(0, 8, bars)) * 1e-5
    for start in range(0, bars, 2000):
        steps[start : start + int(2000 * still)] = 0.0
    return np.round(1.1 + np.cumsum(steps), 5)


def make_program(first, second):
    return build_program(CrossEntry(IndicatorRef("EMA", first), IndicatorRef("EMA", second)))


def walk(program, close):
    """Return places and sides of all signals, as the agent comes to them."""
    out = np.zeros(len(close), dtype=np.int8)
    jit.compiled(fill_signals)(program, np.zeros(program.state_size), close, close, close, out)
    places = np.flatnonzero(out)
    return places.tolist(), out[places].tolist()


def find(program, close, search=find_crosses):
    at, side = np.empty(len(close), dtype=np.int64), np.empty(len(close), dtype=np.int8)
    count = jit.compiled(search)(program, close, at, side)
    return at[:count].tolist(), side[:count].tolist()


periods = st.tuples(st.integers(1, 40), st.integers(1, 60)).filter(lambda pair: pair[0] != pair[1])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), pair=periods, bars=st.integers(200, 40_000), still=st.sampled_from([0.0, 0.3, 0.97]))
def test_stretches_walked_side_by_side_give_the_signals_of_one_walk(seed, pair, bars, still):
    program, close = make_program(*pair), make_closes(seed, bars, still=still)

    assert find(program, close) == walk(program, close)


def test_stretches_are_walked_side_by_side_where_they_meet():
    at, side = np.empty(40_000, dtype=np.int64), np.empty(40_000, dtype=np.int8)

    count = jit.compiled(_cross_stretches)(make_program(5, 20), make_closes(1, 40_000), 20, 9_000, at, side)

    assert count > 500


def test_a_market_that_stands_still_is_walked_in_one_piece():
    at, side = np.empty(40_000, dtype=np.int64), np.empty(40_000, dtype=np.int8)
    close = np.concatenate((make_closes(1, 2_000), np.full(38_000, 1.2)))

    count = jit.compiled(_cross_stretches)(make_program(5, 20), close, 20, 9_000, at, side)

    assert count == -1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    pairs=st.lists(periods | st.just((3, 1000)) | st.just((1024, 1025)), min_size=1, max_size=7),
    bars=st.integers(1_100, 5_000),
    still=st.sampled_from([0.0, 0.5]),
)
def test_pairs_searched_together_cross_where_each_does_alone(seed, pairs, bars, still):
    programs, close = [make_program(*pair) for pair in pairs], make_closes(seed, bars, still=still)
    known = sorted({period for pair in pairs for period in pair})
    rows = [
        (known.index(first), known.index(second), max(first, second), program.first_signal_bar - 1)
        for (first, second), program in zip(pairs, programs, strict=True)
    ]
    turns, averages = np.empty(AT_ONCE, dtype=np.int8), np.empty((len(known), AT_ONCE + 1))
    signals, counts = np.empty((len(pairs), bars), dtype=np.int32), np.zeros(len(pairs), dtype=np.int64)

    jit.compiled(find_pair_crosses)(
        close, np.array(known), np.array(rows), averages, turns, turns.view(np.int64), signals, counts
    )

    for row, program in enumerate(programs):
        found = signals[row, : counts[row]]
        assert ((abs(found) - 1).tolist(), np.sign(found).tolist()) == walk(program, close)


@pytest.mark.parametrize("bars", [400, 3_000])
def test_a_pair_that_crosses_at_nearly_every_bar_is_still_its_single_run(bars):
    close = 1.1 + 0.001 * (np.arange(bars) % 2)
    time = 1_767_571_200 + 60 * np.arange(bars)
    flat = np.zeros(bars)
    history = Bars(Timeframe.M1, time, close, close, close, close, flat, flat.astype(np.int64))
    rules, costs, balance = cross_rules("EMA_2", "EMA_3", exit={"stopLoss": 50}), Costs(), Decimal(10_000_000)
    eurusd = typical_instrument("EURUSD")

    found = run_grid(history, [rules], eurusd, costs, balance)

    single = run(history, rules, eurusd, costs, balance, plain=True)
    assert found.trades.tolist() == [len(single.trades)]
    assert len(single.trades) > bars // 3
    assert found.final_balance[0] == single.final_balance
