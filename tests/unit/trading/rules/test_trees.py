import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import MONDAY, cross_rules, flat_then, random_bars
from tests.unit.trading.rules.trees import Oracle, documents
from trading import jit
from trading.engine.source import CLOSE_BUYS, CLOSE_SELLS
from trading.errors import InvalidRules, InvalidValue
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.rules import assemble, program
from trading.rules.document import normalise, validate
from trading.rules.lower import lower_rules
from trading.rules.signals import build_program, fill_signals
from trading.rules.source import RuleSource
from trading.rules.tree import build_rules

EURUSD = typical_instrument("EURUSD")
M1 = Timeframe.M1


def _bars(seed, count):
    bars, random = random_bars(seed, count), np.random.default_rng(seed)
    volume, spread = random.integers(0, 30, count).astype(float), random.integers(0, 9, count)
    return Bars(M1, bars.time, bars.open, bars.high, bars.low, bars.close, volume, spread)


def _tree(long=None, short=None, *, trigger="while_true", exit=None):
    sides = {name: node for name, node in (("long", long), ("short", short)) if node is not None}
    return {
        "entry": {"type": "tree", "trigger": trigger, **sides},
        "exit": {"stopLoss": 20, **(exit or {})},
        "risk": {"lotSize": 0.1},
    }


def _source(document):
    return RuleSource(build_rules(document), EURUSD, M1)


def _sides(document, bars):
    return _source(document).plan(bars, {}).side.tolist()


def _lines(*closes):
    return flat_then([(close, close, close, close) for close in closes])


def _ungated(document):
    """Return program and beginning of a document that speaks from its first bar, so that warm-ups are compared too."""
    lowered = lower_rules(build_rules(document), EURUSD, M1)
    return lowered.program._replace(first_signal_bar=0), lowered.state


def _fill(walked, state, bars):
    side, closes = np.zeros(len(bars), dtype=np.int8), np.zeros(len(bars), dtype=np.int8)
    distances = np.zeros((len(bars), 3))
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.spread_points)
    if isinstance(walked.code, list):
        program.fill_tree(walked, list(state), *(column.tolist() for column in columns), side, closes, distances)
    else:
        jit.compiled(program.fill_tree)(walked, np.array(state), *columns, side, closes, distances)
    return side, closes, distances


def _begins(truth):
    return (truth == 1) & (np.concatenate(([0.0], truth[:-1])) != 1)


def check_tree(document, seed, seen, count=420):
    """Hold one random tree to the prefix law, plain to compiled, bar by bar to array, and all to the evaluator of the tests."""
    bars = _bars(seed, count)
    walked, state = _ungated(document)
    lists = program.as_lists(walked)

    whole = _fill(walked, state, bars)
    early = _fill(lists, state, bars.part(0, seen))

    for ours, beginning in zip(whole, early, strict=True):
        assert np.array_equal(ours[:seen], beginning)
    _hold_to_oracle(document, bars, whole)


def _hold_to_oracle(document, bars, whole):
    shape, oracle = normalise(document), Oracle(bars, 0.0001, 0.00001)
    sides = {}
    for side in ("long", "short"):
        node = shape["entry"].get(side)
        truth = oracle.node(node) if node else np.zeros(len(bars))
        sides[side] = _begins(truth) if shape["entry"]["trigger"] == "becomes_true" else truth == 1
    raw = sides["long"].astype(int) - sides["short"].astype(int)
    side, closes, distances = whole
    # A stop that is not known takes the signal away; nothing else does.
    needs_distance = any(isinstance(v, dict) and v.get("unit") in ("atr", "swing") for v in shape["exit"].values())
    assert np.array_equal(side, raw) or (needs_distance and np.array_equal(side[side != 0], raw[side != 0]))
    opposite = shape["exit"]["type"] == "opposite_signal"
    wanted = np.where(opposite & (raw == -1), CLOSE_BUYS, 0) | np.where(opposite & (raw == 1), CLOSE_SELLS, 0)
    if "closeLong" in shape["exit"]:
        wanted = wanted | np.where(oracle.node(shape["exit"]["closeLong"]) == 1, CLOSE_BUYS, 0)
    assert np.array_equal(closes, wanted)
    assert np.isfinite(distances).all()
    assert (distances >= 0).all()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=documents(), seed=st.integers(0, 2**32 - 1), seen=st.integers(1, 420))
def test_random_trees_keep_the_prefix_law_in_plain_python_and_machine_code(document, seed, seen):
    assume(not validate(document))

    check_tree(document, seed, seen)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=documents(), seed=st.integers(0, 2**32 - 1))
def test_random_trees_say_bar_by_bar_what_they_say_over_arrays_across_a_restart(document, seed):
    assume(not validate(document))
    bars = _bars(seed, 300)
    live, plan = _source(document), _source(document).plan(bars, {}, plain=True)
    wishes = []

    for index, bar in enumerate(bars):
        if index == 150:
            kept = live.snapshot()
            live = _source(document)
            live.restore(kept)
        wishes.append(live.update(bar, {}))

    assert [wish.side for wish in wishes] == plan.side.tolist()
    assert [wish.closes for wish in wishes] == plan.closes.tolist()
    assert [wish.stop_distance for wish in wishes] == plan.stop_distance.tolist()


