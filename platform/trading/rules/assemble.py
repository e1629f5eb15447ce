"""From normalised conditions to a `TreeProgram`: every value gets a place, and each is computed once however often it is named."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trading.errors import InvalidRules
from trading.indicators.dispatch import (
    BAR_CLOSE,
    BAR_HIGH,
    BAR_LOW,
    BAR_OPEN,
    BAR_SIZE,
    BAR_SPREAD,
    BAR_VOLUME,
    arrange,
    count_places,
)
from trading.indicators.specs import SPECS
from trading.indicators.warmup import SEED_BOUND_FOR_REFOLD, SEED_BOUND_FOR_SIGNALS
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules import program as op
from trading.rules.fields import OUT_OF_RANGE, Problem

MOST_HISTORY = 500_000
"""Bars a program may need before it is what it would be with all of history."""

_PRICE_PLACES = {"open": BAR_OPEN, "high": BAR_HIGH, "low": BAR_LOW, "close": BAR_CLOSE, "volume": BAR_VOLUME}
_PRICE_ROWS = {"hl2": op.MEAN_HL, "hlc3": op.MEAN_HLC, "typical": op.MEAN_HLC, "ohlc4": op.MEAN_OHLC}
_PATTERN_ROWS = {"inside_bar": op.INSIDE, "outside_bar": op.OUTSIDE}


@dataclass
class _Frame:
    """One timeframe of a program: where its closed bar, the one before it and the forming one stand; its rows."""

    timeframe: Timeframe
    bar: int
    before: int
    forming: int
    rows: list[tuple[list[int], float]] = field(default_factory=list)
    keeps_before: bool = False


class Assembler:
    """Collects rows and places. ``state`` is what a program begins with."""

    def __init__(self, instrument: Instrument, timeframe: Timeframe) -> None:
        self._instrument = instrument
        self._timeframe = timeframe
        self.state = [0.0] * op.FIRST_FREE
        self.state[op.ONE] = 1.0
        self.state[op.BEFORE : op.BEFORE + BAR_SIZE] = [math.nan] * BAR_SIZE
        self._frames = {timeframe: _Frame(timeframe, op.BAR, op.BEFORE, 0)}
        self._logic: list[tuple[list[int], float]] = []
        self._known: dict[str, int] = {}
        self._warmups: dict[int, tuple[int, int]] = {}
        self._first, self._refold = 1, 1

    @property
    def first_signal_bar(self) -> int:
        """Bars there must be at the first signal; one more than the warm-up, because a crossing is seen between two that count."""
        return self._first + 1

    @property
    def refold_bars(self) -> int:
        """Bars that make a restart indistinguishable from never having stopped."""
        return self._refold + 1

    # --- places and rows ----------------------------------------------------------------------------------------

    def _reserve(self, count: int, value: float = 0.0) -> int:
        place = len(self.state)
        self.state += [value] * count
        return place

    def _row(
        self, rows: list[tuple[list[int], float]], operation: int, out: int, a: int = 0, b: int = 0, at: int = 0,
        numbers: tuple[int, int, int] = (0, 0, 0), real: float = 0.0,
    ) -> int:  # fmt: skip
        rows.append(([operation, out, a, b, at, *numbers], real))
        return out

    def _once(self, key: tuple[Any, ...]) -> tuple[str, int | None]:
        text = json.dumps(key, sort_keys=True, default=str)
        return text, self._known.get(text)

    def constant(self, value: float) -> int:
        """Return the place of a number."""
        key, known = self._once(("constant", value))
        return known if known is not None else self._known.setdefault(key, self._reserve(1, value))

    def _frame(self, name: str | None) -> _Frame:
        timeframe = Timeframe(name) if name else self._timeframe
        if timeframe not in self._frames:
            if not self._timeframe.divides(timeframe):
                message = f"timeframe {timeframe} is no whole number of the strategy's {self._timeframe} bars"
                _refuse("entry.timeframe", message)
            bar, before = self._reserve(BAR_SIZE, math.nan), self._reserve(BAR_SIZE, math.nan)
            self._frames[timeframe] = _Frame(timeframe, bar, before, self._reserve(BAR_SIZE))
        return self._frames[timeframe]

    def _need(self, frame: _Frame, first: int, refold: int) -> None:
        ratio = frame.timeframe.seconds // self._timeframe.seconds
        # The first coarse bar may have begun before history did: one more.
        spare = 1 if ratio > 1 else 0
        self._first = max(self._first, ratio * (first + spare))
        self._refold = max(self._refold, ratio * (refold + spare))

    # --- operands -----------------------------------------------------------------------------------------------

    def operand(self, value: Any) -> int:
        """Return the place of a normalised operand."""
        if not isinstance(value, Mapping):
            return self.constant(float(value))
        if "pips" in value:
            return self.constant(float(value["pips"]) * float(self._instrument.pip_size))
        if "points" in value:
            return self.constant(float(value["points"]) * float(self._instrument.point))
        frame = self._frame(value.get("timeframe"))
        place = self._delayed(frame, self._series(frame, value), value["offset"])
        if "times" not in value and "plus" not in value:
            return place
        plus = self.operand(value["plus"]) if "plus" in value else op.ZERO
        return self._scaled(place, float(value.get("times", 1)), plus)

    def _scaled(self, place: int, times: float, plus: int) -> int:
        key, known = self._once(("scale", place, times, plus))
        if known is not None:
            return known
        out = self._known.setdefault(key, self._reserve(1, math.nan))
        return self._row(self._logic, op.SCALE, out, place, plus, real=times)

    def _delayed(self, frame: _Frame, place: int, offset: int) -> int:
        if not offset:
            return place
        key, known = self._once(("delay", frame.timeframe, place, offset))
        self._need(frame, *(bound + offset for bound in self._warmups.get(place, (1, 1))))
        if known is not None:
            return known
        out = self._known.setdefault(key, self._reserve(1, math.nan))
        return self._row(frame.rows, op.DELAY, out, place, at=self._reserve(offset + 3), numbers=(offset, 0, 0))

    def _series(self, frame: _Frame, value: Mapping[str, Any]) -> int:
        return self._indicator(frame, value) if "indicator" in value else self._price(frame, value["price"])

    def _price(self, frame: _Frame, name: str) -> int:
        self._need(frame, 1, 1)
        if name in _PRICE_PLACES:
            return frame.bar + _PRICE_PLACES[name]
        key, known = self._once(("price", frame.timeframe, _PRICE_ROWS[name]))
        if known is not None:
            return known
        out = self._known.setdefault(key, self._reserve(1, math.nan))
        return self._row(frame.rows, _PRICE_ROWS[name], out, frame.bar)

    def _indicator(self, frame: _Frame, value: Mapping[str, Any]) -> int:
        spec = SPECS[value["indicator"]]
        values = {name: float(value[name]) for name in spec.parameters}
        line = spec.lines.index(value.get("line", spec.lines[0]))
        key, known = self._once(("indicator", frame.timeframe, spec.name, values, value.get("source", "")))
        if known is None:
            source = self._price(frame, value["source"]) if "source" in value else op.ZERO
            known = self._known.setdefault(key, self._reserve(len(spec.lines), math.nan))
            first, second, third, real = arrange(spec.name, values)
            at, numbers = self._reserve(count_places(spec.name, values)), (first, second, third)
            self._row(frame.rows, op.INDICATOR + spec.kind, known, frame.bar, source, at, numbers, real)
        bounds = (SEED_BOUND_FOR_SIGNALS, SEED_BOUND_FOR_REFOLD)
        first, refold = (spec.warmup(values, bound, frame.timeframe.seconds) for bound in bounds)
        self._warmups[known + line] = (first, refold)
        self._need(frame, first, refold)
        return known + line

    # --- conditions ---------------------------------------------------------------------------------------------

    def node(self, node: Mapping[str, Any]) -> int:
        """Return the place of the truth of a normalised condition."""
        for key, operation in (("all", op.AND), ("any", op.OR)):
            if key in node:
                return self._group(operation, [self.node(child) for child in node[key]])
        if "not" in node:
            return self._logical(op.NOT, self.node(node["not"]), op.ZERO)
        if "op" in node:
            return self._comparison(node["op"], self.operand(node["left"]), self.operand(node["right"]))
        return self._pattern(node) if "pattern" in node else self.confirmation(node["confirm"], node)

    def _group(self, operation: int, places: list[int]) -> int:
        place = places[0]
        for other in places[1:]:
            place = self._logical(operation, place, other)
        return place

    def both(self, first: int, second: int) -> int:
        """Return the place of "this and that"."""
        return self._logical(op.AND, first, second)

    def begins(self, place: int) -> int:
        """Return the place of "true now and not at the bar before"."""
        return self._row(self._logic, op.BEGINS, self._reserve(1), place, at=self._reserve(1, math.nan))

    def _logical(self, operation: int, first: int, second: int) -> int:
        return self._row(self._logic, operation, self._reserve(1, math.nan), first, second)

    def _comparison(self, operator: str, left: int, right: int) -> int:
        # Below is above with the sides exchanged; so is crossing below.
        if operator in ("<", "<=", "crosses_below"):
            left, right = right, left
        out = self._reserve(1, math.nan)
        if operator.startswith("crosses"):
            return self._row(self._logic, op.CROSS, out, left, right, self._reserve(1, math.nan))
        return self._row(self._logic, op.AT_LEAST if "=" in operator else op.ABOVE, out, left, right)

    def _pattern(self, node: Mapping[str, Any]) -> int:
        name, up, timeframe = node["pattern"], node.get("direction") == "up", node.get("timeframe")
        close = {"price": "close", "offset": 0, **({"timeframe": timeframe} if timeframe else {})}
        if name == "breakout":
            line = {"indicator": "DONCHIAN", "period": node["bars"], "line": "upper" if up else "lower"}
            return self._comparison(
                ">" if up else "<", self.operand(close), self.operand({**close, **line, "offset": 1})
            )
        if name == "break_of_structure":
            swing = {"indicator": "SWING", "bars": node["bars"], "lookback": node["lookback"]}
            level = {**close, **swing, "line": "high" if up else "low"}
            return self._comparison(
                "crosses_above" if up else "crosses_below", self.operand(close), self.operand(level)
            )
        operation = _PATTERN_ROWS.get(name) or (op.ENGULF_UP if up else op.ENGULF_DOWN)
        frame = self._frame(timeframe)
        frame.keeps_before = True
        self._need(frame, 2, 2)
        return self._row(frame.rows, operation, self._reserve(1, math.nan), frame.bar, frame.before)

    def confirmation(self, kind: str, block: Mapping[str, Any]) -> int:
        """Return the place of "the volume (or the spread) confirms"."""
        if kind == "spread":
            most = float(block["maximum"]) * float(self._instrument.pip_size) / float(self._instrument.point)
            return self._comparison("<=", op.BAR + BAR_SPREAD, self.constant(most))
        volume = {"price": "volume", "offset": 0}
        mean = {"indicator": "SMA", "period": block["bars"], "source": "volume", "offset": 1}
        level = self.operand({**mean, "times": block["threshold"]})
        # Bars without volumes confirm nothing.
        is_known = self._comparison(">", self.operand(mean), op.ZERO)
        return self.both(self._comparison(">=", self.operand(volume), level), is_known)

    # --- distances ----------------------------------------------------------------------------------------------

    def atr(self, times: float, period: int) -> int:
        """Return the place of so many times the average true range."""
        return self.operand({"indicator": "ATR", "period": period, "offset": 0, "times": times})

    def behind_swing(self, bars: int, lookback: int, buffer: float, *, low: bool) -> int:
        """Return the place of the distance from the close to beyond the last swing low, or the last swing high."""
        line = {"indicator": "SWING", "bars": bars, "lookback": lookback, "line": "low" if low else "high"}
        swing, close = self.operand({**line, "offset": 0}), op.BAR + BAR_CLOSE
        if low:
            return self._scaled(self._scaled(swing, -1.0, close), 1.0, self.constant(buffer))
        minus_close = self._scaled(close, -1.0, self.constant(buffer))
        return self._scaled(swing, 1.0, minus_close)

    # --- the whole ----------------------------------------------------------------------------------------------

    def rows(self) -> list[tuple[list[int], float]]:
        """
        Return all rows in order: the strategy's own bars, the coarser frames, what follows from all of them, and what is kept for the
        next bar.

        :raises InvalidRules: where more history is needed than anybody has.
        """
        if self.refold_bars > MOST_HISTORY:
            _refuse(
                "entry",
                f"these rules need {self.refold_bars} {self._timeframe} bars of history: at most {MOST_HISTORY}",
            )
        base, *coarser = self._frames.values()
        rows = list(base.rows)
        for frame in coarser:
            segment = [*frame.rows, *self._keep(frame)]
            for operation in (op.FRAME_LATE, op.FRAME_NOW):
                offset = frame.timeframe.open_time(0) % frame.timeframe.seconds
                after = len(rows) + 1 + len(segment)
                rows.append(([operation, 0, frame.bar, 0, frame.forming, frame.timeframe.seconds, offset, after], 0.0))
                rows += segment
        return [*rows, *self._logic, *self._keep(base)]

    def _keep(self, frame: _Frame) -> list[tuple[list[int], float]]:
        return [([op.KEEP, frame.before, frame.bar, 0, 0, 0, 0, 0], 0.0)] if frame.keeps_before else []


def _refuse(path: str, message: str) -> None:
    problem = Problem(path, OUT_OF_RANGE, message)
    raise InvalidRules(message, field=path, extra={"problems": [problem.as_dict()]})
