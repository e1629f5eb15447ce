from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.data.zones import check_data_zone, offsets_at, to_utc
from trading.risk.days import UnknownZone

ZONES = ["UTC", "Europe/Helsinki", "America/New_York", "SERVER_NY+7", "+05:30", "Asia/Kathmandu", "Australia/Lord_Howe"]


def wall(zone, utc_s):
    return utc_s + offsets_at(utc_s, zone)


@given(st.sampled_from(ZONES), st.integers(946_684_800, 1_900_000_000), st.sampled_from([300, 1800, 3600]))
def test_what_a_clock_shows_is_read_back(zone, start, step):
    utc_s = start // 1800 * 1800 + np.arange(400, dtype=np.int64) * step

    read = to_utc(wall(zone, utc_s), zone)

    # Lord Howe repeats half an hour: bars of an hour pass it with one reading, and nobody can say which half it was.
    can_tell = zone != "Australia/Lord_Howe" or step < 3600
    assert read.utc_s[~read.undecided].tolist() == utc_s[~read.undecided].tolist()
    assert not (can_tell and read.undecided.any())


def test_the_hour_shown_twice_is_told_apart_by_the_order():
    night = int(datetime(2026, 10, 25, 0, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
    utc_s = night + np.arange(24, dtype=np.int64) * 900
    shown = wall("Europe/Berlin", utc_s)

    read = to_utc(shown, "Europe/Berlin")

    assert (np.diff(shown) < 0).sum() == 1
    assert read.utc_s.tolist() == utc_s.tolist()
    assert not read.undecided.any()


def test_a_single_pass_through_that_hour_is_the_first_and_marked():
    two = int(datetime(2026, 10, 25, 2, 0, tzinfo=UTC).timestamp())

    read = to_utc(np.array([two, two + 1800]), "Europe/Berlin")

    assert read.utc_s.tolist() == [two - 7200, two - 5400]
    assert read.undecided.tolist() == [True, True]


def test_an_hour_no_clock_showed_is_marked():
    half_past_two = int(datetime(2026, 3, 29, 2, 30, tzinfo=UTC).timestamp())

    read = to_utc(np.array([half_past_two, half_past_two + 3600]), "Europe/Berlin")

    assert read.skipped.tolist() == [True, False]


def test_the_servers_day_ends_at_five_in_new_york_all_year():
    for day in (datetime(2026, 1, 14, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)):
        (midnight,) = to_utc(np.array([int(day.timestamp())]), "SERVER_NY+7").utc_s.tolist()
        assert datetime.fromtimestamp(midnight, ZoneInfo("America/New_York")).hour == 17


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "+99:00", "../etc/passwd", "+02:75"])
def test_a_zone_nobody_knows_is_refused(zone):
    with pytest.raises(UnknownZone):
        check_data_zone(zone)
