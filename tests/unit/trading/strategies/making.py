"""Bars in ticks, and what a strategy wishes on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.unit.trading.making import MONDAY
from trading.engine.source import Wish
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.base import walk
from trading.strategies.registry import build

ZIGZAG = [110_005 if place % 2 else 109_995 for place in range(300)]
"""A market that goes nowhere: true range 14 ticks, RSI near 50."""


def bars_of(
    closes: Sequence[int],
    timeframe: Timeframe = Timeframe.M5,
    *,
    shadow: int = 2,
    volumes: Sequence[int] | None = None,
    start: int = MONDAY,
    ticks_per_unit: int = 100_000,
) -> Bars:
    """Return bars that open at the last close and reach ``shadow`` ticks beyond both."""
    rows, before = [], closes[0]
    for place, close in enumerate(closes):
        high, low = max(before, close) + shadow, min(before, close) - shadow
        prices = [ticks / ticks_per_unit for ticks in (before, high, low, close)]
        rows.append((start + timeframe.seconds * place, *prices, volumes[place] if volumes else 100))
        before = close
    return Bars.from_rows(timeframe, rows)


def every_wish(
    name: str,
    bars: Bars,
    parameters: Mapping[str, Any] | None = None,
    symbol: str = "EURUSD",
    others: Mapping[str, Bars] | None = None,
) -> list[Wish]:
    """Return the wish of every bar."""
    strategy = build(name, parameters or {}, typical_instrument(symbol), bars.timeframe)
    return [strategy.update(bar, beside) for bar, beside in walk(bars, others or {})]


def signals(*told: Any, **more: Any) -> list[tuple[Any, ...]]:
    """Return (place, side, confidence) of every entry."""
    wishes = enumerate(every_wish(*told, **more))
    return [(place, wish.side, round(wish.confidence, 4)) for place, wish in wishes if wish.side]
