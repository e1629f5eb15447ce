"""RSI extremes."""

from __future__ import annotations

from collections.abc import Mapping

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import Cooldown, Rsi, Series
from trading.strategies.specs.price import RSI


class RSIStrategy(BaseStrategy):
    """
    BUY where Wilder's RSI is at or below ``oversold_threshold``, SELL where it is at or above ``overbought_threshold``.

    Confidence = 0.60 + 0.30 * extremity + 0.05 while the RSI is still moving outward against its value two bars ago; extremity is
    the share of the way from the threshold to 0 or 100. So at ``min_confidence`` 0.7 the levels are in effect 20 and 80 (25 and 75
    while still moving out). One signal of a side per ``cooldown_seconds``.

    Source: GeneBot 1.1.35, `rsi_strategy.py` (logic), read in our own words; Wilder's smoothing.
    """

    spec = RSI
    memory = ("rsi", "readings", "cooldown")

    def start(self) -> None:
        self.low, self.high = self.parameters["oversold_threshold"], self.parameters["overbought_threshold"]
        self.rsi = Rsi(self.parameters["rsi_period"])
        self.readings = Series(3)
        self.cooldown = Cooldown(self.parameters["cooldown_seconds"])
        self.warm_up(folds=[("RSI", self.rsi.period)], chained=2)

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        value = self.rsi.update(bar.close)
        self.readings.update(value)
        if not self.is_warm or self.low < value < self.high:
            return NOTHING
        side = 1 if value <= self.low else -1
        extremity = (self.low - value) / self.low if side > 0 else (value - self.high) / (100.0 - self.high)
        outward = side * (self.readings.values[0] - value) > 0
        confidence = 0.60 + 0.30 * extremity + 0.05 * outward
        if confidence < self.parameters["min_confidence"] or not self.cooldown.passes(side, bar.time):
            return NOTHING
        return Wish(side=side, confidence=min(confidence, 1.0), reason=f"RSI {value:.1f}")
