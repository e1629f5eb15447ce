"""The Mikrobot strategy: structure, break, retest, trigger; in ticks of EURUSD, where a pip is ten."""

import pytest

from tests.unit.trading.making import MONDAY
from tests.unit.trading.strategies.making import every_wish
from trading.errors import InvalidRules
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.registry import build
from trading.strategies.structure import Structure

QUIET = (110_000, 110_030, 109_970, 110_000)
# Minute 64 closes the five minutes exactly one pip above 110030, the highest high of the eleven five minutes before.
BREAKS = (110_000, 110_040, 109_990, 110_040)
BREAK_CANDLE = (110_040, 110_060, 110_020, 110_050)
INSIDE = (110_050, 110_058, 110_036, 110_045)
RETEST = (110_045, 110_055, 110_030, 110_045)
TRIGGER = (110_045, 110_066, 110_040, 110_060)
SETUP = [QUIET] * 64 + [BREAKS, BREAK_CANDLE, INSIDE, RETEST, TRIGGER]


def minutes(rows, start=MONDAY, skipped=()):
    kept = [(place, row) for place, row in enumerate(rows) if place not in skipped]
    return Bars.from_rows(Timeframe.M1, [(start + 60 * place, *(t / 1e5 for t in row)) for place, row in kept])


def mirror(rows):
    return [(220_000 - open_, 220_000 - low, 220_000 - high, 220_000 - close) for open_, high, low, close in rows]


def run(rows, skipped=(), **parameters):
    return every_wish("MikrobotStrategy", minutes(rows, skipped=skipped), parameters)


def story(wishes, start=64):
    return [(wish.phase, wish.reason) for wish in wishes[start:]]


def test_the_whole_story_of_a_buy():
    wishes = run(SETUP)

    assert story(wishes) == [
        ("M5_BOS", "M5_BOS_DETECTED"),
        ("M1_BREAK", "M1_BREAK_DETECTED"),
        ("M1_BREAK", ""),
        ("M1_RETEST", "M1_RETEST_CONFIRMED"),
        ("YLIPIP_TRIGGER", "YLIPIP_TRIGGER_REACHED"),
    ]
    # Nine ranges of 60, then 50 (110040 down to 109990), 40, 22, 25, 26.
    stop = (9 * 60 + 50 + 40 + 22 + 25 + 26) // 14
    assert wishes[-1].side == 1
    assert wishes[-1].stop_distance == pytest.approx(stop * 1e-5)
    assert wishes[-1].target_distance == wishes[-1].stop_distance
    assert all(wish.phase == "IDLE" for wish in wishes[:64])
    assert [wish.side for wish in wishes[:-1]] == [0] * 68


def test_a_sell_is_its_mirror_image():
    bought, sold = run(SETUP), run(mirror(SETUP))

    assert story(sold) == story(bought)
    assert (sold[-1].side, sold[-1].stop_distance) == (-1, bought[-1].stop_distance)


def test_nine_tenths_of_a_pip_break_no_structure():
    almost = [*SETUP[:64], (110_000, 110_040, 109_990, 110_039), *SETUP[65:]]

    assert {wish.phase for wish in run(almost)} == {"IDLE"}


def test_without_a_retest_there_is_no_trade():
    straight = [*SETUP[:66], (110_050, 110_075, 110_048, 110_070), (110_070, 110_090, 110_065, 110_085)]

    assert [wish.side for wish in run(straight)] == [0] * 68


def test_a_retest_before_the_third_candle_does_not_count():
    early = [*SETUP[:66], RETEST, TRIGGER]

    assert [wish.phase for wish in run(early)][-2:] == ["M1_BREAK", "M1_BREAK"]
    assert run(early, min_pattern_candles=2)[-1].side == 1


def test_the_trigger_comes_after_the_retest_never_with_it():
    at_once = [*SETUP[:67], (110_045, 110_066, 110_030, 110_045)]

    assert run(at_once)[-1].phase == "M1_RETEST"


def test_one_tick_below_the_trigger_is_not_enough():
    short = [*SETUP[:68], (110_045, 110_065, 110_040, 110_060)]

    assert [wish.side for wish in run(short)][-1] == 0


