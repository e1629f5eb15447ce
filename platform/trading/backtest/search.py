"""
Searching a parameter space: which points are tried, in chunks that can be run anywhere in any order, and which is best.

Nothing here keeps anything: a search is its space, method, count and seed, and these decide every point and chunk. Whoever runs the
chunks stores their summaries by the points' numbers; a chunk that is run again gives the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from trading.backtest.costs import Costs
from trading.backtest.run import Result, run
from trading.backtest.search_space import InvalidSpace, Space, Value
from trading.errors import InvalidValue, TradingError
from trading.model.bars import Bars
from trading.model.instrument import Instrument
from trading.model.timeframe import Timeframe

MOST_POINTS: Final = 20_000
GRID, RANDOM = "grid", "random"
# A search runs the same loop many times: machine code pays off sooner than in a single run.
_WORTH_COMPILING_BARS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Points of a search that are run together; ``chunk_id`` is the same whenever the search is the same."""

    chunk_id: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Search:
    """
    The points a search tries: all of the grid, or ``count`` different ones drawn with ``seed``.

    :raises InvalidSpace: where that is more than 20,000 points; ``extra`` says how many they are and how many are allowed.
    """

    space: Space
    method: str = GRID
    count: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in (GRID, RANDOM):
            raise InvalidSpace(f"a search is {GRID} or {RANDOM}", field="method", extra={"allowed": [GRID, RANDOM]})
        if self.method == RANDOM and (self.count is None or self.count < 1):
            raise InvalidSpace("a random search needs the number of points", field="count")
        if self.method == GRID:
            require_affordable(self.space.size, hint="take larger steps or fewer parameters, or search at random")
        else:
            require_affordable(self.count or 0, hint="take fewer points")

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all points, in the order they are tried; those that break a constraint are left out."""
        return tuple(number for number in self._drawn if self.space.broken(number) is None)

    @cached_property
    def skipped(self) -> dict[str, int]:
        """How many points were left out, by the constraint they break."""
        counts: dict[str, int] = {}
        for rule in (self.space.broken(number) for number in self._drawn):
            if rule:
                counts[rule.words] = counts.get(rule.words, 0) + 1
        return counts

    @cached_property
    def _drawn(self) -> Sequence[int]:
        if self.method == GRID:
            return range(self.space.size)
        size = self.space.size
        return random.Random(self.seed).sample(range(size), min(self.count or 0, size))

    def chunks(self, size: int) -> list[Chunk]:
        """Return the points in chunks of at most ``size``."""
        if size < 1:
            raise InvalidValue("a chunk has at least one point", field="size")
        name = f"{self.space.content_hash[:12]}-{self.method}-{self.count or 0}-{self.seed}"
        return [
            Chunk(f"{name}-{size}-{start}", self.numbers[start : start + size])
            for start in range(0, len(self.numbers), size)
        ]


def require_affordable(points: int, *, hint: str) -> None:
    """:raises InvalidSpace: where a search has more points than anybody should wait for."""
    if points > MOST_POINTS:
        raise InvalidSpace(
            f"{points:,} points are too many, {MOST_POINTS:,} are allowed: {hint}",
            field="parameters",
            extra={"points": points, "allowed": MOST_POINTS},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of one point: its statistics, or why it could not be run (``refused``, an error as JSON)."""

    number: int
    values: dict[str, Value]
    statistics: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values. `read_summary` reads it back."""
        return {
            "number": self.number,
            "values": self.values,
            "statistics": self.statistics,
            "refused": self.refused,
        }


def read_summary(document: Mapping[str, Any]) -> Summary:
    """Read what `Summary.as_dict` wrote."""
    return Summary(**document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """
    What is best: a statistic, the higher the better unless ``lowest``, among points that may count at all.

    :param statistic: a name of the run's statistics (``sharpe_ratio``, ``net_profit``, ``profit_factor`` …).
    :param min_trades: fewer trades prove nothing.
    :param max_drawdown_fraction: a deeper fall of equity is out of the question, whatever it earned.
    """

    statistic: str = "sharpe_ratio"
    lowest: bool = False
    min_trades: int = 30
    max_drawdown_fraction: float | None = None

    def score(self, statistics: Mapping[str, Any] | None) -> float | None:
        """
        Return how good a point is, the higher the better; None where it does not count.

        :raises InvalidValue: where runs have no such statistic.
        """
        if statistics is None:
            return None
        value, fall = self.value(statistics), statistics.get("max_drawdown_fraction") or 0.0
        if statistics["trades"] < self.min_trades:
            return None
        return None if self.max_drawdown_fraction is not None and fall > self.max_drawdown_fraction else value

    def value(self, statistics: Mapping[str, Any]) -> float | None:
        """
        Return the statistic, the higher the better, whether or not the point counts; None where it does not exist.

        :raises InvalidValue: where runs have no such statistic.
        """
        if self.statistic not in statistics:
            known = sorted(name for name, value in statistics.items() if isinstance(value, int | float))
            raise InvalidValue(
                f"{self.statistic!r} is not a statistic of a run", field="objective", extra={"allowed": known}
            )
        value = statistics[self.statistic]
        if value is None:
            return None
        return -float(value) if self.lowest else float(value)

    def rank(self, summaries: Iterable[Summary]) -> list[Summary]:
        """Return the points that count, best first; equals by their number, so the order never depends on who ran first."""
        scored = [(self.score(summary.statistics), summary) for summary in summaries]
        counted = [(score, summary) for score, summary in scored if score is not None]
        return [summary for _, summary in sorted(counted, key=lambda pair: (-pair[0], pair[1].number))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every point of a search is run on. ``options`` are further keyword arguments of `run`."""

    bars: Bars
    instrument: Instrument
    costs: Costs
    balance: Decimal
    timeframe: Timeframe | None = None
    options: Mapping[str, Any] | None = None


def run_points(base: Mapping[str, Any], space: Space, numbers: Sequence[int], setting: Setting) -> list[Summary]:
    """
    Run points one after another and return their summaries in the same order.

    A document that cannot be traded is refused, not raised: a space may hold some (a fast average of the slow one's period).

    :raises InvalidSpace: where the document has no place for a value.
    """
    return list(iterate_points(base, space, numbers, setting))


def iterate_points(
    base: Mapping[str, Any], space: Space, numbers: Sequence[int], setting: Setting
) -> Iterator[Summary]:
    """Do the same one by one, so that a worker can tell its progress and stop in between."""
    return (run_point(base, space, number, setting) for number in numbers)


def run_point(base: Mapping[str, Any], space: Space, number: int, setting: Setting) -> Summary:
    """Run one point."""
    values, document = space.values(number), space.document(base, number)
    try:
        result = run_document(document, setting)
    except TradingError as error:
        return Summary(number=number, values=values, refused=error.as_dict())
    return Summary(number=number, values=values, statistics=result.statistics)


def run_document(document: Mapping[str, Any], setting: Setting) -> Result:
    """
    Run one document in a setting.

    :raises TradingError: whatever `run` refuses.
    """
    plain = False if len(setting.bars) >= _WORTH_COMPILING_BARS else None
    way: dict[str, Any] = {"plain": plain, **(setting.options or {})}
    way["timeframe"] = setting.timeframe
    return run(setting.bars, document, setting.instrument, setting.costs, setting.balance, **way)
