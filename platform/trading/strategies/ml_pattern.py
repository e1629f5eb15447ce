"""Learned patterns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading.engine.source import Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.features import describe, label
from trading.strategies.folds import Window
from trading.strategies.forest import Model
from trading.strategies.specs.price import ML_PATTERN

_PROOF_SHARE = 0.25
_FEWEST_PROOFS = 5


class MLPatternStrategy(BaseStrategy):
    """
    Trains on its own past, walking forward, and trades what the model holds probable.

    At the first bar of every stretch of ``retrain_frequency`` bar lengths (counted from the epoch, so wherever history begins) it looks at
    the last ``lookback_period`` bars whose ``horizon`` is over. Each has the features of the ``feature_window`` bars up to it
    (`trading.strategies.features.NAMES`) and a label: which barrier of ``barrier_atr`` mean ranges the next ``horizon`` bars touched
    first. The older three quarters train; after a purge of ``horizon`` bars the rest is the proof. The model trades until the next
    training only where its signals in the proof were right more often than the base rate of the same labels.
    A signal is the side whose probability is highest and at least ``prediction_threshold``; the probability is the confidence.

    The model is a function of closed bars alone: a snapshot keeps the bars, and `restore` trains it again.

    Source: GeneBot 1.1.35, `ml_pattern_strategy.py` (purpose), built anew; see the spec for what was mended. Barriers and purge after
    M. Lopez de Prado, Advances in Financial Machine Learning, chapters 3 and 7.
    """

    spec = ML_PATTERN
    memory = ("window", "stretch", "trained_s")

    def start(self) -> None:
        told = self.parameters
        self.length, self.horizon = told["feature_window"], told["horizon"]
        self.needed = told["lookback_period"] + self.horizon + self.length
        self.window = Window(self.needed + told["retrain_frequency"])
        self.stretch: int | None = None
        self.trained_s: int | None = None
        # Derived from the window, and so no memory: the features of each of its bars, and the model.
        self.rows: dict[int, list[float]] = {}
        self.model: Model | None = None
        self.warm_up(window=self.window.length)
        self.first_wish_bar = self.needed

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        if len(self.window.time) < self.length:
            return NOTHING
        row = self.rows[bar.time] = describe(self.window, len(self.window.time), self.length)
        self._train_when_due(bar.time)
        if self.model is None:
            return NOTHING
        side, probability = self._signal(self.model, row)
        if not side or probability < self.parameters["min_confidence"]:
            return NOTHING
        return Wish(side=side, confidence=probability, reason=f"probability {probability:.2f}")

    def restore(self, state: Mapping[str, Any]) -> None:
        super().restore(state)
        window = self.window
        stops = range(self.length, len(window.time) + 1)
        self.rows = {window.time[stop - 1]: describe(window, stop, self.length) for stop in stops}
        self.model = None
        if self.trained_s is not None and self.trained_s in self.rows:
            self._train(window.time.index(self.trained_s) + 1)

    def _train_when_due(self, time_s: int) -> None:
        stretch = time_s // (self.timeframe.seconds * self.parameters["retrain_frequency"])
        due = stretch != self.stretch
        self.stretch = stretch
        if not due or len(self.window.time) < self.needed:
            return
        self.trained_s = time_s
        kept = self.window.time
        self.rows = {time: self.rows[time] for time in kept if time in self.rows}
        self._train(len(kept))

    def _train(self, stop: int) -> None:
        """Train and prove on the bars before place ``stop`` of the window."""
        told, window = self.parameters, self.window
        last = stop - self.horizon
        places = range(last - told["lookback_period"], last)
        labels = [label(window, place, self.horizon, told["barrier_atr"]) for place in places]
        rows = [self.rows[window.time[place]] for place in places]
        proof_from = round(len(rows) * (1 - _PROOF_SHARE))
        purged = proof_from - self.horizon
        self.model = None
        if len(set(labels[:purged])) < 2:
            return
        model = Model(rows[:purged], labels[:purged], trees=told["trees"], boosted=told["use_ensemble"])
        if self.is_proven(model, rows[proof_from:], labels[proof_from:]):
            self.model = model

    def is_proven(self, model: Model, rows: list[list[float]], labels: list[int]) -> bool:
        """Say whether a model's signals on bars it has not seen were right more often than the base rate of the same labels."""
        sides = [self._signal(model, row)[0] for row in rows]
        given = [(side, truth) for side, truth in zip(sides, labels, strict=True) if side]
        if len(given) < _FEWEST_PROOFS:
            return False
        right = sum(side == truth for side, truth in given) / len(given)
        base = sum(labels.count(side) / len(labels) for side, _ in given) / len(given)
        return right > base

    def _signal(self, model: Model, row: list[float]) -> tuple[int, float]:
        shares = model.probabilities(row)
        side = max(sorted(shares), key=lambda value: shares[value])
        return (side, shares[side]) if shares[side] >= self.parameters["prediction_threshold"] else (0, 0.0)
