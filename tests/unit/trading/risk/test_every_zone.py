"""Every zone there is, ten years: each day exactly once, contiguous, from its first instant on."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from trading.risk.days import MIDNIGHT, SERVER_ZONE, Day, day_at, day_of

FIRST, LAST = date(2024, 1, 1), date(2033, 12, 31)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)
ZONES = [*sorted(available_timezones()), SERVER_ZONE]


def clock_of(zone: str) -> tuple[object, ...]:
    """Return the zone's offset at the beginning and every later change of it, to the second, through the ten years."""
    info = ZoneInfo("America/New_York" if zone == SERVER_ZONE else zone)
    moment, end = datetime(FIRST.year, 1, 1, tzinfo=UTC) - WEEK, datetime(LAST.year + 1, 1, 1, tzinfo=UTC) + WEEK
    offset = moment.astimezone(info).utcoffset()
    clock: list[object] = [zone == SERVER_ZONE, offset]
    while moment < end:  # no clock goes forth and back within a week
        following = moment + WEEK
        if (changed := following.astimezone(info).utcoffset()) != offset:
            clock.append((first_of_offset(changed, moment, following, info), offset := changed))
        moment = following
    return tuple(clock)


def first_of_offset(offset: timedelta | None, before: datetime, after: datetime, info: ZoneInfo) -> datetime:
    """Return the instant between the two at which the offset begins to hold."""
    while after - before > SECOND:
        middle = before + (after - before) // (2 * SECOND) * SECOND
        before, after = (before, middle) if middle.astimezone(info).utcoffset() == offset else (middle, after)
    return after


def months() -> Iterator[date]:
    for year in range(FIRST.year, LAST.year + 1):
        yield from (date(year, month, 1) for month in range(1, 13))


def clocks_change_in(zone: str, month: date) -> bool:
    """Say whether the offset differs anywhere between the month's days, looked at twice a week."""
    info = ZoneInfo("America/New_York" if zone == SERVER_ZONE else zone)
    noons = (datetime(month.year, month.month, 1, 12, tzinfo=UTC) + timedelta(days=step) for step in range(-3, 36, 3))
    return len({noon.astimezone(info).utcoffset() for noon in noons}) > 1


def check_days(zone: str, resets: time, first: date, count: int, every: int = 1) -> int:
    """Hold each day against the next, and instants on its edges against `day_at`; return how many days there were."""
    starts = [day_of(first + timedelta(days=number), zone, resets).starts_at for number in range(count + 1)]
    assert all(one < following for one, following in pairwise(starts)), zone
    for number in range(0, count, every):
        day = Day(first + timedelta(days=number), starts[number], starts[number + 1])
        assert day_at(day.starts_at, zone, resets) == day, (zone, day)
        assert day_at(day.starts_at - SECOND, zone, resets).day == day.day - timedelta(days=1), (zone, day)
        assert day_at(day.ends_at - SECOND, zone, resets) == day, (zone, day)
    return count


@pytest.fixture(scope="module")
def clocks() -> list[str]:
    """One zone of each clock: zones whose clocks show the same all the time are one case, as a day is made of the clock alone."""
    return list({clock_of(zone): zone for zone in ZONES}.values())


@pytest.mark.parametrize("resets", [MIDNIGHT, time(17), time(2, 30)], ids=str)
def test_in_every_zone_each_day_comes_once_whenever_the_clocks_change(resets, clocks):
    checked = 0
    for zone in clocks:
        changing = (month for month in months() if clocks_change_in(zone, month))
        checked += sum(check_days(zone, resets, month, 32) for month in islice(changing, 4))

    assert checked > 1_000


@pytest.mark.parametrize("resets", [MIDNIGHT, time(17)], ids=str)
def test_in_every_zone_each_day_of_ten_years_comes_once(resets, clocks):
    count = (LAST - FIRST).days + 1

    assert sum(check_days(zone, resets, FIRST, count, every=5) for zone in clocks) == len(clocks) * count
    assert len(clocks) > 50
