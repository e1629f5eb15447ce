"""Typed rules as a program: the spec's entries, trees, exits by condition, and distances known at the signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from trading.errors import InvalidRules
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.assemble import Assembler
from trading.rules.program import ONE, ZERO, TreeProgram, as_arrays
from trading.rules.tree import (
    CrossEntry,
    Distance,
    IndicatorRef,
    StrategyEntry,
    StrategyRules,
    ThresholdEntry,
    TreeEntry,
)


class Lowered(NamedTuple):
    """A program, what its state begins with, and the history that makes a restart indistinguishable."""

    program: TreeProgram
    state: tuple[float, ...]
    refold_bars: int


def needs_program(rules: StrategyRules) -> bool:
    """Say whether rules ask for more than the signals of the spec's two entries."""
    exit_ = rules.exit
    plain = isinstance(rules.entry, CrossEntry | ThresholdEntry) and rules.entry.confirmation is None
    by_condition = exit_.close_long is not None or exit_.close_short is not None
    return not plain or by_condition or any(_is_measured(one) for one in (exit_.stop, exit_.target, exit_.trail))


def lower_rules(rules: StrategyRules, instrument: Instrument, timeframe: Timeframe) -> Lowered:
    """
    Return the program of rules.

    :raises InvalidRules: where a timeframe does not fit, more history is needed than anybody has, or the catalogue says when to trade.
    """
    assembler = Assembler(instrument, timeframe)
    long, short, confirmed = _signals(assembler, rules)
    exit_ = rules.exit
    stop_long, stop_short = _stops(assembler, exit_.stop, float(instrument.pip_size))
    close_long, close_short = (_maybe(assembler, node) for node in (exit_.close_long, exit_.close_short))
    target, trail = _measured(assembler, exit_.target), _measured(assembler, exit_.trail)
    rows = assembler.rows()
    code, reals = as_arrays([row for row, _ in rows], [real for _, real in rows])
    program = TreeProgram(
        code=code,
        reals=reals,
        bar_seconds=timeframe.seconds,
        long=long,
        short=short,
        allows_long=confirmed,
        allows_short=confirmed,
        close_long=close_long,
        close_short=close_short,
        opposite_closes=exit_.on_opposite_signal,
        stop_long=stop_long,
        stop_short=stop_short,
        target=target,
        trail=trail,
        first_signal_bar=assembler.first_signal_bar,
    )
    return Lowered(program, tuple(assembler.state), assembler.refold_bars)


def _signals(assembler: Assembler, rules: StrategyRules) -> tuple[int, int, int]:
    entry = rules.entry
    if isinstance(entry, StrategyEntry):
        raise InvalidRules("a strategy of the catalogue is no tree of conditions", field="entry.type")
    if isinstance(entry, TreeEntry):
        sides = [_maybe(assembler, node) for node in (entry.long, entry.short)]
        if not entry.while_true:
            sides = [assembler.begins(place) if place != ZERO else ZERO for place in sides]
        return sides[0], sides[1], ONE
    if isinstance(entry, CrossEntry):
        left, right = _average(entry.first), _average(entry.second)
        levels: tuple[Any, Any] = (right, right)
    else:
        left = _average(entry.indicator)
        levels = (float(entry.oversold), float(entry.overbought))
    long = assembler.node({"left": left, "op": "crosses_above", "right": levels[0]})
    short = assembler.node({"left": left, "op": "crosses_below", "right": levels[1]})
    block = entry.confirmation
    return long, short, assembler.confirmation(block["type"], block) if block else ONE


def _average(ref: IndicatorRef) -> dict[str, Any]:
    return {"indicator": ref.name, "period": ref.period, "source": "close", "offset": 0}


def _maybe(assembler: Assembler, node: Mapping[str, Any] | None) -> int:
    return assembler.node(node) if node is not None else ZERO


def _is_measured(distance: Distance | None) -> bool:
    return distance is not None and distance.unit in ("atr", "swing")


def _measured(assembler: Assembler, distance: Distance | None) -> int:
    if distance is None or distance.unit != "atr":
        return ZERO
    return assembler.atr(float(distance.value), distance.period)


def _stops(assembler: Assembler, stop: Distance | None, pip_size: float) -> tuple[int, int]:
    if stop is None or stop.unit != "swing":
        place = _measured(assembler, stop)
        return place, place
    buffer = float(stop.value) * pip_size
    low, high = (assembler.behind_swing(stop.period, stop.lookback, buffer, low=low) for low in (True, False))
    return low, high
