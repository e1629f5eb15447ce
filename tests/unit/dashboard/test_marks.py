"""What repeats on pages: numbers, ages, levels, states, headroom."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dashboard import exports, marks, paging
from apps.dashboard.forms import activation, rule_fields
from apps.dashboard.marks import ages, headroom, levels, numbers
from apps.dashboard.marks.headroom import Headroom

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("module", [numbers, ages, levels, headroom, exports, paging, rule_fields, activation])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_money_is_signed_with_a_true_minus_and_quiet_at_zero():
    assert marks.render_money("1284.5", "USD") == '<span class="pos">+1,284.50</span>'
    assert marks.render_money("-3727.6", "USD") == '<span class="neg">−3,727.60</span>'
    assert marks.render_money("-0.004", "USD") == '<span class="muted">0.00</span>'
    assert marks.render_money("1284.5", "JPY") == '<span class="pos">+1,284</span>'
    assert "–" in marks.render_money(None)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=4))
def test_an_amount_reads_back_as_the_rounded_number(value):
    text = marks.format_amount(value)
    assert Decimal(text.replace(",", "").replace("−", "-")) == round(value, 2)
    assert not text.startswith("−0.00") or "1" in text or abs(value) >= Decimal("0.005")


def test_what_is_no_number_is_a_dash_and_never_nan():
    assert marks.format_amount(Decimal("NaN")) == "–"
    assert marks.format_price(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "fresh"), (9, "fresh"), (10, "late"), (14, "late"), (15, "stale"), (9999, "stale")]
)
def test_an_age_says_when_it_is_late_and_when_stale(seconds, state):
    mark = marks.render_age(AT - timedelta(seconds=seconds), AT)
    assert f'data-age="{seconds}"' in mark
    assert f'data-state="{state}"' in mark


def test_a_clock_that_runs_ahead_makes_no_negative_age():
    assert ">0 s<" in marks.render_age(AT + timedelta(seconds=3), AT)


def test_a_level_is_a_shape_and_a_word_and_the_unknown_is_never_safe():
    assert '#lv-warning"' in marks.render_level("WARNING")
    assert "WARNING" in marks.render_level("WARNING")
    for strange in ("STALE", "", "SAFEST", "UNKNOWN"):
        assert 'data-level="unknown"' in marks.render_level(strange)


def test_a_fresh_level_says_when_it_stops_being_true():
    assert 'data-fresh-for="12"' in marks.render_level("SAFE", fresh_s=12.7)


def test_a_state_that_is_asked_looks_unlike_a_proven_one():
    proven, asked = marks.render_state("proven", "RUNNING"), marks.render_state("moving", "STARTING", "agent at 6 of 7")
    assert 'data-state="proven"' in proven
    assert '#check"' in proven
    assert 'data-state="moving"' in asked
    assert "agent at 6 of 7" in asked


def test_names_cannot_carry_markup():
    assert "<script>" not in marks.render_state("proven", "<script>", "<b>x")
    assert "<script>" not in marks.render_level("SAFE", text="<script>alert(1)</script>")


def room(lost, at_risk="0", level="SAFE", **more):
    return Headroom("daily floor", Decimal(5000), Decimal(lost), Decimal(at_risk), "USD", level, **more)


def test_headroom_says_the_amount_left_before_the_percentage():
    bar = marks.render_headroom(room("3727.60", "560", "WARNING"))
    assert bar.index("$1,272.40 to daily floor") < bar.index("74.6 % of 5,000")
    assert 'class="used" width="74.6%"' in bar
    assert 'x="74.6%" width="11.2%"' in bar


def test_a_gain_uses_nothing_of_the_limit():
    assert 'class="used" width="0%"' in marks.render_headroom(room("-100"))


@given(
    st.decimals(min_value=-10_000, max_value=20_000, places=2),
    st.decimals(min_value=0, max_value=20_000, places=2),
)
def test_the_bar_never_grows_beyond_its_track(lost, at_risk):
    shown = room(str(lost), str(at_risk))
    assert 0 <= shown.used_percent <= 100
    assert shown.used_percent + shown.at_risk_percent <= 100


def test_stale_headroom_is_last_known_and_has_no_level():
    bar = marks.render_headroom(room("10", level="SAFE", stale=True))
    assert "last known" in bar
    assert 'data-level="unknown"' in bar


def test_nothing_in_the_marks_is_an_inline_style():
    everything = (
        marks.render_headroom(room("10", "20")) + marks.render_level("SAFE") + marks.render_state("unknown", "X")
    )
    assert "style=" not in everything
