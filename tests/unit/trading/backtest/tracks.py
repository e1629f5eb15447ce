"""Tracks and rule packs drawn by hand, for tests of the challenge."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from trading.backtest.track import EXTREMES, Track
from trading.risk.pack_document import parse_pack
from trading.risk.packs import RulePack

MONDAY = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
HOUR = 3600
SIZE = 100_000


def draw(
    *bars: dict[str, Any],
    every_s: int = 6 * HOUR,
    start: int = MONDAY,
    initial: float = SIZE,
    skip_weekends: bool = True,
) -> Track:
    """
    Return a track of bars ``{equity, balance?, low?, high?, entries?, open?}``; by default four bars a day from Monday on, flat.

    ``entries`` is 1 and nothing is open unless said otherwise; ``balance`` is equity, or the last balance while something is open.
    """
    rows, at, before, balance = [], start, initial, initial
    for bar in bars:
        while skip_weekends and datetime.fromtimestamp(at, UTC).weekday() >= 5:
            at += 24 * HOUR
        at += every_s
        is_open, equity = bar.get("open", False), float(bar["equity"])
        balance = float(bar.get("balance", balance if is_open else equity))
        low, high = bar.get("low", min(before, equity)), bar.get("high", max(before, equity))
        rows.append((at, equity, balance, low, high, bar.get("entries", 1), is_open))
        before = equity
    closes_s, equity_, balance_, low_, high_, entries, opened = (np.array(column) for column in zip(*rows, strict=True))
    return Track(
        initial, closes_s.astype(np.int64), equity_, balance_, low_.astype(float), high_.astype(float),
        entries.astype(np.int64), opened.astype(bool), EXTREMES,
    )  # fmt: skip


def day_ends(*equities: float, entries: int = 1, start: int = MONDAY) -> Track:
    """Return a track of one bar a weekday that ends with this equity, flat."""
    return draw(*({"equity": equity, "entries": entries} for equity in equities), every_s=24 * HOUR, start=start)


def pack(**changes: Any) -> RulePack:
    """Return a one-phase pack: target 10 %, daily 5 % hard of the initial balance, maximum 10 % static, days in UTC."""
    phase = {"name": "challenge", "profit_target_pct": 10, **changes.pop("phase", {})}
    daily = {"kind": "hard", "pct": 5, "reset": {"time": "00:00", "tz": "UTC"}, **changes.pop("daily", {})}
    total = {"mode": "static", "pct": 10, **changes.pop("total", {})}
    return parse_pack(
        {"id": "test", "firm": "Test", "program": "Test", "phases": [phase], "daily_loss": daily, "max_loss": total}
        | changes
    )
