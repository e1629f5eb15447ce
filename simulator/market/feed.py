"""What a terminal can ask about prices: the quote, the bars and the ticks of a symbol at a market moment."""

from dataclasses import dataclass

import numpy as np

from simulator.market import sessions
from simulator.market.path import STRETCHES, BarPath, trace
from simulator.market.series import Series, join
from simulator.market.source import BaseBars, Source
from simulator.market.symbols import SymbolTerms
from simulator.market.timeframes import find_one_bar_open, is_built_from
from simulator.market.zone import ServerZone
from simulator.terminal.surface import RATES_DTYPE, TICKS_DTYPE

MAX_BARS = 100_000
_WEEKS_AHEAD = 120
_TICKS_PER_STRETCH = 5
_BID_AND_ASK = 2 | 4


class NoBars(Exception):
    """There are no bars to answer with: an unknown symbol, or a timeframe finer than the market's own."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Bid and ask at a market moment; ``at`` is when they were last made [UTC s]."""

    bid: float
    ask: float
    spread_points: int
    at: float


class Feed:
    """The market's prices. It knows no clock: every question carries its moment, and moments do not fall."""

    def __init__(self, source: Source, zone: ServerZone) -> None:
        self.source, self.zone = source, zone
        self.terms: dict[str, SymbolTerms] = {terms.name: terms for terms in source.list_terms()}
        self._current: dict[str, tuple[BarPath, float | None]] = {}
        self._series: dict[tuple[str, int], Series] = {}

    # the bar at hand -------------------------------------------------------------------------------------------------

    def find_bar(self, symbol: str, at: float) -> BarPath | None:
        """Return the base bar that opened last at or before ``at``."""
        held = self._current.get(symbol)
        if held is None or at < held[0].utc or (held[1] is not None and at >= held[1]):
            bar = self._look_up(symbol, at)
            if bar is None:
                return None
            held = self._current[symbol] = (bar, self._look_ahead(symbol, at))
        return held[0]

    def find_next_open(self, symbol: str, at: float) -> float | None:
        """Return when the next base bar after ``at`` opens, ``None`` if the market has no further one."""
        if self.find_bar(symbol, at) is None:
            return self._look_ahead(symbol, at)
        return self._current[symbol][1]

    def is_open(self, symbol: str, at: float) -> bool:
        """Say whether the symbol trades at ``at``."""
        bar = self.find_bar(symbol, at)
        return bar is not None and at < bar.ends_at

    def find_quote(self, symbol: str, at: float) -> Quote | None:
        """Return the last quote at ``at``, ``None`` before the first."""
        bar = self.find_bar(symbol, at)
        if bar is None:
            return None
        bid = bar.find_bid(at)
        return Quote(bid, round(bid + bar.spread, bar.digits), bar.spread_points, min(at, float(bar.ends_at)))

    def _look_up(self, symbol: str, at: float) -> BarPath | None:
        week = sessions.find_week(at)
        for number in range(week, max(self.source.first_week, week - _WEEKS_AHEAD) - 1, -1):
            bars = self.source.load(symbol, number)
            index = int(np.searchsorted(bars.utc, at, side="right")) - 1
            if index >= 0:
                return self._trace(symbol, bars, index)
        return None

    def _look_ahead(self, symbol: str, at: float) -> float | None:
        if self.source.ends_at is not None and at >= self.source.ends_at:
            return None
        week = sessions.find_week(at)
        for number in range(week, week + _WEEKS_AHEAD):
            bars = self.source.load(symbol, number)
            index = int(np.searchsorted(bars.utc, at, side="right"))
            if index < len(bars):
                return float(bars.utc[index])
        return None

    def _trace(self, symbol: str, bars: BaseBars, index: int) -> BarPath:
        terms = self.terms[symbol]
        prices = (
            float(bars.open[index]),
            float(bars.high[index]),
            float(bars.low[index]),
            float(bars.close[index]),
        )
        spread, volume = int(bars.spread[index]), int(bars.volume[index])
        utc, base_s = int(bars.utc[index]), self.source.base_s
        return trace(symbol, utc, base_s, prices, spread, terms.point, terms.digits, volume)

    # bars ------------------------------------------------------------------------------------------------------------

    def find_last_open(self, symbol: str, timeframe: int, at: float) -> int | None:
        """Return when the forming bar opened, on the server's clock."""
        rows = self.read_rates(symbol, timeframe, at, 1)
        return int(rows["time"][-1]) if len(rows) else None

    def read_rates(self, symbol: str, timeframe: int, at: float, wanted: int) -> np.ndarray:
        """
        Return the last ``wanted`` (at least 1) bars, or fewer where history is shorter; the last one is forming.

        :raises NoBars: for an unknown symbol or a timeframe that this market can not show.
        """
        series = self._find_series(symbol, timeframe)
        bar = self.find_bar(symbol, at)
        if bar is None:
            return np.empty(0, dtype=RATES_DTYPE)
        whole = series.read(bar.utc, wanted)
        return join(whole[-wanted:], self._form(bar, timeframe, at))[-wanted:]

    def read_rates_until(self, symbol: str, timeframe: int, at: float, server_s: int, wanted: int) -> np.ndarray:
        """Return the last ``wanted`` bars that opened at ``server_s`` or before. Raises as `read_rates`."""
        asked = max(wanted, 64)
        while True:
            rows = self.read_rates(symbol, timeframe, at, asked)
            early = rows[rows["time"] <= server_s]
            if len(early) >= wanted or len(rows) < asked or asked >= MAX_BARS:
                return early[-wanted:]
            asked = min(asked * 4, MAX_BARS)

    def read_rates_between(self, symbol: str, timeframe: int, at: float, first_s: int, last_s: int) -> np.ndarray:
        """Return the bars that opened within two moments of the server's clock. Raises as `read_rates`."""
        asked = 64
        while True:
            rows = self.read_rates(symbol, timeframe, at, asked)
            if len(rows) < asked or asked >= MAX_BARS or rows["time"][0] < first_s:
                return rows[(rows["time"] >= first_s) & (rows["time"] <= last_s)]
            asked = min(asked * 4, MAX_BARS)

    def _find_series(self, symbol: str, timeframe: int) -> Series:
        key = (symbol, timeframe)
        if key not in self._series:
            if symbol not in self.terms or not is_built_from(timeframe, self.source.base_s):
                raise NoBars(symbol)
            self._series[key] = Series(self.source, symbol, timeframe, self.zone)
        return self._series[key]

    def _form(self, bar: BarPath, timeframe: int, at: float) -> np.ndarray:
        # the base bar as far as it has gone, as (part of) a bar of the timeframe
        high, low, last = bar.find_range(at)
        share = min(max((at - bar.utc) / bar.base_s, 0.0), 1.0)
        rates = np.zeros(1, dtype=RATES_DTYPE)
        opened = find_one_bar_open(timeframe, int(self.zone.to_server(bar.utc)))
        ticks = max(1, int(bar.volume * share))
        rates[0] = (opened, bar.points[0], high, low, last, ticks, bar.spread_points, 0)
        return rates

    # ticks -----------------------------------------------------------------------------------------------------------

    def read_ticks(self, symbol: str, at: float, first_utc: float, last_utc: float, wanted: int) -> np.ndarray:
        """Return up to ``wanted`` ticks within two UTC moments, oldest first."""
        rows: list[tuple[float, float, float]] = []
        bar = self._look_up(symbol, first_utc)
        moment = float(bar.utc) if bar else self._look_ahead(symbol, first_utc)
        last_utc = min(last_utc, at)
        while moment is not None and moment <= last_utc and len(rows) < wanted:
            bar = self._look_up(symbol, moment)
            if bar is None:
                break
            rows.extend(row for row in list_ticks(bar) if first_utc <= row[0] <= last_utc)
            moment = self._look_ahead(symbol, moment)
        ticks = np.zeros(min(len(rows), wanted), dtype=TICKS_DTYPE)
        for index, (utc, bid, ask) in enumerate(rows[:wanted]):
            server_s = self.zone.to_server(utc)
            ticks[index] = (int(server_s), bid, ask, 0.0, 0, round(server_s * 1000), _BID_AND_ASK, 0.0)
        return ticks


def list_ticks(bar: BarPath) -> list[tuple[float, float, float]]:
    """Return moment, bid and ask at even steps through a bar; its four points are among them."""
    steps = STRETCHES * _TICKS_PER_STRETCH
    moments = [bar.utc + bar.base_s * step / steps for step in range(steps)]
    moments.append(bar.ends_at - 0.001)
    ticks = []
    for step, moment in enumerate(moments):
        bid = bar.points[3] if step == steps else bar.find_bid(moment)
        ticks.append((moment, bid, round(bid + bar.spread, bar.digits)))
    return ticks