def test_the_range_filter_takes_both_its_ends():
    # Ten ranges before the trigger: 5 * 60 + 50 + 40 + 22 + 25 + 26 = 463 ticks, so 4.63 pips.
    assert run(SETUP, atr_period=10, atr_min_pips=4.63)[-1].side == 1
    assert run(SETUP, atr_period=10, atr_min_pips=4.64)[-1].reason == "ATR_TOO_LOW"
    assert run(SETUP, atr_period=10, atr_max_pips=4.63)[-1].side == 1
    assert run(SETUP, atr_period=10, atr_max_pips=4.62)[-1].reason == "ATR_TOO_HIGH"


def test_traded_or_not_the_setup_is_over():
    again = [*SETUP, TRIGGER]

    assert run(again, atr_max_pips=4.1)[-1].side == 0
    assert [wish.side for wish in run(again)].count(1) == 1


def test_a_setup_expires_after_its_last_candle():
    # Just below the level, with lower highs than the structure: no new break, and no break of the level.
    idle = (110_025, 110_028, 110_000, 110_025)
    wishes = run([*SETUP[:65], *[idle] * 122])

    assert [wish.phase for wish in wishes[65:185]] == ["M1_MONITORING"] * 120
    assert (wishes[185].phase, wishes[185].reason) == ("IDLE", "EXPIRED")


def test_a_level_the_price_has_left_for_good_is_given_up():
    wishes = run([*SETUP[:66], (110_040, 110_042, 109_960, 109_965)])

    assert wishes[-1].reason == "INVALIDATED"


def test_a_five_minutes_without_its_last_bar_ends_when_the_next_begins():
    # Minute 63 breaks, minute 64 is missing: the break is known when minute 65 arrives, which may already be the break candle.
    rows = [*SETUP[:63], BREAKS, QUIET, *SETUP[65:]]

    wishes = run(rows, skipped={64})

    assert [wish.phase for wish in wishes[63:]] == ["IDLE", "M1_BREAK", "M1_BREAK", "M1_RETEST", "YLIPIP_TRIGGER"]
    assert wishes[-1].side == 1


def test_the_box_stop_lies_half_a_range_beyond_the_retest():
    wishes = run(SETUP, stop_mode="BOX", atr_period=10)

    # From the close 110060 to the retest's low 110030 are 30 ticks, and half of 46.3 rounded up: 24.
    assert wishes[-1].stop_distance == pytest.approx(54e-5)


def test_the_trigger_may_be_measured_from_the_level():
    wishes = run([*SETUP[:68], (110_045, 110_050, 110_040, 110_045)], trigger_reference="RETEST_LEVEL")

    assert wishes[-1].side == 1


def test_two_symbols_have_their_own_setups():
    one = build("MikrobotStrategy", {}, typical_instrument("EURUSD"), Timeframe.M1)
    two = build("MikrobotStrategy", {}, typical_instrument("GBPUSD"), Timeframe.M1)
    flat = minutes([QUIET] * len(SETUP))

    phases = [(one.update(a, {}).phase, two.update(b, {}).phase) for a, b in zip(minutes(SETUP), flat, strict=True)]

    assert phases[-1] == ("YLIPIP_TRIGGER", "IDLE")


@pytest.mark.parametrize("symbol, ticks", [("EURUSD", 6), ("USDJPY", 6), ("XAUUSD", 6), ("US30", 6), ("BTCUSD", 60)])
def test_six_tenths_of_a_pip_are_those_of_the_instrument(symbol, ticks):
    assert build("MikrobotStrategy", {}, typical_instrument(symbol), Timeframe.M1).trigger_ticks == ticks


def test_the_structure_must_be_coarser_than_the_bars():
    with pytest.raises(InvalidRules, match="must be coarser"):
        build("MikrobotStrategy", {}, typical_instrument("EURUSD"), Timeframe.M5)


def test_a_contextual_break_goes_against_the_trend_of_the_swings():
    # Falling swings of twelve bars, then a close above the last key high.
    levels = [1000 - 4 * place + 30 * abs((place % 12) - 6) for place in range(60)]
    found = {}
    for contextual in (False, True):
        for side in (1, -1):
            structure = Structure(Timeframe.M5, 11, 1, contextual=contextual)
            last = max(levels[-12:]) + 50 if side > 0 else min(levels[-12:]) - 50
            for place, close in enumerate([*levels, last]):
                result = structure.finish(place * 300, place * 300 + 300, close + 1, close - 1, close)
            found[contextual, side] = result and result[0]

    assert found == {(False, 1): 1, (False, -1): -1, (True, 1): 1, (True, -1): None}
