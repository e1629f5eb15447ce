"""Bars made for checks: a seeded random walk that is wild enough for most strategies to wish something."""

from __future__ import annotations

import numpy as np

from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

_FIRST_S = 1_767_571_200  # 2026-01-05 00:00 UTC, a Monday
_PIPS_A_BAR = 4.0


def make_bars(instrument: Instrument, timeframe: Timeframe, count: int, *, seed: int = 1) -> Bars:
    """
    Return ``count`` bars of a random walk on the ticks of ``instrument``, the same for the same seed.

    It moves some four pips a bar, and now and then four times as far; prices begin at 10,000 pips.
    """
    random = np.random.default_rng(seed)
    pip_ticks = float(instrument.pip_size / instrument.tick_size)
    reach = _PIPS_A_BAR * pip_ticks
    steps = np.rint(random.normal(0, reach, count) * random.choice([0, 1, 1, 1, 4], count))
    close = np.clip(10_000 * pip_ticks + np.cumsum(steps), 50 * reach, None)
    open_ = np.concatenate((close[:1], close[:-1]))
    shadows = np.rint(np.abs(random.normal(0, reach / 2, (2, count))))
    high, low = np.maximum(open_, close) + shadows[0], np.minimum(open_, close) - shadows[1]
    times = timeframe.open_time(_FIRST_S) + timeframe.seconds * np.arange(count)
    open_, high, low, close = (ticks * float(instrument.tick_size) for ticks in (open_, high, low, close))
    volume = random.integers(50, 500, count).astype(np.float64)
    return Bars(timeframe, times, open_, high, low, close, volume, np.full(count, 10))
