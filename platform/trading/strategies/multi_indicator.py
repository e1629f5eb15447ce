"""Several indicators."""

from __future__ import annotations

from collections.abc import Mapping

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import (
    Atr,
    Cooldown,
    Macd,
    Pivots,
    Rsi,
    Votes,
    Window,
    change,
    deviation,
    mean,
    smooth_stochastic,
    stochastic,
    volume_ratio,
)
from trading.strategies.specs.price import MULTI_INDICATOR

_STOCHASTIC_BARS = 14
_VOLUME_BARS = 20


class MultiIndicatorStrategy(BaseStrategy):
    """
    Trades where at least ``min_confluence`` of nine signs agree, and more than speak for the other side.

    Signs for a BUY (mirrored) with their strength: the fast average crosses above the slow one (.15); price above fast above slow
    (.10); RSI within 10 above ``rsi_oversold`` (.12); place in the bands at most 0.2 (.10); MACD above its signal (.13); %K and %D at
    most 20 (.08); volume at least ``volume_threshold`` times its mean (.10, both sides); within one ATR of a low pivot (.12); five-bar
    momentum up while the ten-bar one is above -2 % (.08).
    Confidence = 0.60 + min(strength, .30) + min(.02 * votes, .15) + .05 where the RSI is beyond 35 or 65 + .03 where the MACD histogram
    exceeds 0.1 ATR + .04 where the volume is 1.5 times its mean.

    Source: GeneBot 1.1.35, `multi_indicator_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = MULTI_INDICATOR
    memory = ("window", "rsi", "atr", "macd", "pivots", "cooldown")

    def start(self) -> None:
        told = self.parameters
        longest = max(told["ma_slow"] + 1, told["bb_period"], _STOCHASTIC_BARS + 3, _VOLUME_BARS, 11)
        self.window = Window(longest)
        self.rsi, self.atr, self.pivots = Rsi(told["rsi_period"]), Atr(14), Pivots(50)
        self.macd = Macd(told["macd_fast"], told["macd_slow"], told["macd_signal"])
        self.cooldown = Cooldown(told["cooldown_seconds"])
        folds = [("RSI", told["rsi_period"]), ("ATR", 14), ("EMA", told["macd_slow"]), ("EMA", told["macd_fast"])]
        self.warm_up(window=max(longest, 52), folds=folds, then=[("EMA", told["macd_signal"])])

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        self.pivots.update(bar)
        rsi, atr = self.rsi.update(bar.close), self.atr.update(bar)
        line, signal = self.macd.update(bar.close)
        if not self.is_warm or not atr > 0:
            return NOTHING
        votes = self._votes(bar, rsi, atr, line - signal)
        side = votes.winner(self.parameters["min_confluence"])
        if not side:
            return NOTHING
        quality = 0.05 * (rsi <= 35 or rsi >= 65) + 0.03 * (abs(line - signal) > 0.1 * atr)
        quality += 0.04 * (volume_ratio(self.window, _VOLUME_BARS) >= 1.5)
        count = votes.count[side]
        confidence = min(0.60 + min(votes.strength[side], 0.30) + min(0.02 * count, 0.15) + quality, 1.0)
        if confidence < self.parameters["min_confidence"] or not self.cooldown.passes(side, bar.time):
            return NOTHING
        return Wish(side=side, confidence=confidence, reason=f"{count} of 9 signs agree")

    def _votes(self, bar: Bar, rsi: float, atr: float, histogram: float) -> Votes:
        told, window, votes = self.parameters, self.window, Votes()
        closes = window.close
        fast, slow = mean(closes[-told["ma_fast"] :]), mean(closes[-told["ma_slow"] :])
        before = mean(closes[-told["ma_fast"] - 1 : -1]) - mean(closes[-told["ma_slow"] - 1 : -1])
        votes.add(before <= 0 < fast - slow, before >= 0 > fast - slow, 0.15)
        votes.add(bar.close > fast > slow, bar.close < fast < slow, 0.10)
        low, high = told["rsi_oversold"], told["rsi_overbought"]
        votes.add(low <= rsi <= low + 10, high - 10 <= rsi <= high, 0.12)
        place = self._place_in_bands(bar.close)
        votes.add(place <= 0.2, place >= 0.8, 0.10)
        votes.add(histogram > 0, histogram < 0, 0.13)
        k, d = stochastic(window, _STOCHASTIC_BARS), smooth_stochastic(window, _STOCHASTIC_BARS, 3)
        votes.add(max(k, d) <= 20, min(k, d) >= 80, 0.08)
        busy = volume_ratio(window, _VOLUME_BARS) >= told["volume_threshold"]
        votes.add(busy, busy, 0.10)
        votes.add(self.pivots.is_near(1, bar.close, atr), self.pivots.is_near(-1, bar.close, atr), 0.12)
        five, ten = change(closes, 5), change(closes, 10)
        votes.add(five > 0 and ten > -2, five < 0 and ten < 2, 0.08)
        return votes

    def _place_in_bands(self, price: float) -> float:
        closes = self.window.close[-self.parameters["bb_period"] :]
        middle = mean(closes)
        reach = self.parameters["bb_std"] * deviation(closes, middle)
        return (price - middle + reach) / (2 * reach) if reach > 0 else 0.5
