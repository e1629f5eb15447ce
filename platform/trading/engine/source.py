"""
The seam between a strategy and the engine: what a strategy wants, bar by bar, whoever wrote it.

A source knows closed bars only. It has two faces that must agree: `update` takes one closed bar (the agent, and plain Python), `plan`
takes arrays (the backtest). The law: ``plan(bars[:t])`` is the beginning of ``plan(bars)``, and row ``t`` is what `update` says
after bar ``t``. Positions, sizing, filters, stops at the broker and costs are the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from trading.model.bars import Bar, Bars

FloatArray = NDArray[np.float64]

CLOSE_NONE, CLOSE_BUYS, CLOSE_SELLS, CLOSE_ALL = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Wish:
    """
    What a strategy wants at the close of one bar.

    ``side`` is +1 (BUY), -1 (SELL) or 0; ``closes`` says which of its positions it wants out of. Distances are prices from the entry;
    0.0 leaves the document's own exit in force. ``confidence`` is 0 to 1; ``reason`` and ``phase`` are for people.
    """

    side: int = 0
    closes: int = CLOSE_NONE
    stop_distance: float = 0.0
    target_distance: float = 0.0
    trail_distance: float = 0.0
    confidence: float = 1.0
    reason: str = ""
    phase: str = ""


class Plan(NamedTuple):
    """Wishes as columns, one row per closed bar; distances as in `Wish`. A column that never changes may have stride 0."""

    side: NDArray[np.int8]
    closes: NDArray[np.int8]
    stop_distance: FloatArray
    target_distance: FloatArray
    trail_distance: FloatArray


class SignalSource(Protocol):
    """One strategy on one instrument and timeframe; it keeps its own folded state."""

    @property
    def warmup_bars(self) -> int:
        """How many closed bars make its wishes independent of where history begins."""

    @property
    def other_symbols(self) -> tuple[str, ...]:
        """Symbols whose closed bars of the same timeframe it also needs; empty for most."""

    def update(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        """Take the next closed bar (and those of other symbols that closed at the same moment); say what is wanted now."""

    def plan(self, bars: Bars, others: Mapping[str, Bars]) -> Plan:
        """Return the wishes after every bar, from a fresh state."""

    def snapshot(self) -> dict[str, Any]:
        """Return the folded state as JSON values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from a snapshot of the same source."""
