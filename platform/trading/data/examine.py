"""From columns as they came to `Bars`: every fault is found, and handled by the policy that a person chose, or refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.data.columns import Columns
from trading.data.errors import DataEmpty, DataFaulty, NoTimeframe
from trading.data.findings import Finding, Kind, Level, counted, first_of, say_time
from trading.data.quality import inspect
from trading.data.zones import check_data_zone, to_utc
from trading.model.bars import HIGHEST_PRICE, Bars, may_open_at
from trading.model.timeframe import Timeframe

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

WORST_FRACTION = 0.01
"""With more than this share of its rows left out, a file is not what it claims to be."""
_NAMES = ("open", "high", "low", "close", "volume", "spread_points")


class Policy(StrEnum):
    """
    What may be done about faults; each does what those before it do.

    REFUSE: nothing; a file with a fault gives no bars. KEEP_FIRST: bars are put in order, and of several with one time the first
    stays. DROP_IMPOSSIBLE: rows that are no bars, impossible bars and bars off the timeframe are left out.
    """

    REFUSE = "REFUSE"
    KEEP_FIRST = "KEEP_FIRST"
    DROP_IMPOSSIBLE = "DROP_IMPOSSIBLE"


@dataclass(frozen=True, slots=True)
class Examined:
    """Bars of one timeframe and everything noteworthy about them."""

    bars: Bars
    findings: list[Finding]


def examine(
    columns: Columns, *, zone: str = "UTC", policy: Policy = Policy.REFUSE, timeframe: Timeframe | None = None
) -> Examined:
    """
    Make bars of columns.

    :param zone: the clock the times were read from, where they carry no offset: IANA, ``SERVER_NY+7`` or ``+02:00``.
    :param timeframe: the bars' own; by default the most frequent distance between them.
    :raises UnknownZone: for a zone nobody knows.
    :raises DataFaulty: where a fault is found that ``policy`` does not allow for, or too much would be left out.
    :raises DataEmpty: where fewer than two bars remain.
    :raises NoTimeframe: where their distance is no timeframe, or other than the one given.
    """
    check_data_zone(zone)
    clock = "UTC" if columns.zoned else zone
    work = _Work(columns, policy)
    work.note_unreadable()
    time_s = work.read_clock(zone)
    order = work.find_order(time_s)
    keep = work.find_repeats(time_s, order)
    keep &= work.find_impossible(time_s, order)
    rows = order[keep]
    if len(rows) < 2:
        work.refuse_faults()
        raise DataEmpty("fewer than two bars are usable", extra={"findings": work.describe()})
    frame = timeframe or find_timeframe(time_s[rows])
    rows = work.find_misplaced(time_s, rows, frame)
    work.refuse_faults()
    # Rows that all stay where they are need no copy.
    taken: Any = slice(None) if len(rows) == len(time_s) and order is work.untouched else rows
    bars = Bars(frame, time_s[taken], *(getattr(columns, name)[taken] for name in _NAMES))
    del columns, time_s, order, keep, rows
    return Examined(bars, [*work.findings, *inspect(bars, clock)])


def find_timeframe(times_s: IntArray) -> Timeframe:
    """
    Return the timeframe whose length is the most frequent step between bars.

    :raises NoTimeframe: where that step is no timeframe.

    >>> find_timeframe(np.array([0, 300, 600, 1200]))
    <Timeframe.M5: 'M5'>
    """
    steps, counts = np.unique(np.diff(times_s), return_counts=True)
    step = int(steps[counts.argmax()])
    for timeframe in Timeframe:
        if timeframe.seconds == step:
            return timeframe
    allowed = ", ".join(Timeframe)
    message = f"bars are mostly {step} seconds apart, which is no timeframe: {allowed}"
    raise NoTimeframe(message, field="timeframe", extra={"step_s": step})


class _Work:
    """One examination: what was found so far, and whether the policy covers it."""

    def __init__(self, columns: Columns, policy: Policy) -> None:
        self._columns, self._policy = columns, policy
        self._total = len(columns) + columns.unreadable
        self._left_out = 0
        self._uncovered = False
        self.findings: list[Finding] = []
        self.untouched = np.arange(len(columns), dtype=np.int64)

    def describe(self) -> list[dict[str, Any]]:
        return [finding.describe() for finding in self.findings]

    def refuse_faults(self) -> None:
        if self._uncovered:
            said = "; ".join(finding.message for finding in self.findings if finding.level is Level.FAULT)
            message = f"the file has faults: {said}. Mend it, or choose a policy that allows for them"
            raise DataFaulty(message, field="policy", extra={"findings": self.describe()})
        if self._left_out > WORST_FRACTION * self._total:
            said = "; ".join(finding.sentence for finding in self.findings if finding.level is Level.FAULT)
            message = f"{counted(self._left_out, 'line')} of {self._total:,} cannot be used, more than {100 * WORST_FRACTION:.0f} %: {said}"
            raise DataFaulty(message, extra={"findings": self.describe()})

    def note_unreadable(self) -> None:
        columns = self._columns
        if columns.unreadable:
            said = f"{counted(columns.unreadable, 'row')} could not be read as bars, first row {columns.unreadable_rows[0] if columns.unreadable_rows else 'unknown'}"
            rows = first_of(columns.unreadable_rows)
            self._add_left_out(Kind.UNREADABLE_ROWS, columns.unreadable, said, rows, [])
        if columns.uncounted:
            said = f"{counted(columns.uncounted, 'cell')} of volume or spread {'is' if columns.uncounted == 1 else 'are'} no count"
            self.findings.append(Finding(Kind.NO_VOLUME, Level.NOTE, columns.uncounted, said, done="taken as 0"))

    def read_clock(self, zone: str) -> IntArray:
        if self._columns.zoned:
            return self._columns.time_s
        utc = to_utc(self._columns.time_s, zone)
        if skipped := int(utc.skipped.sum()):
            rows = np.flatnonzero(utc.skipped)
            said = f"{counted(skipped, 'bar')} at times that clocks in {zone} skip: perhaps it is not the right zone"
            self.findings.append(
                Finding(Kind.SKIPPED_HOUR, Level.DOUBT, skipped, said, self._numbers(rows), first_of(utc.utc_s[rows]))
            )
        if undecided := int(utc.undecided.sum()):
            rows = np.flatnonzero(utc.undecided)
            said = f"{counted(undecided, 'bar')} in an hour that clocks in {zone} show twice"
            done = "read as the first pass"
            self.findings.append(
                Finding(
                    Kind.REPEATED_HOUR,
                    Level.NOTE,
                    undecided,
                    said,
                    self._numbers(rows),
                    first_of(utc.utc_s[rows]),
                    done,
                )
            )
        return utc.utc_s

    def find_order(self, time_s: IntArray) -> IntArray:
        steps = np.diff(time_s)
        backwards = np.flatnonzero(steps < 0) + 1
        if not len(backwards):
            return self.untouched
        may = self._policy is not Policy.REFUSE
        if not (steps > 0).any():
            said, done, kind = "the file runs from new to old", "turned round", Kind.REVERSED
            order = self.untouched[::-1]
        else:
            said = f"{counted(len(backwards), 'bar is', 'bars are')} older than the one before, first row {backwards[0] + 1}"
            done, kind = "sorted by time", Kind.OUT_OF_ORDER
            order = np.argsort(time_s, kind="stable")
        self._add(kind, len(backwards), said, self._numbers(backwards), first_of(time_s[backwards]), done, may)
        return order

    def find_repeats(self, time_s: IntArray, order: IntArray) -> BoolArray:
        """Say which bars stay; in a file turned round, the first of equal times is the last of them in the file."""
        ordered = time_s[order]
        again = np.concatenate(([False], np.diff(ordered) == 0))
        count = int(again.sum())
        if not count:
            return ~again
        columns, rows = self._columns, order[again]
        before = order[np.flatnonzero(again) - 1]
        differing = sum(getattr(columns, name)[rows] != getattr(columns, name)[before] for name in _NAMES[:4])
        different = int(np.count_nonzero(differing))
        said = (
            f"{counted(count, 'bar repeats the time', 'bars repeat the time')} of the one before"
            f" ({different:,} with other prices), first {say_time(int(ordered[again][0]))}"
        )
        may = self._policy is not Policy.REFUSE
        self._add(Kind.REPEATED_TIMES, count, said, self._numbers(rows), first_of(ordered[again]), "first kept", may)
        # The same bar twice is a seam of two files; another bar at the same time is a bar lost.
        self._left_out += different
        return ~again

    def find_impossible(self, time_s: IntArray, order: IntArray) -> BoolArray:
        columns = self._columns
        prices = (columns.open, columns.high, columns.low, columns.close)
        finite = np.ones(len(columns), dtype=np.bool_)
        for price in prices:
            finite &= (price > 0) & (price <= HIGHEST_PRICE)
        opened, high, low, closed = prices
        inside = (high >= np.maximum(opened, closed)) & (low <= np.minimum(opened, closed))
        self._note_impossible(
            Kind.IMPOSSIBLE_PRICES, ~finite, time_s, "a price that is not a finite number above 0, at most 1e12"
        )
        self._note_impossible(Kind.IMPOSSIBLE_RANGE, finite & ~inside, time_s, "an open or close outside low to high")
        good: BoolArray = (finite & inside)[order]
        return good

    def find_misplaced(self, time_s: IntArray, rows: IntArray, frame: Timeframe) -> IntArray:
        off = ~may_open_at(time_s[rows], frame)
        count = int(off.sum())
        if not count:
            return rows
        if count > WORST_FRACTION * len(rows):
            message = f"{counted(count, 'bar')} do not open where a {frame} bar opens (in UTC): is it the right timeframe and zone?"
            raise NoTimeframe(message, field="timeframe", extra={"timeframe": str(frame), "count": count})
        said = f"{counted(count, 'bar does', 'bars do')} not open where a {frame} bar opens, first {say_time(int(time_s[rows][off][0]))}"
        self._add_left_out(Kind.MISPLACED, count, said, self._numbers(rows[off]), first_of(time_s[rows][off]))
        return rows[~off]

    def _note_impossible(self, kind: Kind, wrong: BoolArray, time_s: IntArray, what: str) -> None:
        rows = np.flatnonzero(wrong)
        if len(rows):
            said = f"{counted(len(rows), 'bar has', 'bars have')} {what}, first {say_time(int(time_s[rows[0]]))}"
            self._add_left_out(kind, len(rows), said, self._numbers(rows), first_of(time_s[rows]))

    def _add_left_out(self, kind: Kind, count: int, said: str, rows: list[int], at: list[int]) -> None:
        self._left_out += count
        self._add(kind, count, said, rows, at, "left out", self._policy is Policy.DROP_IMPOSSIBLE)

    def _add(self, kind: Kind, count: int, said: str, rows: list[int], at: list[int], done: str, covered: bool) -> None:
        self._uncovered |= not covered
        self.findings.append(Finding(kind, Level.FAULT, count, said, rows, at, done if covered else ""))

    def _numbers(self, places: IntArray | Sequence[int]) -> list[int]:
        """Return the rows' numbers in the file: those that could not be read stand between."""
        unread = np.array(sorted(self._columns.unreadable_rows), dtype=np.int64)
        numbers = []
        for place in first_of(places):
            number = place + 1
            for gone in unread.tolist():
                number += gone <= number
            numbers.append(number)
        return numbers
