"""Trading sessions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import Atr, Cooldown, Rsi, Window, mean
from trading.strategies.session_clock import CENTRES, session_at
from trading.strategies.specs.forex import SESSION


class ForexSessionStrategy(BaseStrategy):
    """
    Follows the short trend while trading sessions overlap.

    A signal is possible at a bar's close while a preferred session is open and, with ``overlap_only``, another one too for at least
    ``min_overlap_minutes`` in common. Momentum = (fast average - slow average) / ATR, at most 1; confidence = |momentum| * v with v =
    1.2 where the mean absolute return exceeds twice ``min_volatility_threshold``, 1 above it, else 0.5. It must exceed
    ``min_confidence``. The RSI forbids buying overbought and selling oversold. The stop is ``atr_multiplier`` ATR away.

    Source: GeneBot 1.1.35, `forex_session_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = SESSION
    memory = ("window", "rsi", "atr", "cooldown")

    def start(self) -> None:
        told = self.parameters
        self.slow = told["momentum_period"]
        self.window = Window(self.slow + 1)
        self.rsi, self.atr = Rsi(told["rsi_period"]), Atr(told["atr_period"])
        self.cooldown = Cooldown(told["cooldown_seconds"])
        self.warm_up(window=self.window.length, folds=[("RSI", told["rsi_period"]), ("ATR", told["atr_period"])])

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        rsi, atr = self.rsi.update(bar.close), self.atr.update(bar)
        if not self.is_warm or not atr > 0:
            return NOTHING
        momentum = self._momentum(atr)
        side = 1 if momentum > 0 else -1
        confidence = min(abs(momentum) * self._liveliness(), 1.0)
        if confidence <= self.parameters["min_confidence"] or self._is_vetoed(side, rsi):
            return NOTHING
        sessions = self._open_sessions(self.timeframe.close_time(bar.time))
        if not sessions or not self.cooldown.passes(side, bar.time):
            return NOTHING
        distance = self.parameters["atr_multiplier"] * atr
        return Wish(side=side, stop_distance=distance, confidence=confidence, reason=" and ".join(sessions))

    def _momentum(self, atr: float) -> float:
        closes = self.window.close
        gap = mean(closes[-(self.slow // 2) :]) - mean(closes[-self.slow :])
        return max(-1.0, min(1.0, gap / atr))

    def _liveliness(self) -> float:
        closes, threshold = self.window.close, self.parameters["min_volatility_threshold"]
        moved = mean([abs(now / before - 1) for before, now in pairwise(closes)])
        if moved > 2 * threshold:
            return 1.2
        return 1.0 if moved > threshold else 0.5

    def _is_vetoed(self, side: int, rsi: float) -> bool:
        if side > 0:
            return bool(rsi >= self.parameters["rsi_overbought"])
        return bool(rsi <= self.parameters["rsi_oversold"])

    def _open_sessions(self, time_s: int) -> list[str]:
        """Return the names of the sessions that make this moment tradable; empty where nothing does."""
        hours = {name: found for name in CENTRES if (found := session_at(name, time_s)) is not None}
        preferred = [name for name in self.parameters["preferred_sessions"] if name in hours]
        if not self.parameters["overlap_only"]:
            return preferred[:1]
        for name in preferred:
            for other in hours:
                opened, closed = max(hours[name][0], hours[other][0]), min(hours[name][1], hours[other][1])
                if other != name and closed - opened >= 60 * self.parameters["min_overlap_minutes"]:
                    return [name, other]
        return []
