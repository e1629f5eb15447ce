"""Bars of one symbol and timeframe up to the market's clock, added up from base bars and kept."""

import numpy as np

from simulator.market import sessions
from simulator.market.source import BaseBars, Source
from simulator.market.timeframes import find_bar_open
from simulator.market.zone import ServerZone
from simulator.terminal.surface import RATES_DTYPE

_EMPTY = np.empty(0, dtype=RATES_DTYPE)


def add_up(bars: BaseBars, timeframe: int, zone: ServerZone) -> np.ndarray:
    """Return base bars as bars of ``timeframe``, their time on the server's clock."""
    if not len(bars):
        return _EMPTY
    opens = find_bar_open(timeframe, zone.to_server_array(bars.utc))
    first = np.flatnonzero(np.concatenate(([True], opens[1:] != opens[:-1])))
    last = np.concatenate((first[1:], [len(opens)])) - 1
    rates = np.zeros(len(first), dtype=RATES_DTYPE)
    rates["time"] = opens[first]
    rates["open"], rates["close"] = bars.open[first], bars.close[last]
    rates["high"] = np.maximum.reduceat(bars.high, first)
    rates["low"] = np.minimum.reduceat(bars.low, first)
    rates["tick_volume"] = np.add.reduceat(bars.volume, first)
    # the terminal keeps the smallest spread of a bar
    rates["spread"] = np.minimum.reduceat(bars.spread, first)
    return rates


def join(older: np.ndarray, newer: np.ndarray) -> np.ndarray:
    """Return two runs of bars as one; a bar that both hold a part of is put together."""
    if not len(older) or not len(newer):
        return newer if not len(older) else older
    if older["time"][-1] != newer["time"][0]:
        return np.concatenate((older, newer))
    joined = np.concatenate((older[:-1], newer))
    joined[len(older) - 1] = merge(older[-1], newer[0])
    return joined


def merge(earlier: np.void, later: np.void) -> np.void:
    """Return two parts of one bar as the bar."""
    bar = later.copy()
    bar["open"] = earlier["open"]
    bar["high"] = max(earlier["high"], later["high"])
    bar["low"] = min(earlier["low"], later["low"])
    bar["tick_volume"] = earlier["tick_volume"] + later["tick_volume"]
    bar["spread"] = min(earlier["spread"], later["spread"])
    return bar


class Series:
    """The whole base bars of a symbol up to a moment, as bars of one timeframe; it grows at both ends."""

    def __init__(self, source: Source, symbol: str, timeframe: int, zone: ServerZone) -> None:
        self._source, self._symbol, self._timeframe, self._zone = source, symbol, timeframe, zone
        self._rows = np.empty(256, dtype=RATES_DTYPE)
        self._count = 0
        self._first_week: int | None = None
        self._until = 0.0

    def read(self, until: float, wanted: int) -> np.ndarray:
        """
        Return at least ``wanted`` bars (or all there are) of those base bars that opened before ``until``.

        The last of them may still be forming. ``until`` must not fall.
        """
        self._grow_forward(until)
        while self._count < wanted and self._first_week is not None and self._first_week > self._source.first_week:
            self._grow_backward(wanted)
        return self._rows[: self._count]

    def _grow_forward(self, until: float) -> None:
        if self._first_week is None:
            self._first_week = sessions.find_week(until)
            self._until = float(sessions.find_week_start(self._first_week))
        week, last_week = sessions.find_week(self._until), sessions.find_week(until)
        while week <= last_week:
            bars = self._source.load(self._symbol, week)
            start, stop = np.searchsorted(bars.utc, [self._until, until])
            if stop > start:
                self._append(add_up(bars.slice(start, stop), self._timeframe, self._zone))
            week += 1
        self._until = max(self._until, until)

    def _append(self, newer: np.ndarray) -> None:
        if self._count and self._rows["time"][self._count - 1] == newer["time"][0]:
            self._rows[self._count - 1] = merge(self._rows[self._count - 1], newer[0])
            newer = newer[1:]
        needed = self._count + len(newer)
        if needed > len(self._rows):
            self._rows = np.concatenate((self._rows[: self._count], np.empty(needed, dtype=RATES_DTYPE)))
        self._rows[self._count : needed] = newer
        self._count = needed

    def _grow_backward(self, wanted: int) -> None:
        # several weeks in one go where bars are coarse, so that a long request is not one copy per week
        runs = []
        missing = wanted - self._count
        assert self._first_week is not None
        while missing > 0 and self._first_week > self._source.first_week:
            self._first_week -= 1
            week = add_up(self._source.load(self._symbol, self._first_week), self._timeframe, self._zone)
            runs.append(week)
            missing -= len(week)
        older = _EMPTY
        for run in reversed(runs):
            older = join(older, run)
        rows = join(older, self._rows[: self._count])
        self._count = len(rows)
        self._rows = np.concatenate((rows, np.empty(256, dtype=RATES_DTYPE)))
