"""The broker's clock: its wall clock written as if it were UTC."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

_FRESH_TICK_S, _MOST_TICKS = 120, 50


def detect_offset(package: Any, broker_symbols: Iterable[str]) -> int | None:
    """Return the broker's clock minus UTC [s] from a fresh tick, rounded to half hours; None where no tick is fresh."""
    shown = [info.name for info in package.symbols_get() or () if info.select]
    for broker_symbol in (*broker_symbols, *shown[:_MOST_TICKS]):
        tick = package.symbol_info_tick(broker_symbol)
        if tick is None:
            continue
        ahead = tick.time - time.time()
        rounded = round(ahead / 1800) * 1800
        if abs(ahead - rounded) < _FRESH_TICK_S and abs(rounded) <= 15 * 3600:
            return int(rounded)
    return None
