"""When positions may be opened and when they are closed by the clock: hours, days and sessions in their zones, across clock changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading.rules.fields import parse_minute
from trading.rules.sessions import SESSIONS

_DAY_S = 86400
_QUARTER_S = 900
_EVERY_DAY = frozenset(range(1, 8))
_FRIDAY, _SATURDAY = 5, 6


@dataclass(frozen=True, slots=True)
class HourRange:
    """Hours ``start <= local time < end`` [minutes since midnight] in one zone; an overnight range has ``start > end``."""

    zone: tzinfo = UTC
    start_minute: int = 0
    end_minute: int = 1440

    @classmethod
    def read(cls, start: str, end: str, zone: str) -> HourRange:
        """Read clock times, as a valid document has them."""
        return cls(_zone(zone), parse_minute(start) or 0, parse_minute(end) or 0)

    def allows(self, time_s: int) -> bool:
        """Say whether ``time_s`` [epoch seconds] is inside."""
        local = _local(time_s, self.zone)
        minute = local.hour * 60 + local.minute
        if self.start_minute < self.end_minute:
            return self.start_minute <= minute < self.end_minute
        return minute >= self.start_minute or minute < self.end_minute

    def mask(self, times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `allows` of every moment."""
        minute = (times_s + _offsets(times_s, self.zone)) % _DAY_S // 60
        after, before = minute >= self.start_minute, minute < self.end_minute
        inside: NDArray[np.bool_] = after & before if self.start_minute < self.end_minute else after | before
        return inside


