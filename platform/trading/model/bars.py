"""Bars: one closed bar, and a validated struct of arrays of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.errors import InvalidBars
from trading.model.timeframe import Timeframe

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HIGHEST_PRICE = 1e12
"""Of no market that trades; beyond it prices and money are no longer exact."""
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Bar:
    """One closed bar of bid prices; ``time`` is when it opened [epoch seconds, UTC]."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    spread_points: int = 0

    @property
    def opened_at(self) -> datetime:
        """When the bar opened, aware UTC."""
        return datetime.fromtimestamp(self.time, UTC)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Bars:
    """
    Closed bars of bid prices, oldest first: a struct of read-only arrays of one length.

    ``time`` is the opening time [int64 epoch seconds, UTC]; prices are float64; ``volume`` counts ticks; ``spread_points`` is in
    points of the instrument, 0 where unknown.

    :raises InvalidBars: where arrays differ in length, times do not rise or are off the timeframe, or a price is impossible.

    >>> bars = Bars.from_rows(Timeframe.M1, [(60, 1.1, 1.2, 1.0, 1.15, 7, 0), (120, 1.15, 1.2, 1.1, 1.1, 5, 0)])
    >>> len(bars), bars[-1].close
    (2, 1.1)
    """

    timeframe: Timeframe
    time: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    spread_points: IntArray

    def __post_init__(self) -> None:
        for name in ("time", "spread_points"):
            object.__setattr__(self, name, _frozen(getattr(self, name), np.int64))
        for name in (*_PRICES, "volume"):
            object.__setattr__(self, name, _frozen(getattr(self, name), np.float64))
        _check(self)

    @classmethod
    def from_rows(cls, timeframe: Timeframe, rows: Iterable[tuple[float, ...]]) -> Bars:
        """Build from tuples ``(time, open, high, low, close[, volume[, spread_points]])``, oldest first."""
        padded = [(*row, 0.0, 0.0)[:7] for row in rows]
        columns = list(zip(*padded, strict=True)) if padded else [()] * 7
        return cls._build(timeframe, [np.array(column, dtype=np.float64) for column in columns])

    @classmethod
    def from_bars(cls, timeframe: Timeframe, bars: Iterable[Bar]) -> Bars:
        """Build from single bars, oldest first."""
        rows = ((b.time, b.open, b.high, b.low, b.close, b.volume, b.spread_points) for b in bars)
        return cls.from_rows(timeframe, rows)

    @classmethod
    def empty(cls, timeframe: Timeframe) -> Bars:
        """Return no bars."""
        return cls.from_rows(timeframe, [])

    def __len__(self) -> int:
        return int(self.time.shape[0])

    def __getitem__(self, index: int) -> Bar:
        return Bar(
            int(self.time[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
            int(self.spread_points[index]),
        )

    def __iter__(self) -> Iterator[Bar]:
        return (self[index] for index in range(len(self)))

    def part(self, start: int | None = None, stop: int | None = None) -> Bars:
        """Return the bars ``start:stop`` by position, as views."""
        key = slice(start, stop)
        return self._build(self.timeframe, [column[key] for column in self._columns()])

    def between(self, start_s: int, end_s: int) -> Bars:
        """Return the bars that opened in ``start_s <= time < end_s`` [epoch seconds]."""
        first, last = np.searchsorted(self.time, [start_s, end_s], side="left")
        return self.part(int(first), int(last))

    def resample(self, to: Timeframe, *, complete_until_s: int | None = None) -> Bars:
        """
        Return bars of the coarser timeframe ``to``. Causal: a coarse bar is the sum of the fine bars inside it, nothing else.

        The last coarse bar is kept only where it is over, that is where ``complete_until_s`` (by default the close of the last
        fine bar) has reached its close: a bar still forming is no bar.

        :raises InvalidBars: where ``to`` is finer, or no whole number of our bars.
        """
        if not self.timeframe.divides(to):
            raise InvalidBars(f"{self.timeframe} bars cannot be added up to {to}", field="timeframe")
        if to is self.timeframe or not len(self):
            return self._build(to, self._columns())
        until = complete_until_s if complete_until_s is not None else self.timeframe.close_time(int(self.time[-1]))
        return _resample(self, to, until)

    def _columns(self) -> tuple[Any, ...]:
        return (self.time, self.open, self.high, self.low, self.close, self.volume, self.spread_points)

    @classmethod
    def _build(cls, timeframe: Timeframe, columns: Sequence[Any]) -> Bars:
        time, open_, high, low, close, volume, spread_points = columns
        return cls(timeframe, time, open_, high, low, close, volume, spread_points)


def _frozen(values: Any, dtype: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.ascontiguousarray(values, dtype=dtype)
    view: NDArray[Any] = array.view()
    view.flags.writeable = False
    return view


def opening_times(times: IntArray, timeframe: Timeframe) -> IntArray:
    """Return `Timeframe.open_time` of every moment in ``times``."""
    offset = timeframe.open_time(0) % timeframe.seconds
    return times - (times - offset) % timeframe.seconds


def may_open_at(times: IntArray, timeframe: Timeframe) -> NDArray[np.bool_]:
    """Return `Timeframe.may_open_at` of every moment in ``times``."""
    step = 900 if timeframe.seconds > 3600 else timeframe.seconds
    aligned: NDArray[np.bool_] = times % step == 0
    return aligned


def _resample(bars: Bars, to: Timeframe, until_s: int) -> Bars:
    opened = opening_times(bars.time, to)
    starts = np.flatnonzero(np.concatenate(([True], opened[1:] != opened[:-1])))
    ends = np.concatenate((starts[1:], [len(bars)])) - 1
    if to.close_time(int(opened[-1])) > until_s:
        starts, ends = starts[:-1], ends[:-1]
    if not len(starts):
        return Bars.empty(to)
    stop = int(ends[-1]) + 1
    return Bars(
        to,
        opened[starts],
        bars.open[starts],
        np.maximum.reduceat(bars.high[:stop], starts),
        np.minimum.reduceat(bars.low[:stop], starts),
        bars.close[ends],
        np.add.reduceat(bars.volume[:stop], starts),
        # The spread of the first fine bar is the one an order at the open would meet.
        bars.spread_points[starts],
    )


def _check(bars: Bars) -> None:
    if any(column.ndim != 1 or column.shape != bars.time.shape for column in bars._columns()):
        raise InvalidBars("all columns must be one-dimensional and of one length")
    if not len(bars):
        return
    for index, what in find_impossible(bars.time, bars.open, bars.high, bars.low, bars.close):
        raise InvalidBars(f"bar {index}: {what}", extra={"index": index, "time": int(bars.time[index])})
    if bool(np.any(~np.isfinite(bars.volume))) or bool(np.any(bars.volume < 0)) or bool(np.any(bars.spread_points < 0)):
        raise InvalidBars("volume and spread must be finite and not negative")
    off = np.flatnonzero(~may_open_at(bars.time, bars.timeframe))
    if len(off):
        index = int(off[0])
        message = f"bar {index}: no {bars.timeframe} bar opens at {bars[index].opened_at:%Y-%m-%d %H:%M:%S}"
        raise InvalidBars(message, extra={"index": index})


def find_impossible(
    time: IntArray, open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> Iterator[tuple[int, str]]:
    """Yield ``(index, what is wrong)`` of every bar that cannot be one: the first reason of each kind is enough to refuse."""
    finite = np.ones(len(time), dtype=np.bool_)
    for prices in (open_, high, low, close):
        finite &= (prices > 0) & (prices <= HIGHEST_PRICE)
    outside = (high < np.maximum(open_, close)) | (low > np.minimum(open_, close))
    faults = (
        (np.concatenate(([False], np.diff(time) == 0)), "repeats the time of the one before"),
        (np.concatenate(([False], np.diff(time) < 0)), "is older than the one before"),
        (~finite, "has a price that is not a finite number above 0, at most 1e12"),
        (finite & outside, "has an open or close outside low to high"),
    )
    for mask, what in faults:
        for index in np.flatnonzero(mask):
            yield int(index), what
