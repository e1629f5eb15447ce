"""What a person should know of bars that are bars: gaps, weekends, a doubtful zone, prices that jump out and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.data.findings import Finding, Kind, Level, counted, first_of, say_time
from trading.data.zones import offsets_at, to_utc
from trading.model.bars import Bars

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HOUR_S, WEEK_S = 3600, 604_800
_HOURS = 168
# The epoch began on a Thursday at hour 0: hour 0 of our week is Thursday midnight, in UTC.
_FRIDAY_17, _SUNDAY_17 = 24 + 17, 3 * 24 + 17
_FEW_WEEKS = 3
# An hour of the week counts as open where this share of the weeks has a bar in it.
_OPEN_FRACTION = 0.75
_JUMP = 50.0
_SAMPLE = 500_000
_CLOCKS = (
    "UTC", "SERVER_NY+7", "America/New_York", "-05:00", "Europe/London", "Europe/Berlin", "Europe/Athens", "+02:00", "+03:00",
)  # fmt: skip


def inspect(bars: Bars, zone: str = "UTC") -> list[Finding]:
    """Return what is noteworthy; nothing of it makes the bars unusable. ``zone`` is the clock they were read from."""
    found = [
        find_gaps(bars),
        find_weekend(bars),
        find_zone_doubt(bars, zone),
        find_outliers(bars),
        _find_no_volume(bars),
    ]
    return [finding for finding in found if finding is not None]


def find_gaps(bars: Bars) -> Finding | None:
    """
    Return where bars are missing at hours in which this market usually trades.

    Which hours those are is learned from the bars: an hour of the week is open where three quarters of the weeks have a bar in it.
    """
    if len(bars) < 2:
        return None
    frame_s = bars.timeframe.seconds
    closes = bars.time[:-1] + frame_s
    apart = np.flatnonzero(bars.time[1:] > closes)
    elapsed = _open_clock(bars)
    missing = (elapsed(bars.time[1:][apart]) - elapsed(closes[apart])) // frame_s
    kept = missing > 0
    apart, missing = apart[kept], missing[kept]
    if not len(apart):
        return None
    total, largest = int(missing.sum()), int(missing.argmax())
    share = total / (total + len(bars))
    message = (
        f"{counted(total, 'bar is', 'bars are')} missing in {counted(len(apart), 'gap')} while the market usually trades"
        f" ({100 * share:.2f} %); the largest is {counted(int(missing[largest]), 'bar')} after {say_time(int(closes[apart[largest]]))}"
    )
    widest = np.argsort(missing, kind="stable")[::-1][:20]
    gaps = [[int(closes[apart[i]]), int(bars.time[apart[i] + 1]), int(missing[i])] for i in widest]
    level = Level.DOUBT if share > 0.02 else Level.NOTE
    at = first_of(closes[apart[widest]])
    return Finding(Kind.GAPS, level, len(apart), message, at=at, extra={"missing_bars": total, "largest": gaps})


def coverage(bars: Bars) -> list[list[int]]:
    """
    Return per week ``[start, bars, bars expected]`` (start: Thursday 00:00 UTC, epoch seconds), for a chart of the gaps.

    What is expected is what this market's usual hours hold; the first and the last week count from and to the data's own ends.
    """
    if not len(bars):
        return []
    frame_s = bars.timeframe.seconds
    week = bars.time // WEEK_S
    weeks = np.arange(week[0], week[-1] + 1)
    counts = np.bincount(week - week[0], minlength=len(weeks))
    elapsed = _open_clock(bars)
    edges = np.clip(np.append(weeks, weeks[-1] + 1) * WEEK_S, bars.time[0], bars.time[-1] + frame_s)
    expected = np.diff(elapsed(edges)) // frame_s
    return [[int(w) * WEEK_S, int(n), int(max(e, 0))] for w, n, e in zip(weeks, counts, expected, strict=True)]


def find_weekend(bars: Bars) -> Finding | None:
    """Return bars on the weekend (Friday 18:00 to Sunday 16:00 in New York) of a market that closes at weekends."""
    if bars.timeframe.seconds > HOUR_S or not _closes_at_weekends(bars):
        return None
    hour = (bars.time + offsets_at(bars.time, "America/New_York")) // HOUR_S % _HOURS
    rows = np.flatnonzero((hour > _FRIDAY_17) & (hour < _SUNDAY_17 - 1))
    if not len(rows):
        return None
    message = f"{counted(len(rows), 'bar lies', 'bars lie')} on a weekend, first {say_time(int(bars.time[rows[0]]))}"
    return Finding(Kind.WEEKEND_BARS, Level.DOUBT, len(rows), message, at=first_of(bars.time[rows]))


def find_zone_doubt(bars: Bars, zone: str) -> Finding | None:
    """
    Return a doubt where the weeks of these bars do not end as weeks do (Friday 17:00 in New York) but would in another zone.

    It takes four weekends to judge, and bars of at most an hour.
    """
    if bars.timeframe.seconds > HOUR_S:
        return None
    last = _weekend_edges(bars)
    if len(last) < 4:
        return None
    closes, opens = bars.time[last] + bars.timeframe.seconds, bars.time[last + 1]
    off_h = {name: _miss_h(closes, opens, zone, name) for name in (zone, *_CLOCKS)}
    best = min(off_h, key=lambda name: (round(off_h[name], 2), name != zone))
    if off_h[zone] - off_h[best] < 0.4 or off_h[best] > 1.25:
        return None
    message = (
        f"the weeks end {off_h[zone]:.1f} hours away from Friday 17:00 in New York when the times are read as {zone},"
        f" and {off_h[best]:.1f} when read as {best}: perhaps that is the zone of this file"
    )
    extra = {"zone": zone, "likely": best, "weekends": len(last)}
    return Finding(Kind.ZONE_DOUBTFUL, Level.DOUBT, len(last), message, at=first_of(closes), extra=extra)


def find_outliers(bars: Bars) -> Finding | None:
    """
    Return bars whose close jumps out and back at once, or whose wick is out of all proportion: 50 times the median.

    They may be true (a flash crash is); they decide what a backtest says about stops, so a person should look.
    """
    if len(bars) < 100:
        return None
    step = max(len(bars) // _SAMPLE, 1)
    usual_change = _median_above_0(
        np.abs(np.log(bars.close[1::step] / bars.close[:-1:step][: len(bars.close[1::step])]))
    )
    usual_extent = _median_above_0(bars.high[::step] - bars.low[::step])
    # In parts, so that the columns of ten million bars are not held several times over.
    parts = [
        _find_jumps(bars.part(start, start + _SAMPLE + 2), usual_change, usual_extent) + start
        for start in range(0, len(bars), _SAMPLE)
    ]
    rows = np.unique(np.concatenate(parts))
    if not len(rows):
        return None
    message = (
        f"{counted(len(rows), 'bar jumps', 'bars jump')} out and back by more than {_JUMP:.0f} times the usual,"
        f" first {say_time(int(bars.time[rows[0]]))}"
    )
    return Finding(Kind.OUTLIERS, Level.DOUBT, len(rows), message, at=first_of(bars.time[rows]))


def _find_jumps(bars: Bars, usual_change: float, usual_extent: float) -> IntArray:
    change = np.diff(np.log(bars.close))
    out, back = change[:-1], change[1:]
    jumps = (np.abs(out) > _JUMP * usual_change) & (np.abs(out + back) < 0.25 * np.abs(out))
    body_high, body_low = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    wicks = np.maximum(bars.high - body_high, body_low - bars.low) > _JUMP * usual_extent
    return np.union1d(np.flatnonzero(jumps) + 1, np.flatnonzero(wicks))


def _median_above_0(values: FloatArray) -> float:
    moved = values[values > 0]
    return float(np.median(moved)) if len(moved) else np.inf


def _find_no_volume(bars: Bars) -> Finding | None:
    if not len(bars) or bool(bars.volume.any()):
        return None
    return Finding(Kind.NO_VOLUME, Level.NOTE, len(bars), "no bar has a volume: rules about volume never hold on it")


class _OpenClock:
    """Counts the seconds in which the market is usually open, up to a moment."""

    def __init__(self, open_hours: NDArray[np.bool_]) -> None:
        self._open = open_hours.astype(np.int64)
        self._before = np.concatenate(([0], np.cumsum(self._open) * HOUR_S))

    def __call__(self, time_s: IntArray) -> IntArray:
        hour = time_s % WEEK_S // HOUR_S
        counted_s: IntArray = (
            time_s // WEEK_S * self._before[-1] + self._before[hour] + self._open[hour] * (time_s % HOUR_S)
        )
        return counted_s


def _open_clock(bars: Bars) -> _OpenClock:
    hours = bars.time // HOUR_S
    distinct = hours[np.concatenate(([True], hours[1:] != hours[:-1]))]
    weeks = max((int(bars.time[-1]) - int(bars.time[0])) / WEEK_S, 1.0)
    span = max(bars.timeframe.seconds // HOUR_S, 1)
    if weeks < _FEW_WEEKS:
        open_hours = np.ones(_HOURS, dtype=np.bool_)
        if not np.isin(distinct % _HOURS, np.arange(48, 72)).any():  # nothing on Saturday
            open_hours[24 + 21 : 3 * 24 + 22] = False
        return _OpenClock(open_hours)
    often = np.bincount(distinct % _HOURS, minlength=_HOURS) >= _OPEN_FRACTION * np.floor(weeks)
    open_hours = often.copy()
    for later in range(1, min(span, _HOURS)):
        open_hours |= np.roll(often, later)
    return _OpenClock(open_hours)


def _weekend_edges(bars: Bars) -> IntArray:
    """Return the index of the last bar before every pause of 40 to 80 hours."""
    pause = np.diff(bars.time) - bars.timeframe.seconds
    return np.flatnonzero((pause >= 40 * HOUR_S) & (pause <= 80 * HOUR_S))


def _closes_at_weekends(bars: Bars) -> bool:
    weeks = (int(bars.time[-1]) - int(bars.time[0])) / WEEK_S if len(bars) else 0.0
    return weeks >= 1 and len(_weekend_edges(bars)) >= 0.6 * np.floor(weeks)


def _miss_h(closes: IntArray, opens: IntArray, zone: str, other: str) -> float:
    """Return how far weeks end and begin from 17:00 in New York if the file's clock was ``other`` rather than ``zone`` [h]."""
    missed = []
    for edges, hour in ((closes, _FRIDAY_17), (opens, _SUNDAY_17)):
        utc_s = to_utc(edges + offsets_at(edges, zone), other).utc_s
        local_s = utc_s + offsets_at(utc_s, "America/New_York")
        off_s = (local_s - hour * HOUR_S + WEEK_S // 2) % WEEK_S - WEEK_S // 2
        missed.append(np.minimum(np.abs(off_s), 12 * HOUR_S))
    return float(np.mean(missed)) / HOUR_S
