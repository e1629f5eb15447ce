"""News."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.calendar_rows import IMPACT_RANK, polarity
from trading.strategies.folds import Atr, Window
from trading.strategies.pair import currencies_of
from trading.strategies.parameters import parse_moment
from trading.strategies.specs.forex import NEWS


class Release(NamedTuple):
    """One event that matters to this pair; ``sign`` is +1 for the base currency, -1 for the quote."""

    time_s: int
    sign: int
    polarity: int
    rank: int
    title: str
    forecast: float | None
    previous: float | None
    actual: float | None

    def direction(self, figure: float | None, against: float | None) -> int:
        """Return the side that a figure above or below another speaks for; 0 where one is missing or they are equal."""
        if figure is None or against is None or figure == against:
            return 0
        return self.sign * self.polarity * (1 if figure > against else -1)


class ForexNewsStrategy(BaseStrategy):
    """
    Trades around releases of a calendar. The most important event whose window holds the bar's close counts.

    * ``pre_news``, before the release: the side for which the forecast speaks against the previous figure; confidence .6.
    * ``post_news``, after it: along the move since the release where it exceeds ``volatility_threshold``, unless the surprise speaks
      against it; confidence .5 at the threshold, .8 at three times it.
    * ``breakout``, after it: beyond the range of ``support_resistance_period`` bars before the release by ``breakout_multiplier`` ATR,
      unless the surprise speaks against it; confidence .6 to .8.
    * ``fade``, after it: against a move of more than twice the threshold; confidence .5 to .7.

    The surprise is actual - forecast, by the sign of the indicator, known from the release on. The stop is ``news_stop_multiplier``
    ATR away. At most ``max_news_exposure`` entries for one release. The calendar is part of the parameters: a live strategy gets new
    events by a new version.

    Source: GeneBot 1.1.35, `forex_news_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = NEWS
    memory = ("window", "atr", "entries", "before")

    def start(self) -> None:
        told = self.parameters
        self.releases = self._read_releases(told["events"])
        self.times = [release.time_s for release in self.releases]
        self.window = Window(told["support_resistance_period"])
        self.atr = Atr(told["atr_period"])
        self.entries: dict[str, int] = {}
        # What the market was like before each running release: [last close, highest, lowest, ATR].
        self.before: dict[str, list[float]] = {}
        self.warm_up(window=self.window.length, folds=[("ATR", told["atr_period"])], chained=1)

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        closed_s = self.timeframe.close_time(bar.time)
        self._remember_before(closed_s)
        self.window.update(bar)
        atr = self.atr.update(bar)
        index = self._find(closed_s) if self.is_warm and atr > 0 else None
        if index is None or self.entries.get(str(index), 0) >= self.parameters["max_news_exposure"]:
            return NOTHING
        release = self.releases[index]
        side, confidence = self._decide(release, index, bar, closed_s)
        if not side or confidence <= self.parameters["min_confidence"]:
            return NOTHING
        self.entries[str(index)] = self.entries.get(str(index), 0) + 1
        distance = self.parameters["news_stop_multiplier"] * atr
        return Wish(side=side, stop_distance=distance, confidence=confidence, reason=release.title)

    def _decide(self, release: Release, index: int, bar: Bar, closed_s: int) -> tuple[int, float]:
        way = self.parameters["news_strategy"]
        if way == "pre_news":
            return release.direction(release.forecast, release.previous), 0.6
        before = self.before.get(str(index))
        # The bar that closes at the release has seen nothing of it yet.
        if before is None or closed_s <= release.time_s:
            return 0, 0.0
        close, highest, lowest, atr = before
        surprise = release.direction(release.actual, release.forecast)
        move, threshold = bar.close / close - 1, self.parameters["volatility_threshold"]
        side = 1 if move > 0 else -1
        if way == "fade":
            return (-side if abs(move) > 2 * threshold else 0), min(0.7, 0.45 + 0.05 * abs(move) / threshold)
        if surprise and surprise != side:
            return 0, 0.0
        if way == "post_news":
            return (side if abs(move) > threshold else 0), min(0.8, 0.35 + 0.15 * abs(move) / threshold)
        beyond = (bar.close - highest if side > 0 else lowest - bar.close) / atr - self.parameters[
            "breakout_multiplier"
        ]
        return (side if beyond >= 0 else 0), min(0.8, 0.6 + 0.1 * beyond)

    def _find(self, closed_s: int) -> int | None:
        told = self.parameters
        if told["news_strategy"] == "pre_news":
            first, last = closed_s + 1, closed_s + 60 * told["pre_news_minutes"]
        else:
            first, last = closed_s - 60 * told["post_news_minutes"], closed_s
        found = range(bisect_left(self.times, first), bisect_right(self.times, last))
        return max(found, key=lambda index: (self.releases[index].rank, index), default=None)

    def _remember_before(self, closed_s: int) -> None:
        """Keep the market before each release that this bar ends after, and forget what is over."""
        oldest = closed_s - 60 * self.parameters["post_news_minutes"] - self.timeframe.seconds
        for kept in (self.before, self.entries):
            for key in [key for key in kept if self.times[int(key)] < oldest]:
                del kept[key]
        if len(self.window.close) < self.window.length or not self.atr.value > 0:
            return
        # Only the first bar after a release follows one that had seen nothing of it.
        last_closed_s = self.timeframe.close_time(self.window.time[-1])
        for index in range(bisect_left(self.times, last_closed_s), bisect_left(self.times, closed_s)):
            window = self.window
            self.before[str(index)] = [window.close[-1], max(window.high), min(window.low), self.atr.value]

    def _read_releases(self, events: list[dict[str, Any]]) -> list[Release]:
        base, quote = currencies_of(self.instrument)
        least = IMPACT_RANK[self.parameters["min_impact_level"]]
        releases = []
        for event in events:
            rank, at = IMPACT_RANK[event["impact"]], parse_moment(event["time"])
            if rank < least or event["currency"] not in (base, quote) or at is None:
                continue
            sign = 1 if event["currency"] == base else -1
            figures = (event.get("forecast"), event.get("previous"), event.get("actual"))
            releases.append(
                Release(int(at.timestamp()), sign, polarity(event["title"]), rank, event["title"], *figures)
            )
        return sorted(releases, key=lambda release: release.time_s)
