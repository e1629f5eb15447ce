"""Momentum."""

from __future__ import annotations

from collections.abc import Mapping

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import (
    Cooldown,
    Macd,
    Rsi,
    Series,
    Votes,
    Window,
    change,
    smooth_stochastic,
    stochastic,
    volume_ratio,
)
from trading.strategies.specs.price import ADVANCED_MOMENTUM

_NEEDED = 4


class AdvancedMomentumStrategy(BaseStrategy):
    """
    Follows a move that at least four signs confirm, and more than speak for the other side.

    Signs for a BUY (mirrored) with their strength: two momenta beyond ``momentum_threshold`` percent (.15); two rates of change beyond
    ``roc_threshold`` percent (.10); RSI in 40 to 60 having risen more than 5 (.08); %K above %D and above 20 (.06); MACD histogram above 0
    and growing (.12); reference momentum times the volume ratio (at most 3) beyond 1.5 thresholds (.14); its second difference beyond
    half a threshold (.10); its first beyond one (.08). A divergence of close and RSI between two pivots counts two votes and adds .15.
    Confidence = 0.60 + min(.03 * votes, .20) + min(strength, .15) + divergence.

    Source: GeneBot 1.1.35, `advanced_momentum_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = ADVANCED_MOMENTUM
    memory = ("window", "rsi", "macd", "readings", "histograms", "cooldown")

    def start(self) -> None:
        told = self.parameters
        longest = max(*told["momentum_periods"], *told["roc_periods"], told["reference_period"] + 2)
        longest = max(longest, told["stoch_k_period"] + told["stoch_d_period"], told["volume_ma_period"])
        self.window = Window(max(longest, told["divergence_lookback"]) + 1)
        self.rsi = Rsi(told["rsi_period"])
        self.macd = Macd(told["macd_fast"], told["macd_slow"], told["macd_signal"])
        self.readings, self.histograms = Series(told["divergence_lookback"]), Series(2)
        self.cooldown = Cooldown(told["cooldown_seconds"], any_side=True)
        folds = [("RSI", told["rsi_period"]), ("EMA", told["macd_slow"]), ("EMA", told["macd_fast"])]
        self.warm_up(window=self.window.length, folds=folds, then=[("EMA", told["macd_signal"])])

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        self.readings.update(self.rsi.update(bar.close))
        line, signal = self.macd.update(bar.close)
        self.histograms.update(line - signal)
        if not self.is_warm:
            return NOTHING
        votes, divergence = self._votes(), self._divergence()
        votes.add(divergence > 0, divergence < 0, 0.0, votes=2)
        side = votes.winner(_NEEDED)
        if not side:
            return NOTHING
        count = votes.count[side]
        confidence = 0.60 + min(0.03 * count, 0.20) + min(votes.strength[side], 0.15) + 0.15 * (divergence == side)
        if confidence < self.parameters["min_confidence"] or not self.cooldown.passes(side, bar.time):
            return NOTHING
        reason = f"{count} signs of momentum" + (", a divergence among them" if divergence == side else "")
        return Wish(side=side, confidence=min(confidence, 1.0), reason=reason)

    def _votes(self) -> Votes:
        told, window, votes = self.parameters, self.window, Votes()
        closes, threshold = window.close, told["momentum_threshold"]
        for periods, level, strength in (
            (told["momentum_periods"], threshold, 0.15),
            (told["roc_periods"], told["roc_threshold"], 0.10),
        ):
            changes = [change(closes, period) for period in periods]
            votes.add(sum(c > level for c in changes) >= 2, sum(c < -level for c in changes) >= 2, strength)
        before, rsi = self.readings.values[-2:]
        calm = 40 <= rsi <= 60
        votes.add(calm and rsi - before > 5, calm and before - rsi > 5, 0.08)
        k = stochastic(window, told["stoch_k_period"])
        d = smooth_stochastic(window, told["stoch_k_period"], told["stoch_d_period"])
        votes.add(k > d and k > 20, k < d and k < 80, 0.06)
        last, now = self.histograms.values
        votes.add(now > max(last, 0.0), now < min(last, 0.0), 0.12)
        # Momentum of this bar and of the two before it: velocity and acceleration are differences of adjacent bars.
        momentum, one, two = (change(closes, told["reference_period"], back) for back in range(3))
        weighted = momentum * min(volume_ratio(window, told["volume_ma_period"]), 3.0)
        votes.add(weighted > 1.5 * threshold, weighted < -1.5 * threshold, 0.14)
        acceleration, velocity = momentum - 2 * one + two, momentum - one
        votes.add(acceleration > 0.5 * threshold, acceleration < -0.5 * threshold, 0.10)
        votes.add(velocity > threshold, velocity < -threshold, 0.08)
        return votes

    def _divergence(self) -> int:
        closes, readings = self.window.close[-len(self.readings.values) :], self.readings.values
        for side in (1, -1):
            pivots = [i for i in range(2, len(closes) - 2) if _is_pivot(closes, i, side)]
            if len(pivots) < 2:
                continue
            first, last = pivots[-2:]
            # Price went further, the RSI did not.
            if side * (closes[last] - closes[first]) < 0 < side * (readings[last] - readings[first]):
                return side
        return 0


def _is_pivot(values: list[float], index: int, side: int) -> bool:
    around = (values[index - 2], values[index - 1], values[index + 1], values[index + 2])
    return values[index] < min(around) if side > 0 else values[index] > max(around)
