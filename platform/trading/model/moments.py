"""Moments from seconds since 1970, the same on every system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_at(seconds: float) -> datetime:
    """
    Return the moment that many seconds after 1970, aware UTC; before 1970 too, where Windows' own conversion refuses.

    :raises OverflowError: beyond the years 1 to 9999.

    >>> moment_at(-7200).isoformat()
    '1969-12-31T22:00:00+00:00'
    """
    return _EPOCH + timedelta(seconds=seconds)
