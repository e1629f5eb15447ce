"""
A seeded market: every bar is a function of seed, symbol and minute, so nothing of it needs to be stored.

The logarithm of the price stands on knots at the beginning of each week (a mean-reverting walk round the typical
price). Within the week a random walk whose steps follow the hour of the day, a volatility that clusters and drifts that
last some hours is bent so that it ends at the next knot.
"""

import zlib
from collections import OrderedDict
from functools import cached_property

import numpy as np

from simulator.market import sessions
from simulator.market.source import BaseBars
from simulator.market.symbols import SymbolTerms

_FIRST_KNOT_WEEK = sessions.find_week(946_684_800)  # 2000-01-01
_KNOTS = 4000
_WEEKLY_REVERSION = 0.02
_WEEKS_PER_YEAR = 52
_WEEK_GAP_SHARE = 0.15
_KEPT_WEEKS = 120
_DRIFT_MINUTES = 240
# Size of a minute's move by hour of the exchange clock, relative; the night is calm, London with New York is not.
_NIGHT_AND_MORNING = (0.35, 0.5, 0.7, 0.8, 0.75, 0.65, 0.6, 0.6, 0.75, 1.0, 1.35, 1.3)
_NOON_AND_EVENING = (1.15, 1.05, 1.1, 1.5, 1.75, 1.6, 1.3, 1.05, 0.85, 0.75, 0.6, 0.4)
_HOUR_VOLATILITY = np.array([*_NIGHT_AND_MORNING, *_NOON_AND_EVENING])
_HOUR_SPREAD = np.array([3.0, 1.6, 1.3, 1.2] + [1.1] * 5 + [1.0] * 11 + [1.1, 1.2, 1.5, 2.2])


class SeededMarket:
    """A `simulator.market.source.Source` of one-minute bars that begins years before ``start`` and never ends."""

    base_s = 60
    ends_at: float | None = None

    def __init__(self, terms: list[SymbolTerms], *, seed: int, history_weeks: int, start: float) -> None:
        self._terms = {item.name: item for item in terms}
        self._seed = seed
        self.first_week = sessions.find_week(start) - history_weeks
        self._walks: dict[str, WeeklyWalk] = {}
        self._weeks: OrderedDict[tuple[str, int], BaseBars] = OrderedDict()

    def list_terms(self) -> list[SymbolTerms]:
        """Return the terms of every symbol on offer."""
        return list(self._terms.values())

    def load(self, symbol: str, week: int) -> BaseBars:
        """Return one week of minute bars, from the cache or made anew."""
        key = (symbol, week)
        bars = self._weeks.get(key)
        if bars is None:
            bars = self._weeks[key] = self._make(symbol, week)
            if len(self._weeks) > _KEPT_WEEKS:
                self._weeks.popitem(last=False)
        return bars

    def _make(self, symbol: str, week: int) -> BaseBars:
        if symbol not in self._walks:
            self._walks[symbol] = WeeklyWalk(self._terms[symbol], self._seed)
        bars = self._walks[symbol].make_week(week)
        return bars if week >= self.first_week else bars.slice(0, 0)


class WeeklyWalk:
    """The walk of one symbol."""

    def __init__(self, terms: SymbolTerms, seed: int) -> None:
        self._terms = terms
        self._entropy = [seed % 2**64, zlib.crc32(terms.name.encode())]
        self._week_volatility = terms.year_volatility / _WEEKS_PER_YEAR**0.5

    @cached_property
    def _knots(self) -> np.ndarray:
        steps = np.random.default_rng([*self._entropy, 0]).standard_normal(_KNOTS) * self._week_volatility
        knots = np.empty(_KNOTS)
        level = 0.0
        for index, step in enumerate(steps):
            level += step - _WEEKLY_REVERSION * level
            knots[index] = level
        return knots

    def make_week(self, week: int) -> BaseBars:
        """Return the minute bars of a week."""
        terms, rng = self._terms, np.random.default_rng([*self._entropy, 1, week])
        minutes, exchange = sessions.list_exchange_minutes(week)
        is_open = sessions.find_open_minutes(terms.session, exchange)
        minutes, hour = minutes[is_open], exchange[is_open] % 86400 // 3600
        count = len(minutes)
        sigma = self._draw_volatility(rng, hour)
        closes = self._draw_path(rng, sigma, week)
        opens = np.concatenate(([closes[0]], closes[1:-1]))
        closes = closes[1:]
        top, bottom = np.maximum(opens, closes), np.minimum(opens, closes)
        wicks = np.abs(rng.standard_normal((2, count))) * sigma * 0.6
        prices = [self._to_price(x) for x in (opens, top + wicks[0], bottom - wicks[1], closes)]
        volume = rng.poisson(20 + 90 * _HOUR_VOLATILITY[hour] * (sigma / sigma.mean())).astype(np.int64) + 4
        spread = self._draw_spread(rng, hour)
        return BaseBars(minutes, prices[0], prices[1], prices[2], prices[3], volume, spread)

    def _draw_spread(self, rng: np.random.Generator, hour: np.ndarray) -> np.ndarray:
        if self._terms.spread_is_fixed:
            return np.full(len(hour), self._terms.spread_points, dtype=np.int64)
        noise = rng.gamma(6.0, 1 / 6.0, len(hour))
        points = self._terms.spread_points * _HOUR_SPREAD[hour] * (0.7 + 0.3 * noise)
        return np.asarray(np.maximum(np.rint(points), 1).astype(np.int64))

    def _draw_volatility(self, rng: np.random.Generator, hour: np.ndarray) -> np.ndarray:
        # Log-volatility wanders slowly, so calm and wild stretches last; a quiet start each week is no harm.
        blocks = len(hour) // 30 + 1
        shocks = rng.standard_normal(blocks) * 0.18
        level, wander = 0.0, np.empty(blocks)
        for index, shock in enumerate(shocks):
            level = 0.94 * level + shock
            wander[index] = level
        raw = _HOUR_VOLATILITY[hour] * np.exp(np.repeat(wander, 30)[: len(hour)])
        return np.asarray(raw * self._week_volatility / np.sqrt((raw**2).sum()))

    def _draw_path(self, rng: np.random.Generator, sigma: np.ndarray, week: int) -> np.ndarray:
        index = week - _FIRST_KNOT_WEEK
        start, end = self._knots[index], self._knots[index + 1]
        start += rng.standard_normal() * self._week_volatility * _WEEK_GAP_SHARE
        count = len(sigma)
        # Student's t with 5 degrees of freedom, scaled to variance one: rare large minutes
        steps = rng.standard_t(5, count) * (3 / 5) ** 0.5
        drift = np.repeat(rng.standard_normal(count // _DRIFT_MINUTES + 1) * 0.06, _DRIFT_MINUTES)[:count]
        walk = np.concatenate(([0.0], np.cumsum((steps + drift) * sigma)))
        share = np.concatenate(([0.0], np.cumsum(sigma**2))) / (sigma**2).sum()
        return np.asarray(start + walk + (end - start - walk[-1]) * share)

    def _to_price(self, log_level: np.ndarray) -> np.ndarray:
        return np.asarray(np.round(self._terms.price * np.exp(log_level), self._terms.digits))
