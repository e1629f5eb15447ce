"""Drawings over the days of a what-if: two results summed up, and how much of a limit each day used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from apps.dashboard.marks.charts import Axis, draw_line, find_span
from apps.dashboard.marks.numbers import format_amount, format_percent

LEFT, RIGHT, TOP, BASE = 76, 700, 12, 250
LOW_BASE = 130
GAP_SHARE, WIDEST = 0.25, 40.0
LEAST_HEIGHT = 2  # a day that used nothing is still a day somebody has seen


@dataclass(frozen=True, slots=True)
class Sums:
    """Two lines from a common zero, as paths; `ticks` are `(place, text)`; the texts below the first and last point."""

    then: str
    now: str
    ticks: list[tuple[float, str]]
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Used:
    """A bar a day as two paths, within the limit and over it; `whole` is where all of the limit is used."""

    within: str
    over: str
    whole: float
    ticks: list[tuple[float, str]]
    first: str
    last: str
    most: float


def draw_sums(pairs: Sequence[tuple[float, float]], first: str, last: str) -> Sums | None:
    """
    Draw results then and now, summed up from zero; None for fewer than two of them: that is no line.

    >>> draw_sums([(-100, 0), (50, 50)], "a", "b").then
    'M76.0 91.3L388.0 250.0L700.0 170.7'
    """
    if len(pairs) < 2:
        return None
    then, now = (list(accumulate(line, initial=0.0)) for line in zip(*pairs, strict=True))
    low, high = find_span([*then, *now])
    x, y = Axis(0, len(pairs), LEFT, RIGHT), Axis(low, high, BASE, TOP)
    ticks = [(place, format_amount(value, 0)) for place, value in y.ticks()]
    return Sums(_draw(then, x, y), _draw(now, x, y), ticks, first, last)


def draw_used(days: Iterable[tuple[str, float | None]]) -> Used | None:
    """
    Draw the share of a limit each day used, 1 being all of it; None where no day is known. A day without a view has no bar.

    >>> drawn = draw_used([("a", 0.5), ("b", None), ("c", 1.25)])
    >>> drawn.most, drawn.within.count("M"), drawn.over.count("M")
    (1.25, 1, 1)
    """
    rows = list(days)
    known = [share for _, share in rows if share is not None]
    if not known:
        return None
    y = Axis(0.0, max(1.0, *known) * 1.08, LOW_BASE, TOP)
    slot = (RIGHT - LEFT) / len(rows)
    width = max(0.5, min(WIDEST, slot * (1 - GAP_SHARE)))
    bars = [
        (
            share,
            _draw_bar(LEFT + slot * (number + 0.5) - width / 2, min(y.place(share), LOW_BASE - LEAST_HEIGHT), width),
        )
        for number, (_, share) in enumerate(rows)
        if share is not None
    ]
    return Used(
        within="".join(path for share, path in bars if share <= 1),
        over="".join(path for share, path in bars if share > 1),
        whole=y.place(1),
        ticks=[(place, format_percent(value, 0)) for place, value in y.ticks(3)],
        first=rows[0][0],
        last=rows[-1][0],
        most=max(known),
    )


def _draw(values: list[float], x: Axis, y: Axis) -> str:
    return draw_line(list(enumerate(values)), x, y)


def _draw_bar(left: float, top: float, width: float) -> str:
    return f"M{left:.1f} {LOW_BASE}V{top}h{width:.1f}V{LOW_BASE}Z"
