from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.rules.window import EntryWindow, local_day_numbers


def _window(start="00:00", end="24:00", zone="UTC", days=None):
    filters = {"timeRange": {"start": start, "end": end, "timezone": zone}}
    return EntryWindow.from_filters(filters | ({"daysOfWeek": days} if days else {}))


def _at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        ("2026-03-27 07:59", True),  # Friday before the change: 08:59 in Berlin is UTC+1
        ("2026-03-27 06:59", False),
        ("2026-03-30 06:00", True),  # Monday after it: UTC+2
        ("2026-03-30 05:59", False),
        ("2026-03-30 15:59", True),
        ("2026-03-30 16:00", False),  # the end is outside
    ],
)
def test_hours_follow_the_zones_own_clock_changes(moment, allowed):
    assert _window("08:00", "18:00", "Europe/Berlin").allows(_at(moment)) is allowed


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [("2026-01-05 21:59", False), ("2026-01-05 22:00", True), ("2026-01-06 05:59", True), ("2026-01-06 06:00", False)],
)
def test_an_overnight_range_crosses_midnight(moment, allowed):
    assert _window("22:00", "06:00").allows(_at(moment)) is allowed


def test_weekdays_are_those_of_the_zone():
    monday_only = _window(zone="Asia/Tokyo", days=[1])

    assert monday_only.allows(_at("2026-01-04 15:00"))  # Sunday in UTC, Monday 00:00 in Tokyo
    assert not monday_only.allows(_at("2026-01-05 15:00"))


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    zone=st.sampled_from(["UTC", "America/New_York", "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe"]),
    days=st.sets(st.integers(1, 7), min_size=1),
    first=st.integers(1_700_000_000, 1_800_000_000),
)
def test_the_mask_is_the_same_question_asked_of_every_moment(start, length, zone, days, first):
    window = EntryWindow(ZoneInfo(zone), start, (start + length) % 1440 or 1440, frozenset(days))
    moments = first - first % 60 + 60 * np.arange(0, 300_000, 997)

    assert window.mask(moments).tolist() == [window.allows(int(moment)) for moment in moments]


def test_days_turn_at_the_zones_midnight():
    moments = np.array([_at("2026-01-05 22:59"), _at("2026-01-05 23:00"), _at("2026-01-06 00:00")])

    numbers = local_day_numbers(moments, ZoneInfo("Europe/Berlin"))

    assert (np.diff(numbers)).tolist() == [1, 0]