class _Peeking(assemble.Assembler):
    """A compiler with the oldest mistake: the coarse bar is used while it is still forming."""

    def _frame(self, name):
        frame = super()._frame(name)
        if frame.forming:
            frame.bar = frame.forming
        return frame


def test_a_coarse_bar_used_before_it_closes_is_caught(monkeypatch):
    node = {
        "left": {"price": "close", "timeframe": "M15", "offset": 0},
        "op": ">",
        "right": {"price": "open", "timeframe": "M15"},
    }
    document = _tree(node, {"not": node})
    check_tree(document, 1, 200)
    monkeypatch.setattr("trading.rules.lower.Assembler", _Peeking)

    with pytest.raises(AssertionError):
        check_tree(document, 1, 200)


def test_a_value_of_the_next_bar_is_caught_by_the_prefix_law(monkeypatch):
    document = _tree({"left": "close", "op": ">", "right": {"price": "close", "offset": 1}}, {"pattern": "inside_bar"})
    original = program.tree_update

    def peeking(walked, state, time, open_, high, low, close, *rest):
        ahead = {bar.time: bar.close for bar in _bars(3, 60)}
        original(walked, state, time, open_, high, low, ahead.get(time + 60, close), *rest)

    monkeypatch.setattr(program, "tree_update", peeking)
    walked, state = _ungated(document)
    lists = program.as_lists(walked)
    bars = _bars(3, 60)
    shown = [_fill(lists, state, bars.part(0, seen))[0][-1] for seen in range(1, 61)]
    monkeypatch.setattr(program, "tree_update", original)

    assert shown != _fill(lists, state, bars)[0].tolist()


@pytest.mark.parametrize("averages", [("EMA_5", "EMA_12"), ("SMA_3", "EMA_9")])
def test_a_confirmed_cross_has_the_signals_of_the_bare_one_where_they_are_confirmed(averages):
    bars = _bars(9, 1500)
    document = cross_rules(*averages)
    rules = build_rules(document)
    simple = build_program(rules.entry)
    bare = np.zeros(len(bars), dtype=np.int8)
    fill_signals(simple, np.zeros(simple.state_size), bars.high, bars.low, bars.close, bare)
    document["entry"]["confirmation"] = {"type": "volume", "threshold": 1.2, "bars": 10}

    plan = _source(document).plan(bars, {})

    mean = np.array([np.nan if i < 10 else bars.volume[i - 10 : i].mean() for i in range(len(bars))])
    assert np.array_equal(RuleSource(rules, EURUSD, M1).plan(bars, {}).side, bare)
    assert np.array_equal(plan.side, np.where(bars.volume >= 1.2 * mean, bare, 0))
    # What is not confirmed opens nothing, and still ends what the other side opened.
    assert np.array_equal(plan.closes, np.where(bare == 1, CLOSE_SELLS, np.where(bare == -1, CLOSE_BUYS, 0)))


def test_the_spread_of_the_closed_bar_confirms():
    bars = _bars(4, 400)
    document = cross_rules("SMA_2", "SMA_3")
    bare = _source(document).plan(bars, {}).side
    document["entry"]["confirmation"] = {"type": "spread", "maximum": 0.4}

    assert np.array_equal(_source(document).plan(bars, {}).side, np.where(bars.spread_points <= 4, bare, 0))


def test_a_condition_signals_where_it_begins_to_hold_or_as_long_as_it_does():
    above = {"left": "close", "op": ">", "right": 1.5}
    bars = _lines(1, 2, 2, 2, 1, 2, 2)

    # The first two bars are warm-up: one for a price, one because a beginning is seen between two.
    assert _sides(_tree(above, {"not": above}), bars) == [0, 1, 1, 1, -1, 1, 1]
    assert _sides(_tree(above, trigger="becomes_true"), bars) == [0, 1, 0, 0, 0, 1, 0]


def test_a_bar_that_says_both_sides_opens_nothing():
    both = _tree({"left": "close", "op": ">", "right": 1.5}, {"left": "close", "op": ">", "right": 1.2})

    assert _sides(both, _lines(2, 2, 2)) == [0, 0, 0]


def test_what_is_unknown_never_trades_not_even_when_it_is_denied():
    swing = {"left": "close", "op": "<", "right": {"indicator": "SWING", "bars": 1, "lookback": 2, "line": "high"}}

    assert set(_sides(_tree({"not": swing}), flat_then([(1.1, 1.1, 1.1, 1.1)] * 30))) == {0}


