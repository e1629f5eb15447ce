"""Moving average cross."""

from __future__ import annotations

from collections.abc import Mapping

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import Atr, Cooldown, Window, mean
from trading.strategies.specs.price import MOVING_AVERAGE

_VOLUME_BARS = 20


class MovingAverageStrategy(BaseStrategy):
    """
    BUY where the short simple average was at or below the long one and now is above, SELL mirrored.

    Confidence = 0.60 + 0.20 * min(separation / 0.25 ATR, 1) + 0.15 * min(two-bar slope of the short average / 0.5 ATR, 1) where the
    slope points the same way + 0.05 where the volume is above its mean of 20 bars. Below ``min_confidence`` there is no signal;
    nor within ``cooldown_seconds`` of the last one of the same side.

    Source: GeneBot 1.1.35, `moving_average_strategy.py` (logic), read in our own words; separation and slope in ATR instead of percent.
    """

    spec = MOVING_AVERAGE
    memory = ("window", "atr", "cooldown")

    def start(self) -> None:
        self.short, self.long = self.parameters["short_window"], self.parameters["long_window"]
        self.window = Window(max(self.long + 2, _VOLUME_BARS))
        self.atr = Atr(14)
        self.cooldown = Cooldown(self.parameters["cooldown_seconds"])
        self.warm_up(window=self.window.length, folds=[("ATR", 14)])

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        atr = self.atr.update(bar)
        if not self.is_warm or not atr > 0:
            return NOTHING
        closes = self.window.close
        short, long = mean(closes[-self.short :]), mean(closes[-self.long :])
        short_before, long_before = mean(closes[-self.short - 1 : -1]), mean(closes[-self.long - 1 : -1])
        side = _crossed(short_before - long_before, short - long, bar.close)
        if not side:
            return NOTHING
        confidence = self._confidence(side, short, long, atr)
        if confidence < self.parameters["min_confidence"] or not self.cooldown.passes(side, bar.time):
            return NOTHING
        return Wish(side=side, confidence=confidence, reason=f"SMA{self.short} crossed SMA{self.long}")

    def _confidence(self, side: int, short: float, long: float, atr: float) -> float:
        slope = side * (short - mean(self.window.close[-self.short - 2 : -2])) / (0.5 * atr)
        volume = self.window.volume[-_VOLUME_BARS:]
        return (
            0.60
            + 0.20 * min(abs(short - long) / (0.25 * atr), 1.0)
            + 0.15 * min(max(slope, 0.0), 1.0)
            + 0.05 * (volume[-1] > mean(volume))
        )


def _crossed(before: float, now: float, price: float) -> int:
    # Two averages of a flat market differ by rounding alone; that is no side of a line.
    tolerance = price * 1e-12
    if before <= tolerance and now > tolerance:
        return 1
    if before >= -tolerance and now < -tolerance:
        return -1
    return 0
