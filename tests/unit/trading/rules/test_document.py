import copy
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.making import GUIDE_FORMAT, GUIDE_START, cross_rules
from trading.errors import InvalidRules
from trading.rules.document import (
    JSON_SCHEMA,
    apply_settings,
    explain,
    find_activation_problems,
    normalise,
    validate,
)


def _with(path, value, document=GUIDE_FORMAT):
    changed = copy.deepcopy(document)
    *way, last = path.split(".")
    block = changed
    for name in way:
        block = block[name]
    if value is None:
        del block[last]
    else:
        block[last] = value
    return changed


@pytest.mark.parametrize("document", [GUIDE_START, GUIDE_FORMAT])
def test_the_guides_documents_load_unchanged(document):
    before = copy.deepcopy(document)

    assert validate(document) == []
    assert normalise(document)["rules_version"] == 2
    assert document == before


def test_the_guides_start_example_may_be_activated():
    assert find_activation_problems(GUIDE_START) == []


def test_the_guides_whole_format_may_be_activated():
    assert find_activation_problems(GUIDE_FORMAT) == []


@pytest.mark.parametrize(
    ("path", "value", "at", "code"),
    [
        ("entry.indicators", ["EMA_20", "WMA_50"], "entry.indicators[1]", "UNKNOWN_NAME"),
        ("entry.indicators", ["EMA_20", "EMA"], "entry.indicators[1]", "UNKNOWN_NAME"),
        ("entry.indicators", ["EMA_20", "EMA_0"], "entry.indicators[1]", "OUT_OF_RANGE"),
        ("entry.indicators", ["EMA_20"], "entry.indicators", "OUT_OF_RANGE"),
        ("entry.indicators", ["EMA_20", "ema_20"], "entry.indicators", "CONTRADICTION"),
        ("entry.indicators", "EMA_20", "entry.indicators", "WRONG_TYPE"),
        ("entry.direction", "up", "entry.direction", "UNKNOWN_NAME"),
        ("entry.type", "macd", "entry.type", "UNKNOWN_NAME"),
        ("entry.type", None, "entry.type", "REQUIRED"),
        ("entry.confirmation", {"type": "moon"}, "entry.confirmation.type", "UNKNOWN_NAME"),
        ("exit.stopLos", 50, "exit.stopLos", "UNKNOWN_FIELD"),
        ("exit.stopLoss", 0, "exit.stopLoss", "OUT_OF_RANGE"),
        ("exit.stopLoss", -5, "exit.stopLoss", "OUT_OF_RANGE"),
        ("exit.stopLoss", float("nan"), "exit.stopLoss", "WRONG_TYPE"),
        ("exit.stopLoss", float("inf"), "exit.stopLoss", "WRONG_TYPE"),
        ("exit.stopLoss", "50", "exit.stopLoss", "WRONG_TYPE"),
        ("exit.stopLoss", True, "exit.stopLoss", "WRONG_TYPE"),
        ("exit.trailingStop", 1, "exit.trailingStop", "WRONG_TYPE"),
        ("exit.trailingStopDistance", None, "exit.trailingStopDistance", "REQUIRED"),
        ("exit.takeProfit", 99, "risk.riskRewardRatio", "CONTRADICTION"),
        ("risk.maxRisk", 101, "risk.maxRisk", "OUT_OF_RANGE"),
        ("risk.maxOpenTrades", 2.5, "risk.maxOpenTrades", "WRONG_TYPE"),
        ("risk.maxOpenTrades", 0, "risk.maxOpenTrades", "OUT_OF_RANGE"),
        ("filters.timeRange.start", "8:00", "filters.timeRange.start", "WRONG_TYPE"),
        ("filters.timeRange.end", "24:01", "filters.timeRange.end", "WRONG_TYPE"),
        ("filters.timeRange.end", "08:00", "filters.timeRange.end", "CONTRADICTION"),
        ("filters.timeRange.timezone", "Mars/Olympus", "filters.timeRange.timezone", "UNKNOWN_NAME"),
        ("filters.timeRange.timezone", "../../etc/passwd", "filters.timeRange.timezone", "UNKNOWN_NAME"),
        ("filters.daysOfWeek", [8], "filters.daysOfWeek[0]", "UNKNOWN_NAME"),
        ("filters.daysOfWeek", [], "filters.daysOfWeek", "OUT_OF_RANGE"),
        ("filters.news", {}, "filters.news", "UNKNOWN_FIELD"),
        ("rules_version", 3, "rules_version", "UNKNOWN_NAME"),
    ],
)
def test_a_mistake_is_named_with_its_path_and_what_is_allowed(path, value, at, code):
    problems = validate(_with(path, value))

    assert [(problem.path, problem.code) for problem in problems] == [(at, code)]
    assert problems[0].message.startswith(at)


