"""Version 2 of the rule document: what is wrong is named with its path; what is right is said in plain words."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.unit.trading.rules.trees import documents
from trading.indicators.specs import SPECS
from trading.rules.document import JSON_SCHEMA, explain, find_activation_problems, normalise, validate
from trading.rules.nodes import LARGEST_TREE, PATTERN_BLOCKS
from trading.rules.tree import Distance, build_rules
from trading.rules.window import ClosingTimes, EntryWindow

UP = {"left": "close", "op": ">", "right": "open"}
GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "rules.md"


def _document(long=UP, *, exit=None, entry=None, **blocks):
    tree = entry or {"type": "tree", "long": long}
    return {"entry": tree, "exit": {"stopLoss": 20, **(exit or {})}, "risk": {"lotSize": 0.1}, **blocks}


def _deep(levels):
    node = UP
    for _ in range(levels):
        node = {"not": node}
    return node


@pytest.mark.parametrize(
    ("document", "at", "code"),
    [
        (_document({"left": "close", "op": "=", "right": 1}), "entry.long.op", "UNKNOWN_NAME"),
        (_document({"left": "close", "op": ">"}), "entry.long.right", "REQUIRED"),
        (_document({"left": "moon", "op": ">", "right": 1}), "entry.long.left", "UNKNOWN_NAME"),
        (_document({"left": "EMA_0", "op": ">", "right": 1}), "entry.long.left", "OUT_OF_RANGE"),
        (_document({"left": True, "op": ">", "right": 1}), "entry.long.left", "WRONG_TYPE"),
        (_document({"left": float("nan"), "op": ">", "right": "close"}), "entry.long.left", "WRONG_TYPE"),
        (_document({"all": [UP, {"any": [{"pattern": "moon"}]}]}), "entry.long.all[1].any[0].pattern", "UNKNOWN_NAME"),
        (_document({"all": []}), "entry.long.all", "OUT_OF_RANGE"),
        (_document({"all": [UP], "any": [UP]}), "entry.long.any", "UNKNOWN_FIELD"),
        (_document({}), "entry.long", "REQUIRED"),
        (_document([UP]), "entry.long", "WRONG_TYPE"),
        (_document({"not": {"left": {"indicator": "EMA", "period": -5}, "op": ">", "right": 1}}), "entry.long.not.left.period", "OUT_OF_RANGE"),
        (_document({"left": {"indicator": "MACD", "line": "x"}, "op": ">", "right": 0}), "entry.long.left.line", "UNKNOWN_NAME"),
        (_document({"left": {"indicator": "ATR", "source": "close"}, "op": ">", "right": 0}), "entry.long.left.source", "UNKNOWN_FIELD"),
        (_document({"left": {"indicator": "MOON"}, "op": ">", "right": 0}), "entry.long.left.indicator", "UNKNOWN_NAME"),
        (_document({"left": {"price": "close", "offset": -1}, "op": ">", "right": 0}), "entry.long.left.offset", "OUT_OF_RANGE"),
        (_document({"left": {"price": "close", "timeframe": "M7"}, "op": ">", "right": 0}), "entry.long.left.timeframe", "UNKNOWN_NAME"),
        (_document({"left": {"price": "close", "pips": 1}, "op": ">", "right": 0}), "entry.long.left.pips", "UNKNOWN_FIELD"),
        (_document({"left": "close", "op": ">", "right": {"price": "open", "plus": {"atr": 0}}}), "entry.long.right.plus.atr", "OUT_OF_RANGE"),
        (_document(_deep(50)), "entry.long", "OUT_OF_RANGE"),
        (_document(_deep(5000)), "entry.long", "OUT_OF_RANGE"),
        (_document({"all": [{"any": [UP] * 50}] * 9}), "entry.long", "OUT_OF_RANGE"),
        (_document({"left": 1, "op": ">", "right": 2}), "entry.long", "CONTRADICTION"),
        (_document({"left": "EMA_20", "op": ">", "right": {"indicator": "EMA", "period": 20}}), "entry.long", "CONTRADICTION"),
        (_document({"left": "RSI_14", "op": ">", "right": 170}), "entry.long.right", "CONTRADICTION"),
        (_document({"all": [{"left": "RSI_14", "op": ">", "right": 70}, {"left": 30, "op": ">", "right": "RSI_14"}]}), "entry.long.all", "CONTRADICTION"),
        (_document({"left": {"indicator": "MACD", "fast": 30}, "op": ">", "right": 0}), "entry.long.left.fast", "CONTRADICTION"),
        (_document(entry={"type": "tree"}), "entry.long", "REQUIRED"),
        (_document(entry={"type": "tree", "long": UP, "short": UP}), "entry.short", "CONTRADICTION"),
        (_document(exit={"stopLoss": {"unit": "moon", "value": 1}}), "exit.stopLoss.unit", "UNKNOWN_NAME"),
        (_document(exit={"stopLoss": {"unit": "r", "value": 1}}), "exit.stopLoss.unit", "UNKNOWN_NAME"),
        (_document(exit={"stopLoss": {"unit": "atr"}}), "exit.stopLoss.value", "REQUIRED"),
        (_document(exit={"stopLoss": {"unit": "percent", "value": 101}}), "exit.stopLoss.value", "OUT_OF_RANGE"),
        (_document(exit={"trailingStart": 5}), "exit.trailingStart", "CONTRADICTION"),
        (_document(exit={"closeLong": {"left": 1, "op": ">", "right": 2}}), "exit.closeLong", "CONTRADICTION"),
        (_document(management={"breakEven": {"at": 10, "offset": 10}}), "management.breakEven.offset", "CONTRADICTION"),
        (_document(management={"partialExits": [{"at": 9, "fraction": 0.7}, {"at": 12, "fraction": 0.7}]}), "management.partialExits", "CONTRADICTION"),
        (_document(exit={"takeProfit": 30}, management={"partialExits": [{"at": 30, "fraction": 0.5}]}), "management.partialExits[0].at", "CONTRADICTION"),
        (_document(management={"closeAtSessionEnd": True}), "management.closeAtSessionEnd", "REQUIRED"),
        (_document(management={"maxBars": 0}), "management.maxBars", "OUT_OF_RANGE"),
        (_document(management={"moon": 1}), "management.moon", "UNKNOWN_FIELD"),
        (_document(filters={"sessions": ["frankfurt"]}), "filters.sessions[0]", "UNKNOWN_NAME"),
        ({"entry": {"type": "tree", "long": UP}, "exit": {"takeProfit": {"unit": "r", "value": 2}}}, "exit.stopLoss", "REQUIRED"),
        ({"entry": {"type": "tree", "long": UP}, "exit": {"type": "opposite_signal"}}, "exit", "CONTRADICTION"),
        (_document(entry={"type": "strategy", "name": "Moon"}), "entry.name", "UNKNOWN_NAME"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_path(document, at, code):
    problems = validate(document)

    assert (at, code) in [(problem.path, problem.code) for problem in problems]
    assert len(problems) == 1


def test_a_ratio_that_cannot_be_compared_is_said():
    document = _document(exit={"stopLoss": {"unit": "atr", "value": 2}, "takeProfit": 50})
    document["risk"]["riskRewardRatio"] = 2

    assert [problem.path for problem in validate(document)] == ["risk.riskRewardRatio"]
    del document["exit"]["takeProfit"]
    assert normalise(document)["exit"]["takeProfit"] == {"unit": "r", "value": 2}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["close", "EMA_20", "up", "volume", "EMA_x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["all", "any", "not", "left", "op", "right", "pattern", "confirm", "indicator", "price", "plus", "unit"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(JSON, JSON)
def test_any_value_in_a_tree_is_judged_without_a_crash(tree, distance):
    document = _document(tree, exit={"stopLoss": distance}, management={"breakEven": {"at": distance}})

    problems = validate(document)

    assert all(problem.path and problem.code and problem.message for problem in problems)
    if not problems:
        assert normalise(normalise(document)) == normalise(document)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_random_documents_have_one_normal_form_and_a_sentence(document):
    assume(not validate(document))
    once = normalise(document)

    assert validate(once) == []
    assert normalise(once) == once
    assert find_activation_problems(document) == []
    assert explain(document).endswith(".")
    assert json.loads(json.dumps(once)) == once


def test_a_whole_document_is_said_in_plain_words():
    example = json.loads(re.search(r"```json\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1])

    text = explain(example)

    assert find_activation_problems(example) == []
    for part in (
        "the close is above EMA_50 on H4 and RSI_14 crosses above 30",
        "a stop 2 times the ATR of 14 bars away",
        "Once 1 times the stop's distance in profit, move the stop to the entry price",
        "Close 50 % of the volume",
        "on Friday at 20:00 (UTC)",
        "in the sessions of London or New York",
    ):
        assert part in text


def test_the_guide_names_every_field_pattern_and_indicator():
    text = GUIDE.read_text()
    schema = JSON_SCHEMA
    blocks = [
        name
        for block in ("exit", "management", "risk", "filters")
        for name in schema["properties"][block]["properties"]
    ]

    for name in (*blocks, *SPECS, *PATTERN_BLOCKS):
        assert name in text, name
    for spec in SPECS.values():
        assert all(f"`{parameter}`" in text for parameter in spec.parameters), spec.name
    assert f"{LARGEST_TREE}" in str(validate(_document({"all": [{"any": [UP] * 50}] * 9}))[0].message)


def test_distances_are_typed_with_their_units():
    exit_ = {
        "stopLoss": {"unit": "swing", "buffer": 1.5},
        "takeProfit": {"unit": "r", "value": 2},
        "trailingStop": True,
        "trailingStopDistance": {"unit": "atr", "value": 3},
        "trailingStart": {"unit": "percent", "value": 0.5},
    }
    management = {"breakEven": {"at": {"unit": "points", "value": 80}}, "partialExits": [{"at": 30, "fraction": 0.25}]}

    rules = build_rules(_document(exit=exit_, management={**management, "maxBars": 10, "maxMinutes": 90}))

    assert rules.exit.stop == Distance("swing", Decimal("1.5"), 3, 100)
    assert rules.exit.target == Distance("r", Decimal(2))
    assert rules.exit.trail == Distance("atr", Decimal(3), 14)
    assert rules.exit.trail_start == Distance("percent", Decimal("0.5"))
    assert rules.exit.break_even.at == Distance("points", Decimal(80))
    assert rules.exit.partials[0].fraction == Decimal("0.25")
    assert (rules.exit.bars_max, rules.exit.minutes_max) == (10, 90)
    assert (rules.buys, rules.sells) == (True, False)


def _at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("session", "moment", "is_open"),
    [
        ("london", "2026-01-05 08:00", True),
        ("london", "2026-07-06 07:00", True),  # summer time: an hour earlier in UTC
        ("london", "2026-07-06 16:00", False),
        ("newYork", "2026-03-10 12:00", True),  # clocks there changed two days before
        ("newYork", "2026-03-03 12:59", False),
        ("tokyo", "2026-07-06 00:00", True),
        ("sydney", "2026-01-05 20:00", True),  # 07:00 of the next day, in summer time
    ],
)
def test_sessions_keep_the_clocks_of_their_cities(session, moment, is_open):
    window = EntryWindow.from_filters({"sessions": [session]})

    assert window.allows(_at(moment)) is is_open
    assert window.mask(np.array([_at(moment)])).tolist() == [is_open]


@pytest.mark.parametrize(
    ("moment", "is_due"),
    [
        ("2026-01-09 19:59", False),  # Friday
        ("2026-01-09 20:00", True),
        ("2026-01-10 12:00", True),
        ("2026-01-11 22:00", False),  # Sunday evening: the market opens
        ("2026-01-07 21:00", False),
    ],
)
def test_before_the_weekend_everything_is_closed_and_nothing_opened(moment, is_due):
    rules = build_rules(_document(management={"closeBeforeWeekend": {"time": "20:00"}}))
    times = np.array([_at(moment)])

    assert rules.closing.is_due(_at(moment)) is is_due
    assert rules.closing.mask(times).tolist() == [is_due]
    assert rules.window.allows(_at(moment)) is not is_due
    assert rules.window.mask(times).tolist() == [not is_due]


def test_the_end_of_a_session_closes_and_its_weekdays_do_not():
    filters = {"sessions": ["london"], "daysOfWeek": [1]}
    rules = build_rules(_document(filters=filters, management={"closeAtSessionEnd": True}))

    assert rules.closing.is_due(_at("2026-01-06 17:00"))
    assert not rules.closing.is_due(_at("2026-01-06 16:59"))  # Tuesday: what Monday opened may stay
    assert not rules.window.allows(_at("2026-01-06 12:00"))
    assert ClosingTimes().is_never
