"""From a strategy document to what the engine runs: its source of wishes, its typed rules, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.engine.params import Params, build_params
from trading.engine.prices import snap, tick_ratio
from trading.engine.source import Plan, SignalSource, Wish
from trading.errors import InvalidValue
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.compile import CompiledRules, compile_rules
from trading.rules.signals import SignalProgram, signal_update
from trading.rules.tree import CrossEntry, StrategyRules
from trading.rules.window import EntryWindow


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    A document ready for one instrument and timeframe. ``program`` is set where the whole strategy is one of the spec's two signals: it can
    then be computed without asking the source bar by bar.
    """

    source: SignalSource
    rules: StrategyRules
    params: Params
    instrument: Instrument
    timeframe: Timeframe
    program: SignalProgram | None = None
    hold_window: EntryWindow | None = None
    """When positions may be held; outside they are closed and none is opened. None: always."""


def prepare(
    document: Mapping[str, Any],
    instrument: Instrument,
    timeframe: Timeframe,
    *,
    settings: Mapping[str, Any] | None = None,
) -> Prepared:
    """
    Return a document, tightened by ``settings``, ready to run on ``instrument``.

    :raises InvalidRules: where it does not load, cannot be sized, or has a distance below one tick.
    :raises UnevaluatedRules: where it asks for what is not evaluated yet.
    """
    compiled = compile_rules(document, instrument, timeframe, settings=settings)
    params = build_params(compiled.rules, instrument)
    return Prepared(ProgramSource(compiled), compiled.rules, params, instrument, timeframe, compiled.program)


def build_source(document: Mapping[str, Any], instrument: Instrument, timeframe: Timeframe) -> SignalSource:
    """Return the source of wishes of a document: its rules, or the catalogue's strategy it names."""
    return prepare(document, instrument, timeframe).source


class ProgramSource:
    """The spec's two entry rules as a source."""

    other_symbols: tuple[str, ...] = ()

    def __init__(self, compiled: CompiledRules) -> None:
        self._compiled = compiled
        self._ratio = tick_ratio(compiled.instrument.tick_size)
        self._state = np.zeros(compiled.program.state_size)
        self._reason = "indicator_cross" if isinstance(compiled.rules.entry, CrossEntry) else "rsi_threshold"
        self.warmup_bars = compiled.refold_bars

    def update(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        high, low, close = (snap(price, *self._ratio) for price in (bar.high, bar.low, bar.close))
        side = int(signal_update(self._compiled.program, self._state, high, low, close))
        return Wish(side=side, reason=self._reason)

    def plan(self, bars: Bars, others: Mapping[str, Bars]) -> Plan:
        return plan_of(self._compiled.signals(bars))

    def snapshot(self) -> dict[str, Any]:
        program = list(self._compiled.program)
        return {"program": program, "state": [None if value != value else value for value in self._state.tolist()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        if state.get("program") != list(self._compiled.program):
            raise InvalidValue("this snapshot belongs to other rules: warm up from bars instead", field="fingerprint")
        values = [np.nan if value is None else float(value) for value in state["state"]]
        self._state = np.array(values, dtype=np.float64)


def plan_of(side: np.ndarray[Any, np.dtype[np.int8]]) -> Plan:
    """Return a plan of sides alone; the columns that never change take no room."""
    nothing = np.broadcast_to(np.zeros(1), side.shape)
    return Plan(side, np.broadcast_to(np.zeros(1, dtype=np.int8), side.shape), nothing, nothing, nothing)
