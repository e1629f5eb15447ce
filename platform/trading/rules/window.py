"""When new positions may be opened: a range of hours and days in one time zone, across its clock changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading.rules.fields import parse_minute

_DAY_S = 86400
_QUARTER_S = 900
_EVERY_DAY = frozenset(range(1, 8))


@dataclass(frozen=True, slots=True)
class EntryWindow:
    """
    Hours ``start <= local time < end`` [minutes since midnight] on ISO weekdays, both of the moment's own local day.

    An overnight range (22:00 to 06:00) has ``start > end``; its small hours belong to the weekday they fall on.
    """

    zone: tzinfo = UTC
    start_minute: int = 0
    end_minute: int = 1440
    weekdays: frozenset[int] = _EVERY_DAY

    @classmethod
    def from_filters(cls, filters: Mapping[str, Any]) -> EntryWindow:
        """Read the `filters` of a normalised document; days without hours are days in UTC."""
        hours = filters.get("timeRange", {"start": "00:00", "end": "24:00", "timezone": "UTC"})
        return cls(
            zone=ZoneInfo(hours["timezone"]),
            start_minute=parse_minute(hours["start"]) or 0,
            end_minute=parse_minute(hours["end"]) or 0,
            weekdays=frozenset(filters.get("daysOfWeek", _EVERY_DAY)),
        )

    @property
    def is_always_open(self) -> bool:
        """Whether no moment is outside."""
        return (self.start_minute, self.end_minute) == (0, 1440) and self.weekdays == _EVERY_DAY

    def allows(self, time_s: int) -> bool:
        """Say whether a position may be opened at ``time_s`` [epoch seconds of the market clock]."""
        local = datetime.fromtimestamp(time_s, UTC).astimezone(self.zone)
        return local.isoweekday() in self.weekdays and self._has_minute(local.hour * 60 + local.minute)

    def mask(self, times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `allows` of every moment."""
        if self.is_always_open:
            return np.ones(times_s.shape, dtype=np.bool_)
        local = times_s + _offsets(times_s, self.zone)
        weekday = (local // _DAY_S + 3) % 7 + 1
        minute = local % _DAY_S // 60
        if self.start_minute < self.end_minute:
            inside = (minute >= self.start_minute) & (minute < self.end_minute)
        else:
            inside = (minute >= self.start_minute) | (minute < self.end_minute)
        allowed: NDArray[np.bool_] = inside & np.isin(weekday, sorted(self.weekdays))
        return allowed

    def _has_minute(self, minute: int) -> bool:
        if self.start_minute < self.end_minute:
            return self.start_minute <= minute < self.end_minute
        return minute >= self.start_minute or minute < self.end_minute


def local_day_numbers(times_s: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    """Return the number of the calendar day, in ``zone``, that every moment falls in."""
    days: NDArray[np.int64] = (times_s + _offsets(times_s, zone)) // _DAY_S
    return days


def _offsets(times_s: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    if zone is UTC or not len(times_s):
        return np.zeros(times_s.shape, dtype=np.int64)
    # Clocks change on quarters of an hour, so one look per quarter is exact, and far fewer than one per bar.
    quarters, where = np.unique(times_s // _QUARTER_S, return_inverse=True)
    looks = np.array([_offset_s(int(quarter) * _QUARTER_S, zone) for quarter in quarters], dtype=np.int64)
    return looks[where]


def _offset_s(time_s: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(time_s, UTC).astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0
