"""A rule document made ready for one instrument and timeframe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from trading.errors import InvalidRules, TradingError, UnevaluatedRules
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.document import apply_settings, find_sizing_problems, require_valid, unevaluated
from trading.rules.fields import OUT_OF_RANGE, Problem
from trading.rules.signals import SignalArray, SignalProgram, build_program, fill_signals
from trading.rules.tree import StrategyRules, build_rules


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """Rules with their signal program and their distances in whole ticks (0 where there is none)."""

    rules: StrategyRules
    program: SignalProgram
    instrument: Instrument
    timeframe: Timeframe
    stop_ticks: int
    target_ticks: int
    trail_ticks: int

    @property
    def first_signal_bar(self) -> int:
        """How many closed bars there must be at the first signal."""
        return self.program.first_signal_bar

    @property
    def refold_bars(self) -> int:
        """How many closed bars make the signals independent of where history begins (to 1e-9)."""
        return self.program.refold_bars

    def signals(self, bars: Bars) -> SignalArray:
        """
        Return +1 (BUY), -1 (SELL) or 0 at the close of every bar, both directions, before filters.

        Causal: ``signals(bars[:t])[-1] == signals(bars)[t - 1]``.
        """
        out = np.zeros(len(bars), dtype=np.int8)
        fill_signals(self.program, np.zeros(self.program.state_size), bars.high, bars.low, bars.close, out)
        return out


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
    :raises UnevaluatedRules: where it asks for what is not evaluated yet.
    """
    require_valid(document)
    tightened = apply_settings(document, settings)
    _raise_for(unevaluated(tightened), UnevaluatedRules)
    _raise_for(find_sizing_problems(tightened))
    rules = build_rules(tightened)
    exit_ = rules.exit
    return CompiledRules(
        rules=rules,
        program=build_program(rules.entry),
        instrument=instrument,
        timeframe=timeframe,
        stop_ticks=_ticks(instrument, exit_.stop_pips, "exit.stopLoss"),
        target_ticks=_ticks(instrument, exit_.target_pips, "exit.takeProfit"),
        trail_ticks=_ticks(instrument, exit_.trail_pips, "exit.trailingStopDistance"),
    )


def _ticks(instrument: Instrument, pips: Decimal | None, path: str) -> int:
    if pips is None:
        return 0
    ticks = instrument.pips_to_ticks(pips)
    if ticks < 1:
        smallest = instrument.tick_size / instrument.pip_size
        message = (
            f"{path} of {pips} pips is below one tick of {instrument.name}: at least {smallest.normalize():f} pips"
        )
        _raise_for([Problem(path, OUT_OF_RANGE, message, f"at least {smallest.normalize():f} pips")])
    return ticks


def _raise_for(problems: list[Problem], error: type[TradingError] = InvalidRules) -> None:
    if problems:
        listed = {"problems": [problem.as_dict() for problem in problems]}
        raise error(problems[0].message, field=problems[0].path, extra=listed)
