"""
Does a strategy look ahead? Its wishes are asked for again with another future, and whatever changes in the past is a peek.

A peek is traced to its operand: which value of which later bar changes which wish. The same check finds what else makes a backtest
another thing than the live run: wishes that differ between two runs, between `plan` and `update`, or after a restart. What a strategy
reads from elsewhere (a file, the network) is not seen here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.engine.source import Plan, SignalSource, Wish
from trading.errors import InvalidBars
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe
from trading.strategies.alteration import FIELDS, OWN, Place, World, altered, altered_at, until
from trading.strategies.base import BaseStrategy, walk

LOOKAHEAD = "LOOKAHEAD"
NOT_REPEATABLE = "NOT_REPEATABLE"
PLAN_IS_NOT_UPDATE = "PLAN_IS_NOT_UPDATE"
SNAPSHOT_FORGETS = "SNAPSHOT_FORGETS"

NEXT_BARS, UNFINISHED_BAR, WHOLE_SERIES, LENGTH = "later bars", "an unfinished bar", "the whole series", "the length"

_CUTS = 24
_TRACED = 6

MakeSource = Callable[[], SignalSource]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken law: its code, the first bar and column of the wish it shows in, the operand, and a sentence."""

    code: str
    index: int
    time_s: int
    column: str
    message: str
    operand: str = ""
    bars_ahead: int = 0
    reach: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and what was found; no findings means that no peek was seen on these bars."""

    bars: int
    cuts: int
    wishes: int
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found and there were wishes in which something could have been."""
        return not self.findings and self.wishes > 0

    def lines(self) -> Iterator[str]:
        """Yield the report in plain sentences."""
        yield f"{self.bars} bars, {self.wishes} wishes, {self.cuts} other futures"
        if not self.wishes:
            yield "nothing was wished on these bars, so nothing is proven: use other bars"
        yield from (f"{finding.code}: {finding.message}" for finding in self.findings)
        if self.is_clean:
            yield "no wish depends on later bars; update, plan and a restart agree"


def check_source(
    make: MakeSource, bars: Bars, others: Mapping[str, Bars] | None = None, *, cuts: int = _CUTS
) -> Report:
    """
    Check the strategy that ``make`` returns anew at each call, on ``bars`` and the bars of other symbols.

    :param cuts: how many other futures are tried; they are laid where something is wished, and evenly between.
    :raises InvalidBars: where there are fewer than 50 bars.
    """
    if len(bars) < 50:
        raise InvalidBars(f"a check needs at least 50 bars, not {len(bars)}")
    return _Check(make, {OWN: bars, **(others or {})}, cuts).report()


