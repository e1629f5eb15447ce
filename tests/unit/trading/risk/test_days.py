"""Trading days: every instant is in exactly one, whatever the clocks do."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.risk.days import SERVER_ZONE, UnknownZone, check_zone, day_at, day_of, days_between

ROWS = json.loads((Path(__file__).parent / "reset_vectors.json").read_text())["rows"]
ZONES = [
    "UTC", SERVER_ZONE, "Europe/Prague", "America/Chicago", "Africa/Cairo", "Asia/Beirut", "America/Santiago",
    "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu",
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["day"])
def test_day_of_agrees_with_the_computed_resets(row):
    day = date.fromisoformat(row["day"])

    prague, server = day_of(day, "Europe/Prague"), day_of(day, SERVER_ZONE)

    assert prague.starts_at == datetime.fromisoformat(row["prague_day_start_utc"])
    assert prague.hours == row["prague_day_hours"]
    assert server.starts_at == datetime.fromisoformat(row["server_day_start_utc"])


@pytest.mark.parametrize(
    "zone, day, starts_at, hours",
    [
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00:00+00:00", 23),
        ("Asia/Beirut", date(2026, 3, 29), "2026-03-28T22:00:00+00:00", 23),
        ("America/Santiago", date(2026, 9, 6), "2026-09-06T04:00:00+00:00", 23),
        ("America/Havana", date(2026, 3, 8), "2026-03-08T05:00:00+00:00", 23),
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00:00+00:00", 25),
    ],
)
def test_day_of_starts_at_its_first_instant_where_midnight_is_missing_or_doubled(zone, day, starts_at, hours):
    assert day_of(day, zone).starts_at.isoformat() == starts_at
    assert day_of(day, zone).hours == hours


@given(zone=st.sampled_from(ZONES), at=st.datetimes(datetime(2011, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))
def test_each_instant_is_in_exactly_one_day(zone, at):
    day = day_at(at, zone)

    assert day.starts_at <= at < day.ends_at
    assert not day_of(day.day - timedelta(days=1), zone).ends_at > at
    assert not day_of(day.day + timedelta(days=1), zone).starts_at <= at


@given(
    zone=st.sampled_from(ZONES),
    at=st.datetimes(datetime(2011, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    later=st.integers(0, 40),
)
def test_days_between_are_contiguous_and_end_with_the_current_one(zone, at, later):
    first, then = day_at(at, zone), at + timedelta(days=later)

    days = [first, *days_between(first.day, then, zone)]

    assert days[-1] == day_at(then, zone)
    assert all(one.ends_at == two.starts_at for one, two in pairwise(days))


def test_days_between_is_empty_within_the_day_and_for_the_past():
    noon = datetime(2026, 5, 5, 12, tzinfo=UTC)

    assert list(days_between(date(2026, 5, 5), noon, "UTC")) == []
    assert list(days_between(date(2026, 5, 9), noon, "UTC")) == []


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "", "../etc/passwd", "SERVER_NY+8"])
def test_check_zone_refuses_what_is_no_zone(zone):
    with pytest.raises(UnknownZone):
        check_zone(zone)
