"""Bars and rule documents for tests of the core."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

MONDAY = 1_767_571_200  # 2026-01-05 00:00 UTC, a Monday


def flat_then(prices: list[tuple[float, float, float, float]], *, start: int = MONDAY) -> Bars:
    """Return M1 bars of ``(open, high, low, close)``."""
    return Bars.from_rows(Timeframe.M1, [(start + 60 * i, *row) for i, row in enumerate(prices)])


def random_bars(
    seed: int,
    count: int,
    *,
    timeframe: Timeframe = Timeframe.M1,
    start: int = MONDAY,
    volatility_ticks: float = 12.0,
    ticks_per_unit: int = 100_000,
) -> Bars:
    """Return a random walk from 110,000 ticks (1.1 for EURUSD), with gaps between some bars and bars that do not move at all."""
    random = np.random.default_rng(seed)
    steps = np.rint(random.normal(0, volatility_ticks, count) * random.choice([0, 1, 1, 1, 4], count))
    gaps = np.rint(random.normal(0, 4 * volatility_ticks, count)) * (random.random(count) < 0.03)
    close = 110_000 + np.cumsum(steps + gaps)
    open_ = np.concatenate(([110_000], close[:-1])) + gaps
    high = np.maximum(open_, close) + np.rint(np.abs(random.normal(0, volatility_ticks, count)))
    low = np.minimum(open_, close) - np.rint(np.abs(random.normal(0, volatility_ticks, count)))
    skipped = np.cumsum((random.random(count) < 0.01) * random.integers(1, 600, count))
    times = start + timeframe.seconds * (np.arange(count) + skipped)
    prices = [np.clip(column, 1000, None) / ticks_per_unit for column in (open_, high, low, close)]
    return Bars(timeframe, times.astype(np.int64), *prices, np.ones(count), np.zeros(count, dtype=np.int64))


def cross_rules(
    first: str = "EMA_3",
    second: str = "EMA_8",
    direction: str = "both",
    *,
    exit: dict[str, Any] | None = None,
    risk: dict[str, Any] | None = None,
    filters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a rule document of one average crossing another."""
    return {
        "entry": {"type": "indicator_cross", "indicators": [first, second], "direction": direction},
        "exit": {"type": "opposite_signal", "stopLoss": 10, **(exit or {})},
        "risk": {"lotSize": 0.1, **(risk or {})},
        **({"filters": filters} if filters else {}),
    }


GUIDE_START = {
    "entry": {"type": "indicator_cross", "indicators": ["EMA_20", "EMA_50"], "direction": "above"},
    "exit": {"type": "opposite_signal", "stopLoss": 50, "takeProfit": 100},
    "risk": {"lotSize": 0.01, "maxRisk": 2, "maxDailyLoss": 5},
}
"""The rules of the guide's START_STRATEGY payload, unchanged."""

GUIDE_FORMAT = {
    "entry": {
        "type": "indicator_cross",
        "indicators": ["EMA_20", "EMA_50"],
        "direction": "above",
        "confirmation": {"type": "volume", "threshold": 1.5},
    },
    "exit": {
        "type": "opposite_signal",
        "stopLoss": 50,
        "takeProfit": 100,
        "trailingStop": True,
        "trailingStopDistance": 30,
    },
    "risk": {"lotSize": 0.01, "maxRisk": 2, "maxDailyLoss": 5, "maxOpenTrades": 5, "riskRewardRatio": 2},
    "filters": {
        "timeRange": {"start": "08:00", "end": "20:00", "timezone": "UTC"},
        "daysOfWeek": [1, 2, 3, 4, 5],
    },
}
"""The guide's "Strategy Rules Format", unchanged."""