class _Check:
    def __init__(self, make: MakeSource, world: World, cuts: int) -> None:
        self.make, self.world = make, world
        self.bars = world[OWN]
        self.whole = self.plan(world)
        self.wished = np.flatnonzero((self.whole != 0).any(axis=1))
        evenly = np.linspace(1, len(self.bars) - 2, cuts // 2, dtype=int)
        busy = self.wished[:: max(1, len(self.wished) // max(1, cuts - cuts // 2))]
        self.cuts = sorted({int(index) for index in (*evenly, *busy) if index < len(self.bars) - 1})

    def plan(self, world: World) -> Matrix:
        others = {symbol: bars for symbol, bars in world.items() if symbol != OWN}
        return np.column_stack(
            [np.asarray(column, dtype=np.float64) for column in self.make().plan(world[OWN], others)]
        )

    def report(self) -> Report:
        found = (self._repeated(), self._ahead(), self._updated(), self._restarted())
        findings = [finding for finding in found if finding is not None]
        # What differs between two runs, or peeks, differs everywhere else too: only the cause is told.
        return Report(len(self.bars), len(self.cuts), len(self.wished), findings[:1])

    def _repeated(self) -> Finding | None:
        again = self.plan(self.world)
        message = "the same bars give another wish the next time: no clock, no random numbers, nothing shared"
        return self._first_difference(NOT_REPEATABLE, self.whole, again, message)

    def _updated(self) -> Finding | None:
        said, _ = self._walk()
        return self._first_difference(PLAN_IS_NOT_UPDATE, self.whole, said, "update says something else than plan")

    def _restarted(self) -> Finding | None:
        middle = int(self.wished[len(self.wished) // 2]) if len(self.wished) else len(self.bars) // 2
        said, _ = self._walk(restart_at=middle)
        when = _tell(int(self.bars.time[middle]))
        message = f"after a restart at {when} the wish is another: something is kept that no snapshot holds"
        return self._first_difference(SNAPSHOT_FORGETS, self.whole, said, message)

    def _walk(self, restart_at: int | None = None) -> tuple[Matrix, SignalSource]:
        source, said = self.make(), np.zeros_like(self.whole)
        others = {symbol: bars for symbol, bars in self.world.items() if symbol != OWN}
        for index, (bar, beside) in enumerate(walk(self.bars, others)):
            if index == restart_at:
                kept = source.snapshot()
                source = self.make()
                source.restore(kept)
            said[index] = _row(source.update(bar, beside))
        return said, source

    def _first_difference(self, code: str, expected: Matrix, found: Matrix, message: str) -> Finding | None:
        rows = np.flatnonzero((expected[: len(found)] != found[: len(expected)]).any(axis=1))
        if not len(rows):
            return None
        index = int(rows[0])
        column = Plan._fields[int(np.flatnonzero(expected[index] != found[index])[0])]
        text = f"bar {index} ({_tell(int(self.bars.time[index]))}), {column}: {message}"
        return Finding(code, index, int(self.bars.time[index]), column, text)

    # --- looking ahead ------------------------------------------------------------------------------------------

    def _ahead(self) -> Finding | None:
        changed = self._changed_rows()
        if not changed:
            return None
        traced = [self._trace(row) for row in sorted(changed)[:_TRACED]]
        # The length alone says little: a value that can be named says more.
        first = next((finding for finding in traced if finding.bars_ahead), traced[0])
        reach = self._reach(traced)
        index, column = first.index, first.column
        where = _where(self.make())
        message = f"bar {index} ({_tell(first.time_s)}), {column}: depends on {first.operand}; it reads {reach}{where}"
        return Finding(LOOKAHEAD, index, first.time_s, column, message, first.operand, first.bars_ahead, reach)

    def _changed_rows(self) -> set[int]:
        changed: set[int] = set()
        last_s = int(self.bars.time[-1])
        for cut in self.cuts:
            cut_s = int(self.bars.time[cut])
            worlds = [until(self.world, cut_s), *(altered(self.world, cut_s, last_s, up=up) for up in (True, False))]
            for world in worlds:
                differs = (self.plan(world)[: cut + 1] != self.whole[: cut + 1]).any(axis=1)
                changed.update(int(row) for row in np.flatnonzero(differs)[-3:])
        return changed

    def _trace(self, row: int) -> Finding:
        """Return which later value changes the wish of ``row``: the nearest bar, and the first of its fields that does."""
        time_s = int(self.bars.time[row])
        later = [int(moment) for moment in self.bars.time[row + 1 :]]
        for up in (True, False):
            if not later or not self._changes(row, altered(self.world, time_s, later[-1], up=up)):
                continue
            low, high = 0, len(later) - 1
            while low < high:
                middle = (low + high) // 2
                if self._changes(row, altered(self.world, time_s, later[middle], up=up)):
                    high = middle
                else:
                    low = middle + 1
            field_name = self._field(row, later[low])
            operand = f"{field_name} of the bar {low + 1} ahead ({_tell(later[low])})"
            return self._finding(row, operand, low + 1)
        return self._finding(row, "how many bars there are", 0)

    def _field(self, row: int, time_s: int) -> str:
        # High and low that do not matter alone may stand aside, so that open and close have room to move.
        tries = [(name, False) for name in FIELDS] + [(name, True) for name in ("close", "open")]
        for name, wide in tries:
            for symbol in self.world:
                place = Place(symbol, time_s, name)
                worlds = (altered_at(self.world, place, up=up, wide=wide) for up in (True, False))
                if any(world is not None and self._changes(row, world) for world in worlds):
                    return f"{symbol} {name}".strip()
        return "several values"

    def _finding(self, row: int, operand: str, ahead: int) -> Finding:
        last_s = int(self.bars.time[-1])
        worlds = (altered(self.world, int(self.bars.time[row]), last_s, up=up) for up in (True, False))
        plans = [self.plan(world)[row] for world in worlds]
        plans.append(self.plan(until(self.world, int(self.bars.time[row])))[row])
        column = next(
            int(np.flatnonzero(plan != self.whole[row])[0]) for plan in plans if (plan != self.whole[row]).any()
        )
        return Finding(LOOKAHEAD, row, int(self.bars.time[row]), Plan._fields[column], "", operand, ahead)

    def _changes(self, row: int, world: World) -> bool:
        return bool((self.plan(world)[row] != self.whole[row]).any())

    def _reach(self, traced: list[Finding]) -> str:
        aheads = [finding.bars_ahead for finding in traced if finding.bars_ahead]
        if not aheads:
            return LENGTH
        last_s = int(self.bars.time[-1])
        # One value may be too little to move a mean of all: the later half of what lies beyond the nearest operand is altered.
        nearest = traced[0].index + max(aheads)
        before_s = int(self.bars.time[(nearest + len(self.bars) - 2) // 2])
        ends = (altered(self.world, before_s, last_s, up=up) for up in (True, False))
        if len(self.bars) - 1 > nearest and any(self._changes(traced[0].index, end) for end in ends):
            return WHOLE_SERIES
        coarse = self._shared_bar(traced)
        if coarse is not None and len(set(aheads)) > 1:
            return f"{UNFINISHED_BAR} of {coarse}"
        return NEXT_BARS

    def _shared_bar(self, traced: list[Finding]) -> Timeframe | None:
        """Return the smallest timeframe in whose bars every wish and the value it depends on lie together."""
        step = self.bars.timeframe
        pairs = [(f.time_s, int(self.bars.time[f.index + f.bars_ahead])) for f in traced if f.bars_ahead]
        for coarse in Timeframe:
            if coarse is step or not step.divides(coarse):
                continue
            if all(coarse.open_time(row_s) == coarse.open_time(ahead_s) for row_s, ahead_s in pairs):
                return coarse
        return None


def _row(wish: Wish) -> tuple[float, ...]:
    return (wish.side, wish.closes, wish.stop_distance, wish.target_distance, wish.trail_distance)


def _where(source: Any) -> str:
    if not isinstance(source, BaseStrategy) or type(source).plan is BaseStrategy.plan:
        return ""
    function = type(source).plan
    line = inspect.getsourcelines(function)[1] if inspect.getsourcefile(function) else 0
    return f" in {function.__module__}.{function.__qualname__}, line {line}; the inherited plan cannot"


def _tell(time_s: int) -> str:
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M}"
