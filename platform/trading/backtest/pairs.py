"""Documents of a sweep that differ by nothing but their pair of exponential averages: the first is read wholly, the others by that pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading import jit
from trading.backtest.room import take_room
from trading.backtest.run import Job, find_spread
from trading.engine.crosses import GROUP
from trading.engine.pairs import AT_ONCE, find_pair_crosses, run_pairs
from trading.rules.fields import IndicatorName, split_indicator
from trading.rules.signals import build_program
from trading.rules.tree import CrossEntry, IndicatorRef

FloatArray = NDArray[np.float64]

SUMMARY_COLUMNS = 7
# Bars times pairs of one part: some 100 ms of work, so that a sweep can be stopped, and as many bytes for its signals.
_BARS_AT_A_TIME = 64_000_000
# Pairs that cross more often go the long way.
_BARS_A_SIGNAL = 4
_EMA = IndicatorName(("EMA",))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two periods, and how many closed bars there must be at the first signal; ``place`` is that of the document."""

    place: int
    first: int
    second: int
    first_signal_bar: int


def find_family(document: Mapping[str, Any]) -> str | None:
    """
    Return what a document shares with all that differ from it by their two exponential averages alone; None where it has no such pair.

    Whatever a document is refused for, apart from a pair that is none, is in what it shares.

    >>> entry = {"type": "indicator_cross", "direction": "both"}
    >>> one, other = ({"entry": {**entry, "indicators": names}} for names in (["EMA_5", "EMA_9"], ["EMA_7", "EMA_30"]))
    >>> find_family(one) == find_family(other), find_family({"entry": {**entry, "indicators": ["EMA_5", "ema_5"]}})
    (True, None)
    """
    entry = document.get("entry")
    if not isinstance(entry, dict) or entry.get("type") != "indicator_cross":
        return None
    names = entry.get("indicators")
    if not isinstance(names, list) or len(names) != 2 or any(next(_EMA.check(name, ""), None) for name in names):
        return None
    if split_indicator(names[0]) == split_indicator(names[1]):
        return None
    return repr({**document, "entry": {**entry, "indicators": None}})


def read_pair(document: Mapping[str, Any], place: int) -> Pair:
    """Return the pair of a document that has a family."""
    first, second = (IndicatorRef.parse(name) for name in document["entry"]["indicators"])
    program = build_program(CrossEntry(first, second, None))
    return Pair(place, first.period, second.period, program.first_signal_bar)


def part_pairs(pairs: Sequence[Pair], bars: int, workers: int) -> Iterator[list[Pair]]:
    """Yield pairs in parts whose signals fit into memory, neighbours together: they share the most averages."""
    size = max(1, min(_BARS_AT_A_TIME // bars, -(-len(pairs) // workers)))
    ordered = sorted(pairs, key=lambda one: (one.first, one.second))
    return (ordered[start : start + size] for start in range(0, len(ordered), size))


def run_part(job: Job, pairs: Sequence[Pair]) -> FloatArray:
    """Return a row per pair, as `trading.engine.pairs.run_pairs` writes it, of ``job`` with each pair in place of its own."""
    bars, prepared = job.bars, job.prepared
    periods = sorted({period for pair in pairs for period in (pair.first, pair.second)})
    row_of = {period: row for row, period in enumerate(periods)}
    rows = [(row_of[p.first], row_of[p.second], max(p.first, p.second), p.first_signal_bar - 1) for p in pairs]
    out, turns = np.zeros((len(pairs), SUMMARY_COLUMNS)), np.empty(AT_ONCE, dtype=np.int8)
    signals = np.empty((len(pairs), len(bars) // _BARS_A_SIGNAL + 1), dtype=np.int32)
    counts, extremes = np.zeros(len(pairs), dtype=np.int64), np.empty((2, len(bars) // GROUP + 1))
    jit.compiled(find_pair_crosses)(
        bars.close, np.array(periods, dtype=np.int64), np.array(rows, dtype=np.int64), np.empty((len(periods), AT_ONCE + 1)),
        turns, turns.view(np.int64), signals, counts,
    )  # fmt: skip
    jit.compiled(run_pairs)(
        prepared.params, job.costs.charges(prepared.instrument), signals, counts, extremes[0], extremes[1], bars.open, bars.high,
        bars.low, bars.close, find_spread(bars, prepared.instrument, job.costs), job.first_bar, job.pessimistic, job.balance,
        *take_room(len(bars)), np.zeros(16, dtype=np.int64), out,
    )  # fmt: skip
    return out
