"""The hours of the four trading centres, by their own clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Centre(NamedTuple):
    """A trading centre: its zone, and local hours ``opens <= hour < closes`` from Monday to Friday."""

    zone: ZoneInfo
    opens: int
    closes: int


CENTRES = {
    "sydney": Centre(ZoneInfo("Australia/Sydney"), 8, 17),
    "tokyo": Centre(ZoneInfo("Asia/Tokyo"), 9, 18),
    "london": Centre(ZoneInfo("Europe/London"), 8, 17),
    "new_york": Centre(ZoneInfo("America/New_York"), 8, 17),
}


def session_at(name: str, time_s: int) -> tuple[int, int] | None:
    """
    Return when the session that is open at ``time_s`` began and will end [epoch seconds], or None where it is closed.

    >>> from datetime import datetime
    >>> noon = int(datetime.fromisoformat("2026-07-01T12:00:00+00:00").timestamp())
    >>> [datetime.fromtimestamp(edge, UTC).hour for edge in session_at("london", noon)]      # summer time
    [7, 16]
    """
    centre = CENTRES[name]
    local = datetime.fromtimestamp(time_s, centre.zone)
    if local.isoweekday() > 5 or not centre.opens <= local.hour < centre.closes:
        return None
    opened = local.replace(hour=centre.opens, minute=0, second=0, microsecond=0)
    closed = opened.replace(hour=centre.closes)
    return _epoch(opened), _epoch(closed)


def _epoch(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
