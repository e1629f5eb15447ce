"""ATR volatility."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import Atr, Cooldown, Series, Votes, Window, correlation, deviation, mean
from trading.strategies.specs.price import ATR_VOLATILITY

STOP_ATR, TARGET_ATR = 1.5, 3.0
_RATIO_BARS = 20


class Pattern(NamedTuple):
    """What the volatility of this bar looks like."""

    state: str
    released: bool
    volume_follows: bool
    strength: float


class ATRVolatilityStrategy(BaseStrategy):
    """
    Trades breakouts measured in ATR and the release of a squeezed market; stop 1.5 ATR, target 3 ATR.

    The ratio of the ATR to its mean of 20 bars gives the state: squeeze, normal, elevated, expansion. Patterns add strength: squeeze
    released (.25), expansion with an ATR that grew 20 % in 4 bars (.20), squeeze with one that fell 10 % (.15), volume that follows
    the ATR (.15), ATR in the lowest or highest fifth of 20 bars (.10). Conditions of a side: close at least half an ATR beyond the
    last close -/+ ``atr_multiplier`` times the last ATR (2 votes, .3 per ATR, at most 2); released along the trend (1, .2); expansion
    with 2 ATR in 4 bars (1, .15); volume pattern for the leading side (1, .1). Two votes and more than the other side are needed.
    Without a trend (averages of 10 and 20 bars within half an ATR) strength counts 0.6 while ``trend_filter`` is on.
    Confidence = 0.70 + min(.05 * votes, .15) + min(strength, .20) + .05 in squeeze or expansion + .03 beyond one ATR.

    Source: GeneBot 1.1.35, `atr_volatility_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = ATR_VOLATILITY
    memory = ("window", "atr", "ranges", "cooldown")

    def start(self) -> None:
        told = self.parameters
        self.window = Window(told["lookback_period"])
        self.atr = Atr(told["atr_period"])
        self.ranges = Series(_RATIO_BARS + 12)
        self.cooldown = Cooldown(told["cooldown_seconds"], any_side=True)
        folds = [("ATR", told["atr_period"])]
        self.warm_up(window=told["lookback_period"], folds=folds, chained=self.ranges.length)

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        atr = self.atr.update(bar)
        self.ranges.update(atr)
        if not self.is_warm or not min(self.ranges.values) > 0:
            return NOTHING
        pattern = self._pattern()
        votes, distance, trend = self._conditions(pattern)
        side = votes.winner(2)
        if not side:
            return NOTHING
        weight = 0.6 if self.parameters["trend_filter"] and not trend else 1.0
        strength = votes.strength[side] * weight + pattern.strength
        confidence = 0.70 + min(0.05 * votes.count[side], 0.15) + min(strength, 0.20)
        confidence += 0.05 * (pattern.state in ("squeeze", "expansion")) + 0.03 * (distance > 1)
        if confidence < self.parameters["min_confidence"] or not self.cooldown.passes(side, bar.time):
            return NOTHING
        return Wish(
            side=side,
            stop_distance=STOP_ATR * atr,
            target_distance=TARGET_ATR * atr,
            confidence=min(confidence, 1.0),
            reason=f"{pattern.state}, {distance:.1f} ATR beyond" if distance else pattern.state,
        )

    def _pattern(self) -> Pattern:
        told, ranges = self.parameters, self.ranges.values
        ratio = ranges[-1] / mean(ranges[-_RATIO_BARS:])
        state = self._state(ratio)
        earlier = mean(ranges[-20:-10])
        squeezed = sum(value <= told["squeeze_threshold"] * earlier for value in ranges[-11:-1])
        released = squeezed >= 5 and state in ("elevated", "expansion")
        grown = ranges[-1] / ranges[-5] - 1
        alike = correlation(self.window.volume[-_RATIO_BARS:], ranges[-_RATIO_BARS:])
        volume_follows = abs(alike) >= told["volume_correlation"]
        rank = sum(value < ranges[-1] for value in ranges[-_RATIO_BARS:]) / (_RATIO_BARS - 1)
        strength = 0.25 * released + 0.20 * (state == "expansion" and grown > 0.20)
        strength += 0.15 * (state == "squeeze" and grown < -0.10) + 0.15 * volume_follows
        return Pattern(state, released, volume_follows, strength + 0.10 * (rank <= 0.2 or rank >= 0.8))

    def _state(self, ratio: float) -> str:
        told = self.parameters
        if ratio <= told["squeeze_threshold"]:
            return "squeeze"
        if ratio >= told["expansion_threshold"]:
            return "expansion"
        return "elevated" if ratio >= told["volatility_threshold"] else "normal"

    def _conditions(self, pattern: Pattern) -> tuple[Votes, float, int]:
        closes, atr, before = self.window.close, self.ranges.values[-1], self.ranges.values[-2]
        trend = self._trend(atr)
        votes = Votes()
        # How far beyond the level that the bar before set; the level of this bar would move away with its own close.
        moved = closes[-1] - closes[-2]
        beyond = abs(moved) / before - self.parameters["atr_multiplier"]
        distance = min(beyond, 2.0) if beyond >= 0.5 else 0.0
        middle = mean(closes[-5:])
        calm = 0.7 if deviation(closes[-5:], middle) / middle > 0.02 else 1.0
        votes.add(distance > 0 and moved > 0, distance > 0 and moved < 0, 0.3 * distance * calm, votes=2)
        votes.add(pattern.released and trend > 0, pattern.released and trend < 0, 0.2)
        run = (closes[-1] - closes[-5]) / atr
        wide = pattern.state == "expansion"
        votes.add(wide and run > 2, wide and run < -2, 0.15)
        lead = votes.count[1] - votes.count[-1]
        votes.add(pattern.volume_follows and lead > 0, pattern.volume_follows and lead < 0, 0.1)
        return votes, distance, trend

    def _trend(self, atr: float) -> int:
        closes = self.window.close
        fast, slow = mean(closes[-10:]), mean(closes[-20:])
        if abs(fast - slow) <= 0.5 * atr:
            return 0
        side = 1 if fast > slow else -1
        return side if side * (closes[-1] - slow) > 0 else 0
