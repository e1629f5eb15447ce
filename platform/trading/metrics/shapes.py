"""Figures for charts: few enough points for a page, and none of the extremes lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.data.zones import offsets_at
from trading.metrics.columns import TradeColumns
from trading.metrics.curves import drawdown

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MOST_POINTS = 1000
_MOST_BINS = 60


def thin(times_s: IntArray, values: FloatArray, *, most_points: int = MOST_POINTS) -> IntArray:
    """
    Return the places of at most ``most_points`` points that draw the same line: of each part its lowest and its highest.

    >>> thin(np.arange(6), np.array([1.0, 5.0, 2.0, 2.0, 0.0, 3.0]), most_points=4).tolist()
    [0, 1, 4, 5]
    """
    count = len(values)
    if count <= most_points:
        return np.arange(count, dtype=np.int64)
    edges = np.linspace(0, count, max(most_points // 2, 1) + 1).astype(np.int64)[:-1]
    length = np.diff(np.append(edges, count))
    part = np.repeat(np.arange(len(edges)), length)
    order = np.lexsort((values, part))  # inside each part from low to high
    lowest, highest = order[edges], order[edges + length - 1]
    return np.unique(np.concatenate((lowest, highest)))


def equity_shape(times_s: IntArray, equity: FloatArray, *, most_points: int = MOST_POINTS) -> dict[str, list[Any]]:
    """Return ``{at, equity}``: epoch seconds and money, thinned."""
    kept = thin(times_s, equity, most_points=most_points)
    return {"at": times_s[kept].tolist(), "equity": np.round(equity[kept], 2).tolist()}


def drawdown_shape(
    times_s: IntArray, equity: FloatArray, initial: float, *, most_points: int = MOST_POINTS
) -> dict[str, list[Any]]:
    """Return ``{at, fraction}``: how far below its peak equity stood [0..], thinned without losing the deepest."""
    if not len(equity):
        return {"at": [], "fraction": []}
    fall = drawdown(np.append(initial, equity))[1:]
    kept = thin(times_s, fall, most_points=most_points)
    return {"at": times_s[kept].tolist(), "fraction": np.round(fall[kept], 6).tolist()}


def monthly_shape(times_s: IntArray, equity: FloatArray, initial: float, *, zone: str = "UTC") -> dict[str, list[Any]]:
    """
    Return ``{years, months, totals}``: per year twelve returns [fraction] (None where there is no bar), and the year's own.

    A bar belongs to the month in which it closes in ``zone``; one that closes at midnight to the month before.
    """
    if not len(equity):
        return {"years": [], "months": [], "totals": []}
    local = times_s + offsets_at(times_s, zone) - 1
    month = local.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    ends = np.flatnonzero(np.append(month[1:] != month[:-1], True))
    closing = equity[ends]
    before = np.append(initial, closing[:-1])
    years = sorted({int(one) // 12 + 1970 for one in month[ends]})
    table: list[list[float | None]] = [[None] * 12 for _ in years]
    for one, start, end in zip(month[ends].tolist(), before.tolist(), closing.tolist(), strict=True):
        table[years.index(one // 12 + 1970)][one % 12] = round(end / start - 1, 6) if start > 0 else None
    in_year = month[ends] // 12 + 1970
    totals = [_growth(before[in_year == year][0], closing[in_year == year][-1]) for year in years]
    return {"years": years, "months": table, "totals": totals}


def histogram_shape(values: FloatArray, *, most_bins: int = _MOST_BINS) -> dict[str, list[Any]]:
    """
    Return ``{edges, counts}`` of a distribution, bins as wide as Freedman and Diaconis (1981) say, and an edge at zero.

    >>> shape = histogram_shape(np.array([-1.0, 1.0, 1.0, 2.0]))
    >>> 0.0 in shape["edges"], sum(shape["counts"])
    (True, 4)
    """
    if not len(values):
        return {"edges": [], "counts": []}
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-12:
        return {"edges": [round(low, 6), round(low + 1e-6, 6)], "counts": [len(values)]}
    quarter, three = np.percentile(values, [25, 75])
    width = 2 * float(three - quarter) / len(values) ** (1 / 3)
    width = max(width, (high - low) / most_bins) if width > 0 else (high - low) / 10
    # Edges on multiples of the width: won and lost never share a bin.
    first, last = int(np.floor(low / width)), int(np.floor(high / width)) + 1
    edges = np.arange(first, last + 1) * width
    counts = np.bincount(
        np.clip(np.floor(values / width).astype(np.int64) - first, 0, last - first - 1), minlength=last - first
    )
    return {"edges": np.round(edges, 6).tolist(), "counts": counts.tolist()}


def excursion_shape(trades: TradeColumns, *, most_points: int = 2000) -> dict[str, list[float]]:
    """Return ``{mae, mfe, profit}`` of up to ``most_points`` trades evenly taken, for a scatter; empty without excursions."""
    if trades.mae is None or trades.mfe is None or not len(trades):
        return {"mae": [], "mfe": [], "profit": []}
    kept = np.unique(np.linspace(0, len(trades) - 1, min(most_points, len(trades))).astype(np.int64))
    columns = {"mae": trades.mae, "mfe": trades.mfe, "profit": trades.profit}
    return {name: np.round(column[kept], 2).tolist() for name, column in columns.items()}


def _growth(start: float, end: float) -> float | None:
    return round(float(end / start - 1), 6) if start > 0 else None
