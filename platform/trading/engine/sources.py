"""From a strategy document to what the engine runs: its source of wishes, its typed rules, and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trading.engine.measured import MeasuredSource, is_measured
from trading.engine.params import Params, build_params
from trading.engine.source import SignalSource
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.compile import CompiledRules, compile_rules
from trading.rules.signals import SignalProgram
from trading.rules.tree import StrategyEntry, StrategyRules
from trading.strategies.registry import build


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    A document ready for one instrument and timeframe; the source is at its beginning.

    ``program`` is set where the whole strategy is one of the spec's two signals: it can then be computed without asking the source.
    """

    source: SignalSource
    rules: StrategyRules
    params: Params
    instrument: Instrument
    timeframe: Timeframe
    program: SignalProgram | None = None


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
    """
    compiled = compile_rules(document, instrument, timeframe, settings=settings)
    source = _build_source(compiled)
    return Prepared(
        source, compiled.rules, build_params(compiled.rules, instrument), instrument, timeframe, compiled.program
    )


def find_other_symbols(document: Mapping[str, Any], instrument: Instrument, timeframe: Timeframe) -> tuple[str, ...]:
    """
    Return the symbols a document looks at beside its own.

    :raises InvalidRules: where it does not load.
    """
    return tuple(build_source(document, instrument, timeframe).other_symbols)


def build_source(document: Mapping[str, Any], instrument: Instrument, timeframe: Timeframe) -> SignalSource:
    """Return the source of wishes of a document: its rules, or the catalogue's strategy it names."""
    return _build_source(compile_rules(document, instrument, timeframe))


def _build_source(compiled: CompiledRules) -> SignalSource:
    entry = compiled.rules.entry
    if isinstance(entry, StrategyEntry):
        strategy = build(entry.name, entry.parameters, compiled.instrument, compiled.timeframe)
        return MeasuredSource(strategy, compiled) if is_measured(compiled.rules) else strategy
    return compiled.build_source()
