from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import UnknownTimeframe
from trading.model.timeframe import Timeframe


def _at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize("text", ["H2", "", "M10", "MN1", None, 60, "H1;"])
def test_an_unknown_timeframe_is_an_error_and_never_h1(text):
    with pytest.raises(UnknownTimeframe) as caught:
        Timeframe.parse(text)

    assert caught.value.extra["allowed"] == ["M1", "M5", "M15", "M30", "H1", "H4", "D1", "W1"]


def test_weeks_open_on_sunday():
    assert Timeframe.W1.open_time(_at("2026-01-07 13:00")) == _at("2026-01-04 00:00")
    assert Timeframe.W1.is_aligned(_at("2026-01-04 00:00"))
    assert not Timeframe.W1.is_aligned(_at("2026-01-05 00:00"))


@given(st.sampled_from(list(Timeframe)), st.integers(0, 4_000_000_000))
def test_every_moment_lies_in_exactly_one_bar(timeframe, moment):
    opened = timeframe.open_time(moment)

    assert opened <= moment < timeframe.close_time(opened)
    assert timeframe.is_aligned(opened)
    assert timeframe.open_time(timeframe.close_time(opened)) == timeframe.close_time(opened)