def test_a_stop_that_is_not_known_takes_the_signal_away_but_not_the_exit():
    document = _tree(
        {"left": "close", "op": ">", "right": "open"},
        {"left": "close", "op": "<", "right": "open"},
        exit={"stopLoss": {"unit": "swing", "bars": 1, "lookback": 1}, "type": "opposite_signal"},
    )
    bars = flat_then([(1.1, 1.2, 1.1, 1.15)] * 12)

    plan = _source(document).plan(bars, {})

    assert set(plan.side.tolist()) == {0}
    assert plan.closes[-1] == CLOSE_SELLS


def test_a_swing_stop_stands_behind_the_last_swing_point():
    rows = [(1.1, 1.101, 1.099, 1.1)] * 5 + [(1.1, 1.101, 1.095, 1.1)] + [(1.1, 1.101, 1.099, 1.1005)] * 4
    exit_ = {"stopLoss": {"unit": "swing", "bars": 2, "lookback": 3, "buffer": 2}}
    document = _tree({"left": "close", "op": ">", "right": "open"}, exit=exit_)

    plan = _source(document).plan(flat_then(rows), {})

    # The low of 1.095 is confirmed two bars later: 1.1005 - (1.095 - 0.0002).
    assert plan.side.tolist()[-2:] == [1, 1]
    assert plan.stop_distance[-2:] == pytest.approx(0.0057)


def test_atr_stops_and_targets_are_those_of_the_signals_bar():
    exit_ = {
        "stopLoss": {"unit": "atr", "value": 2, "period": 1},
        "takeProfit": {"unit": "atr", "value": 3, "period": 1},
    }
    document = _tree({"left": "close", "op": ">", "right": "open"}, exit=exit_)
    rows = [(1.1, 1.102, 1.099, 1.1)] * 4 + [(1.1, 1.104, 1.1, 1.101)]

    plan = _source(document).plan(flat_then(rows), {})

    assert plan.side[-1] == 1
    assert (plan.stop_distance[-1], plan.target_distance[-1]) == pytest.approx((0.008, 0.012))


def test_weeks_and_days_begin_where_resampling_begins_them():
    hour = random_bars(6, 24 * 40, timeframe=Timeframe.H1, start=MONDAY + 5 * 3600)
    for frame in ("H4", "D1", "W1"):
        node = {"left": "close", "op": ">", "right": {"price": "high", "timeframe": frame, "offset": 0}}
        lowered = lower_rules(build_rules(_tree(node)), EURUSD, Timeframe.H1)
        side, _, _ = _fill(lowered.program._replace(first_signal_bar=0), lowered.state, hour)

        truth = Oracle(hour, 0.0001, 0.00001).node(normalise(_tree(node))["entry"]["long"])

        assert np.array_equal(side, (truth == 1).astype(int))
        assert side.any()


def test_after_the_warm_up_where_history_begins_no_longer_matters():
    node = {
        "left": "close",
        "op": ">",
        "right": {"indicator": "KELTNER", "period": 3, "atrPeriod": 3, "timeframe": "M5"},
    }
    document = _tree(node, exit={"stopLoss": {"unit": "atr", "value": 2, "period": 3}})
    bars = _bars(12, 2500)
    need = _source(document).warmup_bars

    long_ago, lately = (_source(document).plan(part, {}) for part in (bars, bars.part(1003)))

    assert np.array_equal(long_ago.side[1003 + need :], lately.side[need:])
    assert np.abs(long_ago.stop_distance[1003 + need :] - lately.stop_distance[need:]).max() < 1e-9


def test_a_timeframe_that_is_finer_than_the_strategys_is_refused():
    node = {"left": "close", "op": ">", "right": {"price": "close", "timeframe": "M1", "offset": 1}}

    at = [problem.path for problem in validate(_tree({"not": node}), Timeframe.M5)]
    assert at == ["entry.long.not.right.timeframe"]
    with pytest.raises(InvalidRules, match="no whole number"):
        RuleSource(build_rules(_tree(node)), EURUSD, Timeframe.M5)


def test_more_history_than_anybody_has_is_refused():
    node = {"left": "close", "op": ">", "right": {"indicator": "EMA", "period": 500, "timeframe": "D1"}}

    with pytest.raises(InvalidRules, match="bars of history"):
        RuleSource(build_rules(_tree(node)), EURUSD, M1)


def test_a_snapshot_of_other_rules_is_refused():
    one = _source(_tree({"left": "close", "op": ">", "right": 1}))
    other = _source(_tree({"left": "close", "op": ">", "right": 2}))

    with pytest.raises(InvalidValue):
        other.restore(copy.deepcopy(one.snapshot()))


def test_a_value_named_twice_is_computed_once():
    node = {"all": [{"left": "EMA_20", "op": ">", "right": "close"}, {"left": "EMA_20", "op": "<", "right": "high"}]}

    rows = lower_rules(build_rules(_tree(node)), EURUSD, M1).program.code.reshape(-1, program.WIDTH)

    assert (rows[:, 0] > program.INDICATOR).sum() == 1
