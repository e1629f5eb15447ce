"""A rule document made ready for one instrument and timeframe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.errors import InvalidRules
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.document import apply_settings, find_sizing_problems, require_valid
from trading.rules.fields import OUT_OF_RANGE, Problem
from trading.rules.lower import needs_program
from trading.rules.signals import SignalArray, SignalProgram, build_program, fill_signals
from trading.rules.source import RuleSource
from trading.rules.tree import CrossEntry, Distance, StrategyRules, ThresholdEntry, build_rules


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """
    Rules ready for one instrument and timeframe; distances in whole ticks, 0 where there is none or it is no fixed number of them.

    ``program`` is set where the signals of one of the spec's two entries are all there is to compute; else `build_source` does it.
    """

    rules: StrategyRules
    program: SignalProgram | None
    instrument: Instrument
    timeframe: Timeframe
    stop_ticks: int
    target_ticks: int
    trail_ticks: int

    @property
    def first_signal_bar(self) -> int:
        """How many closed bars there must be at the first signal."""
        return self.program.first_signal_bar if self.program else self.build_source().first_signal_bars

    @property
    def refold_bars(self) -> int:
        """How many closed bars make the signals independent of where history begins (to 1e-9)."""
        return self.program.refold_bars if self.program else self.build_source().warmup_bars

    def signals(self, bars: Bars) -> SignalArray:
        """
        Return +1 (BUY), -1 (SELL) or 0 at the close of every bar, both directions, before filters.

        Causal: ``signals(bars[:t])[-1] == signals(bars)[t - 1]``.
        """
        if self.program is None:
            return self.build_source().plan(bars, {}).side
        out = np.zeros(len(bars), dtype=np.int8)
        fill_signals(self.program, np.zeros(self.program.state_size), bars.high, bars.low, bars.close, out)
        return out

    def build_source(self) -> RuleSource:
        """
        Return a fresh source of these rules' wishes.

        :raises InvalidRules: where the catalogue says when to trade, a timeframe does not fit, or too much history is needed.
        """
        return RuleSource(self.rules, self.instrument, self.timeframe)


def compile_rules(
    document: Mapping[str, Any],
    instrument: Instrument,
    timeframe: Timeframe,
    *,
    settings: Mapping[str, Any] | None = None,
) -> CompiledRules:
    """
    Return a document, tightened by ``settings``, ready to run on ``instrument``.

    :raises InvalidRules: where it does not load, cannot be sized, or has a distance below one tick.
    """
    require_valid(document, timeframe)
    tightened = apply_settings(document, settings)
    _raise_for(find_sizing_problems(tightened))
    rules = build_rules(tightened)
    exit_ = rules.exit
    return CompiledRules(
        rules=rules,
        program=_simple_program(rules),
        instrument=instrument,
        timeframe=timeframe,
        stop_ticks=_ticks(instrument, exit_.stop, "exit.stopLoss"),
        target_ticks=_ticks(instrument, exit_.target, "exit.takeProfit"),
        trail_ticks=_ticks(instrument, exit_.trail, "exit.trailingStopDistance"),
    )


def _simple_program(rules: StrategyRules) -> SignalProgram | None:
    if not isinstance(rules.entry, CrossEntry | ThresholdEntry) or needs_program(rules):
        return None
    return build_program(rules.entry)


def _ticks(instrument: Instrument, distance: Distance | None, path: str) -> int:
    if distance is None or distance.unit not in ("pips", "points"):
        return 0
    in_points = distance.unit == "points"
    pips = distance.value * instrument.point / instrument.pip_size if in_points else distance.value
    ticks = instrument.pips_to_ticks(pips)
    if ticks < 1:
        smallest = instrument.tick_size / instrument.pip_size
        message = f"{path} of {distance.value} {distance.unit} is below one tick of {instrument.name}: at least {smallest.normalize():f} pips"
        _raise_for([Problem(path, OUT_OF_RANGE, message, f"at least {smallest.normalize():f} pips")])
    return ticks


def _raise_for(problems: list[Problem]) -> None:
    if problems:
        listed = {"problems": [problem.as_dict() for problem in problems]}
        raise InvalidRules(problems[0].message, field=problems[0].path, extra=listed)