@pytest.mark.parametrize("document", [None, [], "rules", 5, {}, {"entry": None, "exit": 1}, {"entry": {"type": ["x"]}}])
def test_what_is_no_document_is_a_problem_and_never_a_crash(document):
    assert validate(document)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(path=st.sampled_from(["entry", "exit", "risk", "filters", "entry.type", "entry.indicators", "exit.stopLoss", "risk.lotSize",
                             "filters.timeRange", "filters.daysOfWeek", "filters.timeRange.timezone"]), value=JSON)  # fmt: skip
def test_any_value_anywhere_is_judged_without_a_crash(path, value):
    problems = validate(_with(path, {} if value is None else value))

    assert all(problem.path and problem.code and problem.message for problem in problems)
    if not problems:
        assert normalise(normalise(_with(path, {} if value is None else value)))


def test_normalising_twice_changes_nothing():
    once = normalise(GUIDE_FORMAT)

    assert normalise(once) == once


def test_defaults_are_spelled_out():
    shape = normalise(
        {
            "entry": {"type": "rsi_threshold"},
            "exit": {"stopLoss": 20},
            "risk": {"lotSize": 1, "riskRewardRatio": 1.5},
            "filters": {"daysOfWeek": [0, 7, 1], "timeRange": {"start": "00:00", "end": "24:00"}},
        }
    )

    assert shape["entry"] == {
        "type": "rsi_threshold",
        "indicator": "RSI_14",
        "oversold": 30,
        "overbought": 70,
        "direction": "both",
    }
    assert shape["exit"]["takeProfit"] == 30.0
    assert shape["filters"] == {
        "daysOfWeek": [1, 7],
        "timeRange": {"timezone": "UTC", "start": "00:00", "end": "24:00"},
    }


def test_without_a_stop_loss_there_is_no_activation():
    problems = find_activation_problems(_with("exit.stopLoss", None, GUIDE_START))

    assert [problem.path for problem in problems] == ["exit.stopLoss"]


def test_without_any_size_there_is_no_activation():
    document = cross_rules()
    del document["risk"]

    assert [problem.path for problem in find_activation_problems(document)] == ["risk.lotSize"]


@pytest.mark.parametrize(
    ("given", "at", "code"),
    [
        ({"maxRisk": 3}, "settings.maxRisk", "SETTING_LOOSENS"),
        ({"lotSize": 0.02}, "settings.lotSize", "SETTING_LOOSENS"),
        ({"lotSize": 0}, "settings.lotSize", "OUT_OF_RANGE"),
        ({"lotsize": 0.01}, "settings.lotsize", "UNKNOWN_FIELD"),
    ],
)
def test_settings_may_only_tighten(given, at, code):
    with pytest.raises(InvalidRules) as caught:
        apply_settings(GUIDE_START, given)

    assert caught.value.field == at
    assert caught.value.extra["problems"][0]["code"] == code


def test_settings_replace_what_they_tighten_and_add_what_was_open():
    document = apply_settings(GUIDE_START, {"maxRisk": 1, "maxOpenTrades": 1, "maxDailyLoss": None})

    assert document["risk"] == {"lotSize": 0.01, "maxRisk": 1, "maxDailyLoss": 5, "maxOpenTrades": 1}
    assert "maxOpenTrades" not in GUIDE_START["risk"]


def test_rules_are_explained_in_plain_words():
    text = explain(GUIDE_FORMAT)

    for part in (
        "EMA_20 crosses above EMA_50",
        "stop 50 pips",
        "2 % of the balance",
        "08:00 and 20:00 (UTC)",
        "Friday",
    ):
        assert part in text


def test_the_schema_is_json_and_knows_every_block():
    schema = json.loads(json.dumps(JSON_SCHEMA, allow_nan=False))

    assert set(schema["properties"]) == {"rules_version", "entry", "exit", "risk", "filters", "management"}
    assert schema["additionalProperties"] is False


def test_the_document_is_read_without_numpy_and_numba():
    code = "import sys, trading.rules.document as d; d.explain(%r); print({'numpy', 'numba'} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", code % GUIDE_START],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "platform"},
    )

    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("most", "words"), [(1, "hold one position at a time"), (3, "hold at most 3 positions at a time")]
)
def test_the_sentence_counts_positions_in_plain_english(most, words):
    assert words in explain(_with("risk.maxOpenTrades", most))
