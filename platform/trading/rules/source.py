"""Rules as a source of wishes: closed bars in, what is wanted out; one program for a bar at a time and for arrays."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from trading import jit
from trading.engine.prices import snap, snap_array, tick_ratio
from trading.engine.source import Plan, Wish
from trading.errors import InvalidValue
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.lower import lower_rules
from trading.rules.program import COUNT, as_lists, fill_tree, tree_decision, tree_update
from trading.rules.tree import CrossEntry, StrategyRules, ThresholdEntry

# From here on it is worth to compile what is not kept yet; below even loading what is kept takes longer than plain Python does.
_WORTH_COMPILING_BARS, _WORTH_LOADING_BARS = 20_000, 3_000


class RuleSource:
    """
    The wishes of typed rules on one instrument and timeframe; a `trading.engine.source.SignalSource`.

    ``side`` is the confirmed signal of either direction, whatever the document may enter; ``closes`` holds its exits by condition and by
    the opposite signal, confirmed or not. Distances are set where the document wants them in ATR or behind a swing point; where
    such a distance is not known there is no signal. Everything else is the engine's.

    :raises InvalidRules: where a timeframe does not fit, or more history is needed than anybody has.
    """

    other_symbols: tuple[str, ...] = ()

    def __init__(self, rules: StrategyRules, instrument: Instrument, timeframe: Timeframe) -> None:
        lowered = lower_rules(rules, instrument, timeframe)
        self._arrays = lowered.program
        self._program = as_lists(lowered.program)
        self._beginning = lowered.state
        self._state = list(lowered.state)
        self._ratio = tick_ratio(instrument.tick_size)
        self._tick_size = instrument.tick_size
        self._reason = _name(rules)
        self.timeframe = timeframe
        self.warmup_bars: int = lowered.refold_bars
        self.first_signal_bars: int = lowered.program.first_signal_bar

    @property
    def bars_seen(self) -> int:
        """How many closed bars have been folded."""
        return int(self._state[COUNT])

    def update(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        """Take the next closed bar; say what is wanted now."""
        numerator, denominator = self._ratio
        tree_update(
            self._program,
            self._state,  # type: ignore[arg-type]
            bar.time,
            snap(bar.open, numerator, denominator),
            snap(bar.high, numerator, denominator),
            snap(bar.low, numerator, denominator),
            snap(bar.close, numerator, denominator),
            bar.volume,
            bar.spread_points,
        )
        wanted = tree_decision(self._program, self._state)  # type: ignore[arg-type]
        return Wish(*wanted, reason=self._reason if wanted.side else "")

    def plan(self, bars: Bars, others: Mapping[str, Bars], *, plain: bool | None = None) -> Plan:
        """
        Return the wishes after every bar, from a fresh state.

        :param plain: as plain Python, or compiled where numba is present; by default whichever is sooner. The result is the same.
        """
        side, closes = np.zeros(len(bars), dtype=np.int8), np.zeros(len(bars), dtype=np.int8)
        distances = np.zeros((len(bars), 3))
        prices = [snap_array(column, self._tick_size) for column in (bars.open, bars.high, bars.low, bars.close)]
        columns: list[Any] = [bars.time, *prices, bars.volume, bars.spread_points]
        given: tuple[Any, ...] = (self._arrays, np.array(self._beginning), *columns, side, closes, distances)
        if self._is_plain_sooner(given) if plain is None else plain:
            lists = [column.tolist() for column in columns]
            fill_tree(self._program, list(self._beginning), *lists, side, closes, distances)  # type: ignore[arg-type,call-arg]
        else:
            jit.compiled(fill_tree)(*given)
        return Plan(side, closes, *distances.T)

    @staticmethod
    def _is_plain_sooner(given: tuple[Any, ...]) -> bool:
        bars = len(given[-1])
        return bars < _WORTH_LOADING_BARS or (bars < _WORTH_COMPILING_BARS and not jit.is_kept(fill_tree, *given))

    def snapshot(self) -> dict[str, Any]:
        """Return the folded state as JSON values."""
        values = [None if math.isnan(value) else value for value in self._state]
        return {"program": self._fingerprint(), "state": values}

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Continue from a snapshot of the same rules.

        :raises InvalidValue: where it is of other rules, another instrument or timeframe.
        """
        if state.get("program") != self._fingerprint() or len(state["state"]) != len(self._beginning):
            raise InvalidValue("this snapshot belongs to other rules: warm up from bars instead", field="fingerprint")
        self._state = [math.nan if value is None else float(value) for value in state["state"]]

    def _fingerprint(self) -> str:
        beginning = [None if math.isnan(value) else value for value in self._beginning]
        text = json.dumps([list(self._program), beginning, str(self._tick_size.normalize())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _name(rules: StrategyRules) -> str:
    names = {CrossEntry: "indicator_cross", ThresholdEntry: "rsi_threshold"}
    return names.get(type(rules.entry), "tree")
