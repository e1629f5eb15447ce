"""A strategy of the catalogue with the exits of its document that are measured bar by bar: ATR and swing distances, conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from trading.engine.source import Plan, SignalSource, Wish
from trading.model.bars import Bar, Bars
from trading.rules.compile import CompiledRules
from trading.rules.source import RuleSource
from trading.rules.tree import Distance, StrategyRules, TreeEntry

_ALWAYS = {"left": {"price": "close", "offset": 0}, "op": ">", "right": 0.0}


def is_measured(rules: StrategyRules) -> bool:
    """Say whether the exits of ``rules`` need more than static numbers."""
    exit_ = rules.exit
    by_condition = exit_.close_long is not None or exit_.close_short is not None
    return by_condition or any(_moves(distance) for distance in (exit_.stop, exit_.target, exit_.trail))


def _moves(distance: Distance | None) -> bool:
    return distance is not None and distance.unit in ("atr", "swing")


class MeasuredSource:
    """
    The wishes of ``strategy``; where one brings no distance of its own, the document's measured one stands in.

    An entry without a stop while the document's measured stop is not known yet is no entry. Exits by condition are added to those the
    strategy wishes.
    """

    def __init__(self, strategy: SignalSource, compiled: CompiledRules) -> None:
        self._strategy = strategy
        # The program measures for the side it would enter: one that always buys, one that always sells.
        self._sides = {side: _program(compiled, side) for side in (1, -1)}
        self.warmup_bars = max(strategy.warmup_bars, *(source.warmup_bars for source in self._sides.values()))
        self.other_symbols = strategy.other_symbols

    def update(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        """Take the next closed bar; say what is wanted now."""
        wish = self._strategy.update(bar, others)
        measured = {side: source.update(bar, {}) for side, source in self._sides.items()}
        closes = wish.closes | measured[1].closes
        if not wish.side:
            return wish if closes == wish.closes else replace(wish, closes=closes)
        own = measured[wish.side]
        if not own.side and not wish.stop_distance:
            return replace(wish, side=0, closes=closes)
        return replace(
            wish,
            closes=closes,
            stop_distance=wish.stop_distance or own.stop_distance,
            target_distance=wish.target_distance or own.target_distance,
            trail_distance=wish.trail_distance or own.trail_distance,
        )

    def plan(self, bars: Bars, others: Mapping[str, Bars]) -> Plan:
        """Return the wishes after every bar, from a fresh state."""
        wished = self._strategy.plan(bars, others)
        long, short = (self._sides[side].plan(bars, {}) for side in (1, -1))
        buys, enters = wished.side > 0, wished.side != 0
        unknown = enters & (np.where(buys, long.side, short.side) == 0) & (wished.stop_distance == 0)
        side = np.where(unknown, 0, wished.side).astype(np.int8)
        # Where the strategy brings none, the program's distance of the side it enters.
        distances = (
            np.where(enters & ~unknown & (own == 0), np.where(buys, of_long, of_short), own)
            for own, of_long, of_short in zip(wished[2:], long[2:], short[2:], strict=True)
        )
        return Plan(side, (wished.closes | long.closes).astype(np.int8), *distances)

    def snapshot(self) -> dict[str, Any]:
        """Return the folded state as JSON values."""
        return {
            "strategy": self._strategy.snapshot(),
            "buy": self._sides[1].snapshot(),
            "sell": self._sides[-1].snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Continue from a snapshot of the same source.

        :raises InvalidValue: where it is another's.
        """
        self._sides[1].restore(state["buy"])
        self._sides[-1].restore(state["sell"])
        self._strategy.restore(state["strategy"])


def _program(compiled: CompiledRules, side: int) -> RuleSource:
    entry = TreeEntry(long=_ALWAYS if side > 0 else None, short=_ALWAYS if side < 0 else None, while_true=True)
    exit_ = replace(compiled.rules.exit, on_opposite_signal=False)
    return RuleSource(replace(compiled.rules, entry=entry, exit=exit_), compiled.instrument, compiled.timeframe)
