"""When the market's week ends, and by when a firm wants everything closed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from trading.risk.days import SERVER_ZONE
from trading.risk.limit_readers import read_clock

_NEW_YORK = ZoneInfo("America/New_York")
_CLOSE = time(17)
_FRIDAY, _DAYS_CLOSED = 4, 2


def weekend_at(market_at: datetime) -> tuple[datetime, datetime]:
    """
    Return when the week closes and the next one opens: the weekend that is, else the next (Friday to Sunday, 17:00 New York).

    >>> closes, opens = weekend_at(datetime(2026, 3, 4, tzinfo=UTC))
    >>> closes.isoformat(), opens.isoformat()      # the clocks go forward on that Sunday
    ('2026-03-06T22:00:00+00:00', '2026-03-08T21:00:00+00:00')
    """
    local = market_at.astimezone(_NEW_YORK)
    # Saturday and Sunday belong to the Friday before.
    ahead = _FRIDAY - local.weekday()
    closes = _instant(local, ahead)
    opens = _instant(local, ahead + _DAYS_CLOSED)
    if market_at >= opens:
        return _instant(local, ahead + 7), _instant(local, ahead + 7 + _DAYS_CLOSED)
    return closes, opens


def _instant(local: datetime, days: int) -> datetime:
    day = local.date() + timedelta(days=days)
    return datetime.combine(day, _CLOSE, _NEW_YORK).astimezone(UTC)


def flat_instant(flat_by: str, day_ends_at: datetime) -> datetime:
    """
    Return by when everything is closed on the trading day that ends at ``day_ends_at``: the last such time before its end.

    >>> flat_instant("15:10 America/Chicago", datetime(2026, 7, 1, 22, tzinfo=UTC)).isoformat()
    '2026-07-01T20:10:00+00:00'
    """
    wall, zone = read_clock(flat_by)
    info = ZoneInfo("America/New_York" if zone == SERVER_ZONE else zone)
    ahead = timedelta(hours=7) if zone == SERVER_ZONE else timedelta()
    local = (day_ends_at.astimezone(info) + ahead).date()
    for days in (0, 1):
        naive = datetime.combine(local - timedelta(days=days), wall) - ahead
        found = naive.replace(tzinfo=info).astimezone(UTC)
        if found < day_ends_at:
            return found
    raise AssertionError(f"{flat_by} is never before {day_ends_at}")
