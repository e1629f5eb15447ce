"""
The base of every strategy written in Python: ours, and a trader's own.

A strategy gets closed bars one at a time and says what it wants. It knows no clock, no account, no position and no future: only
what it was given and what it chose to remember. Then its backtest and its live run are the same program.
"""

from __future__ import annotations

import copy
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from trading.engine.source import Plan, Wish
from trading.errors import InvalidBars, InvalidRules, InvalidValue
from trading.indicators.warmup import SEED_BOUND_FOR_REFOLD, SEED_BOUND_FOR_SIGNALS, warmup_bars
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe
from trading.rules.fields import Problem
from trading.strategies.spec import StrategySpec

NOTHING = Wish()
"""The wish of a bar on which nothing is wanted."""

SNAPSHOT_VERSION = 1


class BaseStrategy(ABC):
    """
    One strategy on one instrument and timeframe.

    A subclass names its ``spec``, prepares itself in `start`, and answers in `on_bar`. The contract:

    * What `on_bar` says depends on its arguments and on ``memory`` alone: no clock, no random numbers without a fixed seed, no
      files, no network, nothing shared between two instances.
    * ``memory`` names the attributes kept from bar to bar. Each holds JSON values, or is a fold (something with ``snapshot()`` and
      ``restore()``, such as those of `trading.strategies.folds`). Nothing else survives a restart.
    * `start` calls `warm_up` with what its indicators need; while ``is_warm`` is false the answer is `NOTHING`.
    * Every bar is folded, also where nothing is wanted: `on_bar` is called once for each, in order.

    :param parameters: by the spec's names or their aliases; defaults are filled in.
    :raises InvalidRules: where parameters are wrong, or the strategy does not run on that timeframe.
    """

    spec: ClassVar[StrategySpec]
    memory: ClassVar[tuple[str, ...]] = ()
    other_symbols: tuple[str, ...] = ()
    """Symbols whose closed bars of the same timeframe it also needs."""

    def __init__(self, parameters: Mapping[str, Any], instrument: Instrument, timeframe: Timeframe) -> None:
        refuse(list(self.spec.check(parameters)))
        self._refuse_timeframe(timeframe)
        self.parameters = self.spec.normal(parameters)
        self.instrument = instrument
        self.timeframe = timeframe
        self.bars_seen = 0
        self.last_time_s: int | None = None
        self.first_wish_bar = 1
        self.warmup_bars = 1
        self.start()

    def start(self) -> None:  # noqa: B027 - a strategy without state needs none
        """Prepare parameters and memory; called once, at the end of the construction."""

    @abstractmethod
    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        """Take the next closed bar, and those of other symbols that closed at the same moment; say what is wanted now."""

    def warm_up(
        self,
        *,
        window: int = 1,
        folds: Iterable[tuple[str, int]] = (),
        then: Iterable[tuple[str, int]] = (),
        chained: int = 0,
    ) -> None:
        """
        Set how many bars come before the first wish, and how many a restart needs.

        :param window: bars looked back at directly.
        :param folds: indicators with a seed, as ``("EMA", 20)``.
        :param then: indicators that stand on top of those.
        :param chained: further bars of a window that stands on top.
        """
        first, refold = (
            max(window, _longest(folds, bound)) + _longest(then, bound) + chained
            for bound in (SEED_BOUND_FOR_SIGNALS, SEED_BOUND_FOR_REFOLD)
        )
        self.first_wish_bar, self.warmup_bars = first, refold

    @property
    def is_warm(self) -> bool:
        """Whether enough bars have been seen, this one included."""
        return self.bars_seen >= self.first_wish_bar

    def update(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        """
        Take the next closed bar; return the wish at its close.

        :raises InvalidBars: where the bar is not later than the one before: to fold a bar twice would change what is remembered.
        """
        if self.last_time_s is not None and bar.time <= self.last_time_s:
            raise InvalidBars(
                f"{self.spec.name} was given the bar of {bar.opened_at:%Y-%m-%d %H:%M} again, or too late"
            )
        self.last_time_s = bar.time
        self.bars_seen += 1
        return self.on_bar(bar, others)

    def plan(self, bars: Bars, others: Mapping[str, Bars]) -> Plan:
        """Return the wishes after every bar, from a fresh state: the loop over `update`."""
        fresh = self.fresh()
        side, closes = (np.zeros(len(bars), dtype=np.int8) for _ in range(2))
        stop, target, trail = (np.zeros(len(bars)) for _ in range(3))
        for index, (bar, beside) in enumerate(walk(bars, others)):
            wish = fresh.update(bar, beside)
            if wish is not NOTHING:
                side[index], closes[index] = wish.side, wish.closes
                stop[index], target[index], trail[index] = (
                    wish.stop_distance,
                    wish.target_distance,
                    wish.trail_distance,
                )
        return Plan(side, closes, stop, target, trail)

    def fresh(self) -> Self:
        """Return the same strategy at its beginning."""
        return type(self)(self.parameters, self.instrument, self.timeframe)

    def snapshot(self) -> dict[str, Any]:
        """Return everything remembered, as JSON values."""
        memory = {name: _pack(getattr(self, name)) for name in self.memory}
        return {**self._identity(), "bars_seen": self.bars_seen, "last_time_s": self.last_time_s, "memory": memory}

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Continue from a snapshot of the same strategy with the same parameters.

        :raises InvalidValue: where it is another's; nothing is changed then.
        """
        wrong = [name for name, value in self._identity().items() if state.get(name) != value]
        if wrong or set(state.get("memory", ())) != set(self.memory):
            message = f"not a snapshot of this {self.spec.name}: {', '.join(wrong) or 'memory'} differs"
            raise InvalidValue(message, field="snapshot")
        self.bars_seen, self.last_time_s = state["bars_seen"], state["last_time_s"]
        for name in self.memory:
            _unpack(self, name, state["memory"][name])

    def pips(self, count: float) -> float:
        """Return the price distance of ``count`` pips."""
        return count * float(self.instrument.pip_size)

    def _identity(self) -> dict[str, Any]:
        told = json.dumps(self.parameters, sort_keys=True, default=str)
        return {
            "version": SNAPSHOT_VERSION,
            "strategy": self.spec.name,
            "symbol": self.instrument.name,
            "timeframe": str(self.timeframe),
            "parameters": hashlib.sha256(told.encode()).hexdigest()[:16],
        }

    def _refuse_timeframe(self, timeframe: Timeframe) -> None:
        allowed = self.spec.timeframes
        if allowed and str(timeframe) not in allowed:
            message = f"{self.spec.name} runs on {', '.join(allowed)} bars, not on {timeframe}"
            raise InvalidRules(message, field="timeframe", extra={"allowed": list(allowed)})


def _longest(folds: Iterable[tuple[str, int]], bound: float) -> int:
    return max([0, *(warmup_bars(name, period, residual=bound) for name, period in folds)])


def walk(bars: Bars, others: Mapping[str, Bars]) -> Iterator[tuple[Bar, dict[str, Bar]]]:
    """Yield each bar with those bars of other symbols that opened, and so closed, at the same moment."""
    beside = {symbol: _by_time(series) for symbol, series in others.items()}
    for bar in _single(bars):
        yield bar, {symbol: found[bar.time] for symbol, found in beside.items() if bar.time in found}


def _by_time(bars: Bars) -> dict[int, Bar]:
    return {bar.time: bar for bar in _single(bars)}


def _single(bars: Bars) -> Iterator[Bar]:
    columns = (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.spread_points)
    return (Bar(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def refuse(problems: list[Problem]) -> None:
    """
    Do nothing where there are none.

    :raises InvalidRules: with the first problem as message and all of them in ``extra["problems"]``.
    """
    if problems:
        listed = {"problems": [problem.as_dict() for problem in problems]}
        raise InvalidRules(problems[0].message, field=problems[0].path, extra=listed)


def _pack(value: Any) -> Any:
    return value.snapshot() if hasattr(value, "snapshot") else copy.deepcopy(value)


def _unpack(strategy: BaseStrategy, name: str, packed: Any) -> None:
    value = getattr(strategy, name)
    if hasattr(value, "restore"):
        value.restore(packed)
    else:
        setattr(strategy, name, copy.deepcopy(packed))
