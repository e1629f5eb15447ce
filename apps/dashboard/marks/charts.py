"""Small drawings made on the server: they need no script, and their numbers stand in a table beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, TOP, FOOT = 350.0, 170.0, 16.0, 24.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram in the drawing's units."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    count: int
    low: float
    high: float
    is_loss: bool


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram: its bars, its base line, and the labels below it as `(x, text)`."""

    bars: list[Bar]
    base: float
    labels: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight scale from values to the drawing's units; `ticks` are `(place, value)`."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """
        Return where a value stands.

        >>> Axis(0, 10, 100, 0).place(2.5)
        75.0
        """
        span = (self.high - self.low) or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> list[tuple[float, float]]:
        """
        Return about `count` ticks at round values.

        >>> [value for _, value in Axis(84_312, 104_020, 0, 100).ticks()]
        [85000.0, 90000.0, 95000.0, 100000.0]
        """
        step = _round_step((self.high - self.low) / max(1, count - 1))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(self.place(number * step), round(number * step, 10)) for number in range(first, last + 1)]


def _round_step(width: float) -> float:
    size = 10 ** math.floor(math.log10(width)) if width > 0 else 1.0
    return float(next((factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= width * 0.999), 10 * size))


def draw_bars(edges: list[float], counts: list[int]) -> Bars:
    """
    Return a histogram; bars left of zero are losses.

    >>> drawn = draw_bars([-1.0, 0.0, 1.0], [2, 1])
    >>> [(bar.count, bar.is_loss) for bar in drawn.bars]
    [(2, True), (1, False)]
    """
    base = HEIGHT - FOOT
    if not counts:
        return Bars([], base, [])
    axis, most = Axis(edges[0], edges[-1], 6, WIDTH - 6), max(counts)
    bars = []
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        left, right = axis.place(low), axis.place(high)
        height = round((base - TOP) * count / most, 1)
        width = max(1.0, round(right - left - 1, 1))
        middle = round((left + right) / 2, 1)
        bars.append(Bar(left, round(base - height, 1), width, height, middle, count, low, high, high <= 0))
    marked = [edges[0], edges[-1], *([0.0] if edges[0] < 0 < edges[-1] else [])]
    return Bars(bars, base, [(axis.place(value), f"{value:+.2f}".replace("-", "\u2212")) for value in marked])


def draw_line(points: list[tuple[float, float]], x: Axis, y: Axis) -> str:
    """
    Return the path of a line.

    >>> draw_line([(0, 0), (10, 10)], Axis(0, 10, 0, 100), Axis(0, 10, 50, 0))
    'M0.0 50.0L100.0 0.0'
    """
    return "".join(f"{'M' if not number else 'L'}{x.place(a)} {y.place(b)}" for number, (a, b) in enumerate(points))


def draw_band(points: list[tuple[float, float, float]], x: Axis, y: Axis) -> str:
    """
    Return the path of an area between a low and a high line, of points `(x, low, high)`.

    >>> draw_band([(0, 0, 5), (10, 5, 10)], Axis(0, 10, 0, 100), Axis(0, 10, 50, 0))
    'M0.0 25.0L100.0 0.0L100.0 25.0L0.0 50.0Z'
    """
    there = [(a, high) for a, _, high in points]
    back = [(a, low) for a, low, _ in reversed(points)]
    return f"{draw_line([*there, *back], x, y)}Z" if points else ""


def find_span(values: list[Any]) -> tuple[float, float]:
    """Return the lowest and highest of values, a little apart where they are equal."""
    known = [float(value) for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def thin(rows: list[Any], most: int) -> list[Any]:
    """
    Return at most `most` rows, evenly taken, the last one always among them.

    >>> thin(list(range(10)), 4)
    [0, 3, 6, 9]
    """
    if len(rows) <= most:
        return rows
    step = (len(rows) - 1) / (most - 1)
    return [rows[round(index * step)] for index in range(most)]
