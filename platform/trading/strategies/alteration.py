"""Markets with another future: the same bars up to a moment, other bars after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.model.bars import Bars

FIELDS = ("close", "high", "low", "open", "volume", "spread_points")
UP, DOWN = 1.5, 0.6
OWN = ""
"""The key of the strategy's own bars in a world."""

World = Mapping[str, Bars]
Mask = NDArray[np.bool_]


class Place(NamedTuple):
    """One value of one bar of one symbol."""

    symbol: str
    time_s: int
    field: str


def until(world: World, time_s: int) -> dict[str, Bars]:
    """Return the world as it was known at the close of the bar that opened at ``time_s``."""
    return {symbol: bars.between(0, time_s + 1) for symbol, bars in world.items()}


def altered(world: World, after_s: int, to_s: int, *, up: bool) -> dict[str, Bars]:
    """Return the world with every bar that opened in ``after_s < time <= to_s`` far above (``up``) or below, and busier."""
    return {symbol: _moved(bars, (bars.time > after_s) & (bars.time <= to_s), up=up) for symbol, bars in world.items()}


def altered_at(world: World, place: Place, *, up: bool, wide: bool = False) -> dict[str, Bars] | None:
    """
    Return the world with one value changed, the rest of its bar untouched; None where it has no room to change.

    An open or close has only the room between low and high; with ``wide`` those two move out of the way first.
    """
    bars = world[place.symbol]
    found = np.flatnonzero(bars.time == place.time_s)
    if not len(found):
        return None
    index = int(found[0])
    bar = bars[index]
    high, low = (bar.high * UP, bar.low * DOWN) if wide else (bar.high, bar.low)
    values: dict[str, Any] = {
        "high": bar.high * UP if up else max(bar.open, bar.close),
        "low": min(bar.open, bar.close) if up else bar.low * DOWN,
        "open": high if up else low,
        "close": high if up else low,
        "volume": bar.volume * 3 + 7 if up else bar.volume / 3,
        "spread_points": bar.spread_points + 50 if up else 0,
    }
    changes = {**({"high": high, "low": low} if wide else {}), place.field: values[place.field]}
    if values[place.field] == getattr(bar, place.field):
        return None
    columns = {name: getattr(bars, name).copy() for name in changes}
    for name, value in changes.items():
        columns[name][index] = value
    return {**world, place.symbol: _rebuilt(bars, columns)}


def _moved(bars: Bars, where: Mask, *, up: bool) -> Bars:
    if not where.any():
        return bars
    factor = UP if up else DOWN
    # Not parallel to what was: every other bar turns over, so differences and ranges change too.
    flip = where & (np.arange(len(bars)) % 2 == 0)
    columns = {name: np.where(where, getattr(bars, name) * factor, getattr(bars, name)) for name in ("high", "low")}
    opened, closed = (np.where(where, values * factor, values) for values in (bars.open, bars.close))
    columns["open"], columns["close"] = np.where(flip, closed, opened), np.where(flip, opened, closed)
    columns["volume"] = np.where(where, bars.volume * 3 + 7 if up else bars.volume / 3, bars.volume)
    columns["spread_points"] = np.where(where, bars.spread_points + 50 if up else 0, bars.spread_points)
    return _rebuilt(bars, columns)


def _rebuilt(bars: Bars, columns: Mapping[str, Any]) -> Bars:
    names = ("open", "high", "low", "close", "volume", "spread_points")
    return Bars(bars.timeframe, bars.time, *(columns.get(name, getattr(bars, name)) for name in names))
