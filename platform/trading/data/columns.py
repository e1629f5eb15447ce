"""Bars as a file has them: columns in its order, before anybody has examined them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_BARS = 15_000_000
"""More bars than this are no dataset (28 years of minutes); they would take 0.8 GB to hold."""


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Bars as a file has them, in its order: times of the file's own clock [epoch seconds as if UTC], prices, volume, spread [points].

    ``unreadable`` counts the rows that are no bars, ``unreadable_rows`` are the first of them (1 is the first row of bars);
    ``uncounted`` counts the cells of volume or spread that are no count and stand as 0; ``zoned`` says that the times are UTC already.
    """

    time_s: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    spread_points: IntArray
    zoned: bool = False
    unreadable: int = 0
    unreadable_rows: list[int] = field(default_factory=list)
    uncounted: int = 0

    def __len__(self) -> int:
        return len(self.time_s)
