"""Mean reversion."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import (
    Atr,
    Cooldown,
    Pivots,
    Rsi,
    Votes,
    Window,
    deviation,
    mean,
    smooth_stochastic,
    stochastic,
    volume_ratio,
)
from trading.strategies.specs.price import MEAN_REVERSION

_Z_BARS = 20


class MeanReversionStrategy(BaseStrategy):
    """
    Trades back to the mean where at least ``min_confluence`` signs agree, and more than speak for the other side.

    Signs for a BUY (mirrored for a SELL) with their strength: place in the Bollinger bands at most 0.05 (.15); RSI extreme (.12); %K and
    %D at most 10 (.10); two of the means more than ``deviation_threshold`` percent above the price (.13); z-score over 20 bars below
    -2 (.11); five falling closes of the last seven (.09); a lower wick of at least one ATR (.07); within one ATR of a low pivot of the
    last 50 bars (.10); within one ATR of the lowest low of 20 bars (none). A volume spike adds .08 strength and no vote.
    Confidence = 0.55 + min(.04 * votes, .24) + min(.4 * strength, .21).

    Source: GeneBot 1.1.35, `mean_reversion_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = MEAN_REVERSION
    memory = ("window", "rsi", "atr", "pivots", "cooldown")

    def start(self) -> None:
        told = self.parameters
        longest = max(told["bb_period"], told["stoch_period"] + 3, _Z_BARS, 8, *told["mean_periods"])
        self.window = Window(longest)
        self.rsi, self.atr, self.pivots = Rsi(told["rsi_period"]), Atr(14), Pivots(50)
        self.cooldown = Cooldown(told["cooldown_seconds"], any_side=True)
        self.warm_up(window=max(longest, 52), folds=[("RSI", told["rsi_period"]), ("ATR", 14)])

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        self.pivots.update(bar)
        rsi, atr = self.rsi.update(bar.close), self.atr.update(bar)
        if not self.is_warm or not atr > 0:
            return NOTHING
        votes = self._votes(bar, rsi, atr)
        side = votes.winner(self.parameters["min_confluence"])
        if not side:
            return NOTHING
        count, strength = votes.count[side], votes.strength[side]
        confidence = 0.55 + min(0.04 * count, 0.24) + min(0.4 * strength, 0.21)
        if confidence < self.parameters["min_confidence"] or not self.cooldown.passes(side, bar.time):
            return NOTHING
        return Wish(side=side, confidence=confidence, reason=f"{count} signs of exhaustion")

    def _votes(self, bar: Bar, rsi: float, atr: float) -> Votes:
        told, window, votes = self.parameters, self.window, Votes()
        closes = window.close
        place = self._place_in_bands(bar.close)
        votes.add(place <= 0.05, place >= 0.95, 0.15)
        votes.add(rsi <= told["rsi_extreme_oversold"], rsi >= told["rsi_extreme_overbought"], 0.12)
        k, d = stochastic(window, told["stoch_period"]), smooth_stochastic(window, told["stoch_period"], 3)
        votes.add(max(k, d) <= 10, min(k, d) >= 90, 0.10)
        gaps = [100.0 * (bar.close - middle) / middle for middle in map(self._mean, told["mean_periods"])]
        far = told["deviation_threshold"]
        votes.add(sum(gap < -far for gap in gaps) >= 2, sum(gap > far for gap in gaps) >= 2, 0.13)
        z = self._z_score(closes[-_Z_BARS:])
        votes.add(z < -2, z > 2, 0.11)
        steps = [now - before for before, now in pairwise(closes[-8:])]
        votes.add(sum(step < 0 for step in steps) >= 5, sum(step > 0 for step in steps) >= 5, 0.09)
        body_low, body_high = min(bar.open, bar.close), max(bar.open, bar.close)
        votes.add(body_low - bar.low >= atr, bar.high - body_high >= atr, 0.07)
        votes.add(self.pivots.is_near(1, bar.close, atr), self.pivots.is_near(-1, bar.close, atr), 0.10)
        low, high = min(window.low[-_Z_BARS:]), max(window.high[-_Z_BARS:])
        votes.add(bar.close - low <= atr, high - bar.close <= atr, 0.0)
        spike = volume_ratio(window, _Z_BARS) >= told["volume_confirmation"]
        votes.add(spike, spike, 0.08, votes=0)
        return votes

    def _mean(self, period: int) -> float:
        return mean(self.window.close[-period:])

    def _place_in_bands(self, price: float) -> float:
        closes = self.window.close[-self.parameters["bb_period"] :]
        middle = mean(closes)
        reach = self.parameters["bb_std_dev"] * deviation(closes, middle)
        return (price - middle + reach) / (2 * reach) if reach > 0 else 0.5

    @staticmethod
    def _z_score(closes: list[float]) -> float:
        middle = mean(closes)
        spread = deviation(closes, middle)
        return (closes[-1] - middle) / spread if spread > 0 else 0.0