@dataclass(frozen=True, slots=True)
class WeekendPause:
    """From ``minute`` of Friday to the end of Saturday, in one zone."""

    minute: int
    zone: tzinfo = UTC

    @classmethod
    def read(cls, block: Mapping[str, Any]) -> WeekendPause:
        """Read a normalised `closeBeforeWeekend`."""
        return cls(parse_minute(block["time"]) or 0, _zone(block["timezone"]))

    def holds(self, time_s: int) -> bool:
        """Say whether ``time_s`` [epoch seconds] is in the pause."""
        local = _local(time_s, self.zone)
        late = local.isoweekday() == _FRIDAY and local.hour * 60 + local.minute >= self.minute
        return late or local.isoweekday() == _SATURDAY

    def mask(self, times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `holds` of every moment."""
        local = times_s + _offsets(times_s, self.zone)
        weekday, minute = _weekdays(local), local % _DAY_S // 60
        late: NDArray[np.bool_] = ((weekday == _FRIDAY) & (minute >= self.minute)) | (weekday == _SATURDAY)
        return late


@dataclass(frozen=True, slots=True)
class EntryWindow:
    """
    Hours ``start <= local time < end`` [minutes since midnight] on ISO weekdays, both of the moment's own local day.

    An overnight range (22:00 to 06:00) has ``start > end``; its small hours belong to the weekday they fall on. Where there are
    ``sessions``, one of them must be open too; in the weekend's pause nothing is opened.
    """

    zone: tzinfo = UTC
    start_minute: int = 0
    end_minute: int = 1440
    weekdays: frozenset[int] = _EVERY_DAY
    sessions: tuple[HourRange, ...] = ()
    weekend: WeekendPause | None = None

    @classmethod
    def from_filters(
        cls, filters: Mapping[str, Any], *, before_weekend: Mapping[str, Any] | None = None
    ) -> EntryWindow:
        """Read the `filters` of a normalised document; days without hours are days in UTC."""
        hours = filters.get("timeRange", {"start": "00:00", "end": "24:00", "timezone": "UTC"})
        names = filters.get("sessions", ())
        return cls(
            zone=_zone(hours["timezone"]),
            start_minute=parse_minute(hours["start"]) or 0,
            end_minute=parse_minute(hours["end"]) or 0,
            weekdays=frozenset(filters.get("daysOfWeek", _EVERY_DAY)),
            sessions=tuple(HourRange.read(*SESSIONS[name]) for name in names),
            weekend=WeekendPause.read(before_weekend) if before_weekend else None,
        )

    @property
    def hours(self) -> HourRange:
        """The range of hours alone."""
        return HourRange(self.zone, self.start_minute, self.end_minute)

    @property
    def has_hours(self) -> bool:
        """Whether there are hours or sessions outside which nothing is opened."""
        return (self.start_minute, self.end_minute) != (0, 1440) or bool(self.sessions)

    @property
    def is_always_open(self) -> bool:
        """Whether no moment is outside."""
        return not self.has_hours and self.weekdays == _EVERY_DAY and self.weekend is None

    def allows(self, time_s: int) -> bool:
        """Say whether a position may be opened at ``time_s`` [epoch seconds of the market clock]."""
        local = _local(time_s, self.zone)
        if local.isoweekday() not in self.weekdays or not self.in_hours(time_s):
            return False
        return self.weekend is None or not self.weekend.holds(time_s)

    def in_hours(self, time_s: int) -> bool:
        """Say whether ``time_s`` is within the hours and sessions, whatever the day."""
        if not self.hours.allows(time_s):
            return False
        return not self.sessions or any(session.allows(time_s) for session in self.sessions)

    def mask(self, times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `allows` of every moment."""
        if self.is_always_open:
            return np.ones(times_s.shape, dtype=np.bool_)
        allowed = self.hours_mask(times_s)
        if self.weekdays != _EVERY_DAY:
            allowed &= np.isin(_weekdays(times_s + _offsets(times_s, self.zone)), sorted(self.weekdays))
        if self.weekend is not None:
            allowed &= ~self.weekend.mask(times_s)
        return allowed

    def hours_mask(self, times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `in_hours` of every moment."""
        inside = self.hours.mask(times_s)
        if self.sessions:
            inside &= np.logical_or.reduce([session.mask(times_s) for session in self.sessions])
        return inside


@dataclass(frozen=True, slots=True)
class ClosingTimes:
    """When every position is closed because of the time: outside the hours of ``window``, and in the weekend's pause."""

    window: EntryWindow | None = None
    weekend: WeekendPause | None = None

    @classmethod
    def from_management(cls, management: Mapping[str, Any], window: EntryWindow) -> ClosingTimes:
        """Read the `management` of a normalised document."""
        ends = bool(management.get("closeAtSessionEnd")) and window.has_hours
        return cls(window if ends else None, window.weekend)

    @property
    def is_never(self) -> bool:
        """Whether no moment closes anything."""
        return self.window is None and self.weekend is None

    def is_due(self, time_s: int) -> bool:
        """Say whether positions are to be closed at ``time_s`` [epoch seconds of the market clock]."""
        if self.weekend is not None and self.weekend.holds(time_s):
            return True
        return self.window is not None and not self.window.in_hours(time_s)

    def mask(self, times_s: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return `is_due` of every moment."""
        due = np.zeros(times_s.shape, dtype=np.bool_)
        if self.weekend is not None:
            due |= self.weekend.mask(times_s)
        if self.window is not None:
            due |= ~self.window.hours_mask(times_s)
        return due


def local_day_numbers(times_s: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    """Return the number of the calendar day, in ``zone``, that every moment falls in."""
    days: NDArray[np.int64] = (times_s + _offsets(times_s, zone)) // _DAY_S
    return days


def _local(time_s: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(time_s, UTC).astimezone(zone)


def _weekdays(local_s: NDArray[np.int64]) -> NDArray[np.int64]:
    days: NDArray[np.int64] = (local_s // _DAY_S + 3) % 7 + 1
    return days


def _offsets(times_s: NDArray[np.int64], zone: tzinfo) -> NDArray[np.int64]:
    if zone is UTC or not len(times_s):
        return np.zeros(times_s.shape, dtype=np.int64)
    # Clocks change on quarters of an hour, so one look per quarter is exact, and far fewer than one per bar.
    quarters, where = np.unique(times_s // _QUARTER_S, return_inverse=True)
    looks = np.array([_offset_s(int(quarter) * _QUARTER_S, zone) for quarter in quarters], dtype=np.int64)
    return looks[where]


def _offset_s(time_s: int, zone: tzinfo) -> int:
    offset = _local(time_s, zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)
