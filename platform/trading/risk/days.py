"""
The account's own trading day: from one midnight of its zone to the next, whatever the clocks do in between.

Some firms turn the day at another time of the wall clock (``resets``): from noon on, the day that begins then is the next date's.

A day has 23, 24 or 25 hours. Where midnight does not exist (clocks jump over it) the day starts at the first instant of
its date; where midnight comes twice it starts at the first one. Days are therefore contiguous and each instant is in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trading.errors import TradingError

SERVER_ZONE = "SERVER_NY+7"
"""The usual broker clock: New York's wall clock plus seven hours, so midnight is 17:00 in New York all year."""

_NEW_YORK, _SHIFT = "America/New_York", timedelta(hours=7)
MIDNIGHT = time()
MOST_DAYS = 3_700


class UnknownZone(TradingError):
    """A zone that is neither an IANA name nor SERVER_NY+7."""

    code = "UNKNOWN_ZONE"


@dataclass(frozen=True, slots=True)
class Day:
    """One trading day: its date, and the half-open span of time [starts_at, ends_at) in UTC."""

    day: date
    starts_at: datetime
    ends_at: datetime

    @property
    def hours(self) -> float:
        return (self.ends_at - self.starts_at).total_seconds() / 3600


def check_zone(zone: str) -> str:
    """
    Return the zone's name if it is one.

    :raises UnknownZone: if it is not.
    """
    _zone_info(zone)
    return zone


def day_at(market_at: datetime, zone: str, resets: time = MIDNIGHT) -> Day:
    """
    Return the trading day that holds the instant.

    :param market_at: aware time of the account's market clock.
    :param resets: time of the zone's wall clock at which a day begins.
    :raises UnknownZone: if nobody knows the zone.

    >>> day_at(datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/Prague").hours
    23.0
    >>> day_at(datetime(2026, 7, 1, 22, tzinfo=UTC), "America/Chicago", time(17)).day      # 17:00 there begins 2 July
    datetime.date(2026, 7, 2)
    """
    guess = _wall_date(market_at, zone, resets)
    # Around a doubled midnight the wall's date falls back; the day that started first still holds.
    for candidate in (guess + timedelta(days=1), guess, guess - timedelta(days=1)):
        day = day_of(candidate, zone, resets)
        if day.starts_at <= market_at < day.ends_at:
            return day
    raise AssertionError(f"no day of {zone} holds {market_at}")


def day_of(day: date, zone: str, resets: time = MIDNIGHT) -> Day:
    """
    Return the trading day of that date.

    >>> day_of(date(2026, 7, 1), SERVER_ZONE).starts_at.isoformat()
    '2026-06-30T21:00:00+00:00'
    """
    return Day(day, _start_of(day, zone, resets), _start_of(day + timedelta(days=1), zone, resets))


def days_between(last: date, market_at: datetime, zone: str, resets: time = MIDNIGHT) -> Iterator[Day]:
    """
    Yield each day after ``last`` up to the one that holds the instant, in order; nothing where ``last`` still holds.

    :raises ValueError: if more than ten years lie between.

    >>> [d.day.day for d in days_between(date(2026, 3, 28), datetime(2026, 3, 30, 12, tzinfo=UTC), "Europe/Prague")]
    [29, 30]
    """
    current = day_at(market_at, zone, resets).day
    if (current - last).days > MOST_DAYS:
        raise ValueError(f"{(current - last).days} days lie between {last} and {current}")
    for number in range(1, (current - last).days + 1):
        day = day_of(last + timedelta(days=number), zone, resets)
        if day.starts_at < day.ends_at:
            yield day


def join_clocks(zone: str, resets: time) -> tuple[str, time]:
    """
    Return a zone and time at which the same days begin, one and the same for both names of the brokers' clock.

    >>> join_clocks("America/New_York", time(17)) == join_clocks(SERVER_ZONE, MIDNIGHT)
    True
    """
    return (SERVER_ZONE, MIDNIGHT) if (zone, resets) == (_NEW_YORK, time(17)) else (zone, resets)


def _zone_info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(_NEW_YORK if zone == SERVER_ZONE else zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(f"{zone!r} is neither an IANA time zone nor {SERVER_ZONE}", field="zone") from None


def _wall_date(market_at: datetime, zone: str, resets: time) -> date:
    wall = market_at.astimezone(_zone_info(zone))
    return (wall.replace(tzinfo=None) + _ahead(zone, resets)).date()


def _ahead(zone: str, resets: time) -> timedelta:
    """Return how far the trading date is ahead of the zone's wall clock (New York's for SERVER_NY+7)."""
    past = timedelta(hours=resets.hour, minutes=resets.minute, seconds=resets.second)
    turn = timedelta(days=1) - past if resets.hour >= 12 else -past
    return turn + (_SHIFT if zone == SERVER_ZONE else timedelta())


@lru_cache(maxsize=4096)
def _start_of(day: date, zone: str, resets: time) -> datetime:
    info = _zone_info(zone)
    midnight = datetime.combine(day, MIDNIGHT) - _ahead(zone, resets)
    # fold=0 is the first of two; for a gap it is the offset before the jump, so the instant may fall behind the new date
    start = midnight.replace(tzinfo=info, fold=0).astimezone(UTC)
    if start.astimezone(info).replace(tzinfo=None) == midnight:
        return start
    return _first_instant_after_gap(midnight, info)


def _first_instant_after_gap(midnight: datetime, info: ZoneInfo) -> datetime:
    # The jump itself is the instant at which the offset changes: found to the second between the two readings.
    before = midnight.replace(tzinfo=info, fold=1).astimezone(UTC) - timedelta(hours=1)
    after = midnight.replace(tzinfo=info, fold=0).astimezone(UTC) + timedelta(hours=1)
    low, high = int(before.timestamp()), int(after.timestamp())
    old = datetime.fromtimestamp(low, info).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, info).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)
