import math
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.trading.making import cross_rules
from trading.engine import decide
from trading.engine.decide import Held, Moment, decide_entry, decide_position
from trading.engine.params import build_params
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.rules.compile import compile_rules

EURUSD = typical_instrument("EURUSD")


def _params(instrument=EURUSD, **parts):
    return build_params(compile_rules(cross_rules(**parts), instrument, Timeframe.M1).rules, instrument)


def _hold(params, signal, high, low, bid, ask, side, entry, stop):
    """Return what becomes of a position of 0.30 lots: what is done, and the new stop."""
    held = Held(side, 30, 30, entry, stop, stop, 0.0, 1, 60)
    action, part, moved = decide_position(params, Moment(signal, 0, False, high, low, bid, ask), held)
    assert part == 0
    return action, moved


def _enter(params, signal=1, **changes):
    book = {
        "in_window": True,
        "entries_allowed": True,
        "open_positions": 0,
        "bid": 1.1,
        "ask": 1.1001,
        "balance": 10_000.0,
        "equity": 10_000.0,
        "day_start_equity": 10_000.0,
        "risk_budget": math.inf,
        "lot_multiplier": 1.0,
    }
    return decide_entry(params, signal, *{**book, **changes}.values())


def test_an_entry_measures_its_stop_and_target_from_the_price_it_expects():
    params = _params(exit={"stopLoss": 10, "takeProfit": 20})

    assert _enter(params, 1) == (decide.OPEN, 10, 1.1001, 1.0991, 1.1021)  # BUY at the ask
    assert _enter(params, -1) == (decide.OPEN, 10, 1.1, 1.101, 1.098)  # SELL at the bid


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"signal": 0}, decide.NO_SIGNAL),
        ({"in_window": False}, decide.SKIP_FILTER),
        ({"entries_allowed": False}, decide.SKIP_NOT_ALLOWED),
        ({"open_positions": 2}, decide.SKIP_POSITIONS),
        ({"equity": 9500.0}, decide.SKIP_DAILY_LOSS),  # exactly 5 % lost
        ({"equity": math.nan}, decide.SKIP_DAILY_LOSS),
        ({"day_start_equity": math.nan}, decide.SKIP_DAILY_LOSS),
        ({"balance": math.nan}, decide.SKIP_VOLUME),
        ({"balance": -5.0}, decide.SKIP_VOLUME),
        ({"balance": 9.0}, decide.SKIP_VOLUME),  # 2 % of it buys no minimum lot
        ({"risk_budget": 0.0}, decide.SKIP_VOLUME),
        ({"risk_budget": math.nan}, decide.SKIP_VOLUME),
        ({"lot_multiplier": 0.0}, decide.SKIP_VOLUME),
        ({"lot_multiplier": math.nan}, decide.SKIP_VOLUME),
        ({"ask": 1.1011}, decide.SKIP_STOP),  # the spread of 11 pips swallows the stop of 10
    ],
)
def test_every_guard_alone_prevents_the_entry(changes, why):
    params = _params(risk={"maxRisk": 2, "maxDailyLoss": 5, "maxOpenTrades": 2})

    assert _enter(params)[0] == decide.OPEN
    assert _enter(params, **changes)[0] == why


def test_a_day_loss_just_inside_the_limit_still_trades():
    assert _enter(_params(risk={"maxDailyLoss": 5}), equity=9500.01)[0] == decide.OPEN


@pytest.mark.parametrize(("direction", "signal"), [("above", -1), ("below", 1)])
def test_a_direction_takes_one_side_only(direction, signal):
    params = _params(direction=direction)

    assert _enter(params, signal)[0] == decide.SKIP_DIRECTION
    assert _enter(params, -signal)[0] == decide.OPEN


