"""The form and the text are one document, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dashboard.forms.rule_fields import build_document, find_field, list_hidden, read_fields
from apps.dashboard.forms.strategies import STARTER
from trading.rules.document import validate

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
    assert list_hidden(SPEC_EXAMPLE) == ["entry.confirmation"]
    fields = {**read_fields(SPEC_EXAMPLE), "stop_loss": "40"}
    changed = build_document(fields, SPEC_EXAMPLE)
    assert changed["entry"]["confirmation"] == SPEC_EXAMPLE["entry"]["confirmation"]
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
