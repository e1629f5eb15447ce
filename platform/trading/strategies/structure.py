"""The structure of coarse bars: when a close breaks it. Prices are whole ticks."""

from __future__ import annotations

from itertools import pairwise

from trading.model.timeframe import Timeframe
from trading.strategies.folds import Fold

_CONTEXT_BARS = 50
_SWING_SPAN = 5
_SWINGS = 3
_KEY_BARS = 20
_KEY_SPAN = 2


class Structure(Fold):
    """
    Coarse bars added up from fine ones, and the break of the range of the last ``lookback``.

    A coarse bar is over when the fine bar that ends with it has closed, or, where that one is missing, when a bar of a later coarse
    bar arrives. `finish` answers the first case, `begin` the second. A range across a hole in the data is none.

    With ``contextual``, a break counts only against the trend of the swings over 50 bars (a swing is beyond the five bars on each
    side; three of each kind are needed), and through the key level: the outermost extreme beyond two bars on each side of the last 20.
    """

    kept = ("bars", "forming")

    def __init__(self, timeframe: Timeframe, lookback: int, least_ticks: int, *, contextual: bool) -> None:
        self.timeframe = timeframe
        self.lookback = lookback
        self.least_ticks = least_ticks
        self.contextual = contextual
        self.bars: list[list[int]] = []
        # [opening time, high, low, close] of the coarse bar that is not over yet.
        self.forming: list[int] | None = None

    @property
    def bars_needed(self) -> int:
        """How many coarse bars a decision looks back at."""
        return max(self.lookback + 1, _CONTEXT_BARS + 1 if self.contextual else 0)

    def begin(self, time_s: int) -> tuple[int, int] | None:
        """Close the coarse bar that the fine bar opening at ``time_s`` no longer belongs to; return the break it made."""
        if self.forming is None or self.forming[0] == self.timeframe.open_time(time_s):
            return None
        return self._close()

    def finish(self, time_s: int, closes_s: int, high: int, low: int, close: int) -> tuple[int, int] | None:
        """Add the fine bar; return the side and level of the break where its coarse bar is over with it, else None."""
        opened = self.timeframe.open_time(time_s)
        if self.forming is None:
            self.forming = [opened, high, low, close]
        else:
            self.forming = [opened, max(self.forming[1], high), min(self.forming[2], low), close]
        return self._close() if closes_s >= self.timeframe.close_time(opened) else None

    def _close(self) -> tuple[int, int] | None:
        if self.forming is None:
            return None
        self.bars.append(self.forming)
        self.forming = None
        del self.bars[: -self.bars_needed]
        return self._find_break()

    def _find_break(self) -> tuple[int, int] | None:
        before, last = self.bars[-self.lookback - 1 : -1], self.bars[-1]
        # Fewer bars than asked for, or a hole of more than a weekend among them: no structure.
        if len(before) < self.lookback or last[0] - before[0][0] > 3 * 86400 + self.lookback * self.timeframe.seconds:
            return None
        _, high, low, close = last
        highest, lowest = max(bar[1] for bar in before), min(bar[2] for bar in before)
        up = close - highest >= self.least_ticks and high > highest
        down = lowest - close >= self.least_ticks and low < lowest
        if up == down:
            return None
        side, level = (1, highest) if up else (-1, lowest)
        return (side, level) if not self.contextual or self._is_against_trend(side, close) else None

    def _is_against_trend(self, side: int, close: int) -> bool:
        past = self.bars[-_CONTEXT_BARS - 1 : -1]
        highs, lows = ([bar[column] for bar in past] for column in (1, 2))
        trend = _trend(_swings(highs, _SWING_SPAN, 1), _swings(lows, _SWING_SPAN, -1))
        if trend != -side:
            return False
        recent = (highs if side > 0 else lows)[-_KEY_BARS:]
        keys = _swings(recent, _KEY_SPAN, side)
        return bool(keys) and side * (close - side * max(side * key for key in keys)) > 0


def _swings(values: list[int], span: int, side: int) -> list[int]:
    found = []
    for index in range(span, len(values) - span):
        around = values[index - span : index] + values[index + 1 : index + span + 1]
        if all(side * values[index] > side * other for other in around):
            found.append(values[index])
    return found


def _trend(highs: list[int], lows: list[int]) -> int:
    if min(len(highs), len(lows)) < _SWINGS:
        return 0
    scores = [sum((now > before) - (now < before) for before, now in pairwise(series)) for series in (highs, lows)]
    if min(scores) > 0:
        return 1
    return -1 if max(scores) < 0 else 0
