"""Times of a clock on a wall as UTC, over whole columns and across the hours that a zone skips or repeats."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from trading.risk.days import SERVER_ZONE, UnknownZone, check_zone

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_SLOT_S = 1800
_SERVER_SHIFT_S = 7 * 3600
_OFFSET = re.compile(r"(?:UTC)?([+-])(\d\d):?(\d\d)")


class UtcTimes(NamedTuple):
    """UTC seconds; which readings the zone's clock never shows; which it shows twice and the file does not tell apart."""

    utc_s: IntArray
    skipped: BoolArray
    undecided: BoolArray


def check_data_zone(zone: str) -> str:
    """
    Return the zone's name if data may be in it: an IANA name, ``SERVER_NY+7``, or a fixed offset such as ``+02:00``.

    :raises UnknownZone: otherwise.

    >>> check_data_zone("+02:00")
    '+02:00'
    """
    if not _OFFSET.fullmatch(zone):
        check_zone(zone)
    else:
        _find_info(zone)
    return zone


def to_utc(wall_s: IntArray, zone: str) -> UtcTimes:
    """
    Return the UTC moments of clock readings, in the order in which a file has them.

    An hour that the zone repeats is told apart by the order: after a step back in it begins the second pass. Where there is no
    step back the first pass is taken, and the rows are marked undecided. A reading in a skipped hour is taken with the offset
    before the skip, and marked.

    :param wall_s: readings written as if they were UTC [epoch seconds].
    :raises UnknownZone: for a zone nobody knows.

    >>> to_utc(np.array([1_700_000_000, 1_690_000_000]), "SERVER_NY+7").utc_s - np.array([1_700_000_000, 1_690_000_000])
    array([ -7200, -10800])
    """
    info = _find_info(zone)
    nowhere = np.zeros(len(wall_s), dtype=np.bool_)
    if zone == "UTC" or not len(wall_s):
        return UtcTimes(wall_s, nowhere, nowhere)
    shift = _SERVER_SHIFT_S if zone == SERVER_ZONE else 0
    slots, where = _slots_of(wall_s - shift)
    first = np.array([_offset_s(int(slot), info, 0) for slot in slots], dtype=np.int64)
    second = np.array([_offset_s(int(slot), info, 1) for slot in slots], dtype=np.int64)
    utc_s = wall_s - shift - first[where]
    skipped = (first < second)[where]
    repeated = (first > second)[where]
    undecided = nowhere
    for group in _split_groups(wall_s, np.flatnonzero(repeated)):
        steps = np.diff(wall_s[group])
        # Bars as long as the hour itself show it as two equal readings.
        back = steps <= 0 if len(group) == 2 else steps < 0
        again = np.concatenate(([False], back)).cumsum() > 0
        late = group[again]
        utc_s[late] = wall_s[late] - shift - second[where[late]]
        undecided[group] = not again.any()
    return UtcTimes(utc_s, skipped, undecided)


def offsets_at(utc_s: IntArray, zone: str) -> IntArray:
    """Return what the zone's clock shows minus UTC, at each moment [s]."""
    info = _find_info(zone)
    slots, where = _slots_of(utc_s)
    offsets = [datetime.fromtimestamp(int(slot) * _SLOT_S, UTC).astimezone(info).utcoffset() for slot in slots]
    seconds = np.array([int((offset or timedelta()).total_seconds()) for offset in offsets], dtype=np.int64)
    shift = _SERVER_SHIFT_S if zone == SERVER_ZONE else 0
    return seconds[where] + shift if len(slots) else np.zeros(0, dtype=np.int64)


def _find_info(zone: str) -> tzinfo:
    fixed = _OFFSET.fullmatch(zone)
    if fixed is None:
        check_zone(zone)
        return ZoneInfo("America/New_York" if zone == SERVER_ZONE else zone)
    hours, minutes = int(fixed[2]), int(fixed[3])
    if hours > 14 or minutes > 59:
        raise UnknownZone(f"no clock is {zone} away from UTC", field="zone")
    return timezone((1 if fixed[1] == "+" else -1) * timedelta(hours=hours, minutes=minutes))


def _slots_of(time_s: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct half hours, and which of them each moment is in; neighbours mostly share one."""
    slot = time_s // _SLOT_S
    starts = (
        np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1]))) if len(slot) else np.zeros(0, dtype=np.int64)
    )
    slots, where = np.unique(slot[starts], return_inverse=True)
    return slots, np.repeat(where, np.diff(np.append(starts, len(slot))))


def _offset_s(slot: int, info: tzinfo, fold: int) -> int:
    wall = datetime.fromtimestamp(slot * _SLOT_S, UTC).replace(tzinfo=info, fold=fold)
    offset = wall.utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _split_groups(wall_s: IntArray, rows: IntArray) -> list[IntArray]:
    """Split the rows of repeated hours by the night they belong to."""
    if not len(rows):
        return []
    cuts = np.flatnonzero(np.abs(np.diff(wall_s[rows])) > 6 * 3600) + 1
    return np.split(rows, cuts)
