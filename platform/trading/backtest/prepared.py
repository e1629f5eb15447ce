"""Bars made ready for the engine: on whole ticks, once for all runs over them."""

from __future__ import annotations

from decimal import Decimal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from trading.engine.prices import snap_array
from trading.model.bars import Bars, opening_times
from trading.model.timeframe import Timeframe

_PRICES = ("open", "high", "low", "close")

_ticked: WeakKeyDictionary[Bars, tuple[Decimal, Bars | None]] = WeakKeyDictionary()


def put_on_ticks(bars: Bars, tick_size: Decimal) -> Bars:
    """
    Return the bars with every price the double nearest to its tick: ``bars`` themselves where they are so already.

    Looked at once: bars never change, so runs over the same ones share the answer for as long as they live.
    """
    known = _ticked.get(bars)
    if known is not None and known[0] == tick_size:
        return bars if known[1] is None else known[1]
    columns = {name: snap_array(getattr(bars, name), tick_size) for name in _PRICES}
    is_same = all(np.array_equal(column, getattr(bars, name)) for name, column in columns.items())
    on_ticks = None if is_same else _replaced(bars, columns)
    _ticked[bars] = (tick_size, on_ticks)
    return bars if on_ticks is None else on_ticks


def last_of_each(bars: Bars, to: Timeframe) -> NDArray[np.int64]:
    """Return the places of the last bars inside every bar of a coarser timeframe."""
    opened = opening_times(bars.time, to)
    return np.flatnonzero(np.concatenate((opened[1:] != opened[:-1], [True])))


def _replaced(bars: Bars, columns: dict[str, NDArray[np.float64]]) -> Bars:
    return Bars(
        timeframe=bars.timeframe,
        time=bars.time,
        volume=bars.volume,
        spread_points=bars.spread_points,
        **columns,
    )