def test_facts_shrink_the_volume_and_never_grow_it():
    params = _params(risk={"lotSize": 1, "maxRisk": 1})  # 100 of 10,000 over 100 per lot: 1.00

    assert _enter(params)[1] == 100
    assert _enter(params, risk_budget=50.0)[1] == 50
    assert _enter(params, risk_budget=5000.0)[1] == 100
    assert _enter(params, lot_multiplier=0.255)[1] == 25
    assert _enter(params, lot_multiplier=3.0)[1] == 100


def test_a_stop_nearer_than_the_broker_takes_is_no_entry():
    # stop 10 pips under the ask of 1.1001 is 9 pips under the bid
    tight, wide = (replace(EURUSD, stops_level_points=points) for points in (90, 91))

    assert _enter(_params(tight))[0] == decide.OPEN
    assert _enter(_params(wide))[0] == decide.SKIP_STOP


def test_the_opposite_signal_closes_even_where_entries_are_one_sided():
    params = _params(direction="above")

    assert _hold(params, -1, 1.1, 1.1, 1.1, 1.1, 1, 1.1, 1.09)[0] == decide.CLOSE_OPPOSITE
    assert _hold(params, 1, 1.1, 1.1, 1.1, 1.1, 1, 1.1, 1.09)[0] == decide.HOLD
    assert _hold(params, 1, 1.1, 1.1, 1.1, 1.1, -1, 1.1, 1.11)[0] == decide.CLOSE_OPPOSITE


TRAIL = {"type": "stop_target", "stopLoss": 30, "trailingStop": True, "trailingStopDistance": 10}


@pytest.mark.parametrize(
    ("high", "bid", "stop", "expected"),
    [
        (1.1009, 1.1009, 1.0970, (decide.HOLD, 0.0)),  # 9 pips up: trailing has not begun
        (1.1010, 1.1008, 1.0970, (decide.HOLD, 1.1000)),  # 10 pips up: the stop comes to the entry
        (1.1030, 1.1025, 1.1000, (decide.HOLD, 1.1020)),
        (1.1030, 1.1025, 1.1020, (decide.HOLD, 0.0)),  # already there
        (1.1030, 1.1025, 1.1024, (decide.HOLD, 0.0)),  # never back
        (1.1030, 1.1020, 1.1000, (decide.CLOSE_TRAILING, 0.0)),  # the market is already at the new stop
    ],
)
def test_the_stop_of_a_buy_trails_the_best_bid(high, bid, stop, expected):
    params = _params(exit=TRAIL)

    assert _hold(params, 0, high, 1.0990, bid, bid + 0.0001, 1, 1.1, stop) == expected


@pytest.mark.parametrize(
    ("low", "ask", "stop", "expected"),
    [
        (1.0989, 1.0993, 1.1030, (decide.HOLD, 1.1000)),  # best ask 1.0990, 10 pips down
        (1.0990, 1.0993, 1.1030, (decide.HOLD, 0.0)),  # best ask 1.0991
        (1.0969, 1.0975, 1.1000, (decide.HOLD, 1.0980)),
        (1.0969, 1.0980, 1.1000, (decide.CLOSE_TRAILING, 0.0)),
    ],
)
def test_the_stop_of_a_sell_trails_the_best_ask(low, ask, stop, expected):
    params = _params(exit=TRAIL)

    assert _hold(params, 0, 1.1, low, ask - 0.0001, ask, -1, 1.1, stop) == expected


def test_a_move_the_broker_would_refuse_waits():
    params = _params(replace(EURUSD, stops_level_points=60), exit=TRAIL)

    assert _hold(params, 0, 1.1030, 1.1, 1.1025, 1.1026, 1, 1.1, 1.0970) == (decide.HOLD, 0.0)
    assert _hold(params, 0, 1.1030, 1.1, 1.1026, 1.1027, 1, 1.1, 1.0970) == (decide.HOLD, 1.1020)


def test_numbers_of_the_instrument_arrive_whole():
    params = _params(replace(EURUSD, volume_min=Decimal("0.015"), volume_limit=Decimal("3")))

    assert (params.min_steps, params.max_steps) == (2, 300)  # 0.015 is not on the step: the next volume is 0.02
