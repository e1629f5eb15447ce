"""The form and the text are one document, both ways."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from apps.dashboard.forms.dynamic_fields import read_dynamic
from apps.dashboard.forms.rule_fields import build_document, find_field, list_hidden, read_fields
from apps.dashboard.forms.strategies import STARTER
from apps.dashboard.forms.tree_fields import find_name, is_shown
from apps.dashboard.forms.tree_reading import change_tree
from tests.unit.trading.rules.trees import documents
from trading.rules.document import normalise, validate

SPEC_EXAMPLE = {
    "entry": {
        "type": "indicator_cross",
        "indicators": ["EMA_20", "EMA_50"],
        "direction": "above",
        "confirmation": {"type": "volume", "threshold": 1.5},
    },
    "exit": {
        "type": "opposite_signal",
        "stopLoss": 50,
        "takeProfit": 100,
        "trailingStop": True,
        "trailingStopDistance": 30,
    },
    "risk": {"lotSize": 0.01, "maxRisk": 2.0, "maxDailyLoss": 5.0, "maxOpenTrades": 3},
    "filters": {"timeRange": {"start": "09:00", "end": "17:00", "timezone": "UTC"}, "daysOfWeek": [1, 2, 3, 4, 5]},
}


@pytest.mark.parametrize("document", [STARTER, SPEC_EXAMPLE])
def test_a_document_goes_through_the_form_unchanged(document):
    assert build_document(read_fields(document), document) == document


def test_what_the_form_does_not_show_is_kept_and_named():
    leaf = {"left": "close", "op": ">", "right": "open"}
    large = {"entry": {"type": "tree", "long": {"any": [leaf] * 70}}, "exit": {"stopLoss": 30}}

    changed = build_document({**read_fields(large), "stop_loss": "40"}, large)

    assert list_hidden(large) == ["entry.long"]
    assert changed["entry"]["long"] == large["entry"]["long"]
    assert changed["exit"]["stopLoss"] == 40


numbers = st.one_of(st.integers(1, 500), st.floats(0.01, 500).map(lambda value: round(value, 2)))


@given(
    st.fixed_dictionaries(
        {
            "entry": st.one_of(
                st.fixed_dictionaries(
                    {
                        "type": st.just("indicator_cross"),
                        "indicators": st.tuples(st.integers(2, 99), st.integers(100, 900)).map(
                            lambda pair: [f"EMA_{pair[0]}", f"SMA_{pair[1]}"]
                        ),
                        "direction": st.sampled_from(["above", "below", "both"]),
                    }
                ),
                st.fixed_dictionaries(
                    {
                        "type": st.just("rsi_threshold"),
                        "indicator": st.integers(2, 99).map(lambda period: f"RSI_{period}"),
                        "oversold": st.integers(1, 40),
                        "overbought": st.integers(60, 99),
                        "direction": st.sampled_from(["above", "below", "both"]),
                    }
                ),
            ),
            "exit": st.fixed_dictionaries(
                {"type": st.sampled_from(["opposite_signal", "stop_target"]), "stopLoss": numbers},
                optional={"takeProfit": numbers},
            ),
            "risk": st.fixed_dictionaries({"lotSize": numbers}, optional={"maxOpenTrades": st.integers(1, 20)}),
        }
    )
)
def test_every_document_the_form_can_show_survives_the_round_trip(document):
    assert validate(document) == []
    assert build_document(read_fields(document)) == document


def test_text_that_is_no_number_stays_so_that_the_document_names_it():
    document = build_document({**read_fields(STARTER), "stop_loss": "forty"}, STARTER)
    problems = validate(document)
    assert [problem.path for problem in problems] == ["exit.stopLoss"]
    assert find_field(problems[0].path) == "stop_loss"


def test_changing_the_entry_drops_the_other_entrys_fields():
    document = build_document({**read_fields(STARTER), "entry_type": "rsi_threshold", "rsi_period": "7"}, STARTER)
    assert document["entry"]["indicator"] == "RSI_7"
    assert "indicators" not in document["entry"]
    assert validate(document) == []


@pytest.mark.parametrize(
    "junk", [None, [], "x", 7, {"entry": []}, {"entry": {"indicators": 5}}, {"filters": {"daysOfWeek": "x"}}]
)
def test_junk_opens_an_empty_form_and_breaks_nothing(junk):
    fields = read_fields(junk)
    assert fields["stop_loss"] == ""
    list_hidden(junk)


CONFIRMED = {"type": "volume", "threshold": 1.2, "bars": 10}
WHOLE = {
    "entry": {
        "type": "tree",
        "trigger": "while_true",
        "long": {
            "all": [
                {"left": "EMA_20", "op": ">", "right": {"indicator": "EMA", "period": 50, "timeframe": "H4"}},
                {"left": {"indicator": "MACD", "line": "hist", "offset": 1}, "op": ">=", "right": 0},
                {
                    "any": [
                        {"pattern": "breakout", "direction": "up", "bars": 20},
                        {"confirm": "volume", "threshold": 1.5, "bars": 9},
                    ]
                },
                {
                    "not": {
                        "left": "close",
                        "op": "<",
                        "right": {"price": "high", "times": 0.99, "plus": {"atr": 1.5, "period": 7}},
                    }
                },
            ]
        },
        "short": {"left": {"indicator": "RSI", "period": 7, "source": "hl2"}, "op": "crosses_below", "right": 70},
    },
    "exit": {
        "type": "stop_target",
        "stopLoss": {"unit": "swing", "bars": 2, "lookback": 50, "buffer": 1},
        "takeProfit": {"unit": "r", "value": 2.5},
        "trailingStop": True,
        "trailingStopDistance": {"unit": "atr", "value": 2, "period": 10},
        "trailingStart": {"unit": "r", "value": 1},
        "closeLong": {"pattern": "engulfing", "direction": "down"},
    },
    "risk": {"maxRisk": 0.5},
    "filters": {"sessions": ["london", "newYork"]},
    "management": {
        "breakEven": {"at": {"unit": "r", "value": 1}, "offset": 1},
        "partialExits": [{"at": {"unit": "r", "value": 1.5}, "fraction": 0.5}, {"at": 40, "fraction": 0.25}],
        "maxBars": 48,
        "closeAtSessionEnd": True,
        "closeBeforeWeekend": {"time": "20:00", "timezone": "UTC"},
    },
}


def _post(document, **changes):
    fields = {**read_fields(document), **read_dynamic(document), **changes}
    return build_document({name: value for name, value in fields.items() if value is not False}, document)


@pytest.mark.parametrize(
    "document",
    [
        WHOLE,
        {**STARTER, "entry": {**STARTER["entry"], "confirmation": CONFIRMED}},
        {**STARTER, "entry": {"type": "strategy", "name": "RSIStrategy", "parameters": {"rsi_period": 9}}},
    ],
)
def test_a_document_with_everything_means_the_same_after_the_form(document):
    assert validate(document) == []
    assert normalise(_post(document)) == normalise(document)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents())
def test_every_tree_the_form_can_show_means_the_same_after_it(document):
    assume(
        not validate(document) and all(is_shown(tree) for tree in document["entry"].values() if isinstance(tree, dict))
    )

    assert normalise(_post(document)) == normalise(document)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("entry.long.all[1].left.offset", "entry-long-1-left-offset"),
        ("entry.long.all[3].not.right.plus.period", "entry-long-3-0-right-plus-period"),
        ("entry.long.all[0].left", "entry-long-0-left-what"),
        ("entry.long.all[2].any[0]", "entry-long-2-0-kind"),
        ("management.partialExits[1].at.value", "management-partialExits-1-at"),
    ],
)
def test_a_problem_inside_a_tree_finds_its_field(path, name):
    assert find_name(path, read_dynamic(WHOLE)) == name


def test_buttons_add_and_drop_conditions():
    grown = change_tree(WHOLE, "add:entry-long-2")
    assert len(grown["entry"]["long"]["all"][2]["any"]) == 3
    assert change_tree(grown, "drop:entry-long-2-2") == WHOLE
    assert "closeLong" not in change_tree(WHOLE, "drop:exit-closeLong")["exit"]
    assert change_tree(WHOLE, "start:exit-closeShort")["exit"]["closeShort"]["all"]
    assert len(change_tree(WHOLE, "drop:management-partialExits-0")["management"]["partialExits"]) == 1


@pytest.mark.parametrize("action", ["drop:entry-long-9-9", "add:moon", "drop:", "group:entry-long-0", "start:exit-x"])
def test_a_button_that_leads_nowhere_changes_nothing(action):
    assert change_tree(WHOLE, action) == WHOLE


def test_a_comparison_made_a_group_becomes_the_first_thing_in_it():
    changed = _post(WHOLE, **{"entry-short-kind": "any"})

    assert changed["entry"]["short"] == {"any": [WHOLE["entry"]["short"]]}


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
    st.sampled_from(["all", "any", "not", "left", "right", "op", "pattern", "confirm", "indicator", "price", "plus", "atr"]), inner, max_size=3,
), max_leaves=8))  # fmt: skip
def test_junk_in_a_tree_breaks_no_form(junk):
    document = {
        "entry": {"type": "tree", "long": junk},
        "exit": {"closeLong": junk},
        "management": {"partialExits": junk},
    }

    assert isinstance(_post(document), dict)
