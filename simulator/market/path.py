"""
The way of the price inside a bar, and the quote at any moment of it.

The points are those of `trading.engine.match`, the same rule as in a backtest. Bars are of bid prices; ask is bid plus the
bar's spread. The three stretches between the points take a third of the bar each, and on a stretch the price goes straight.
"""

from dataclasses import dataclass
from typing import Final

from trading.engine.match import path_point

STRETCHES: Final = 3


@dataclass(frozen=True, slots=True)
class BarPath:
    """One base bar as the points its bid passes."""

    symbol: str
    utc: int
    base_s: int
    points: tuple[float, float, float, float]
    spread: float
    spread_points: int
    volume: int
    digits: int

    @property
    def ends_at(self) -> int:
        """When the bar's time is over [UTC s]."""
        return self.utc + self.base_s

    def find_bid(self, at: float) -> float:
        """Return the bid at a moment; before the bar its open, after it its close."""
        share = min(max((at - self.utc) / self.base_s, 0.0), 1.0) * STRETCHES
        stretch = min(int(share), STRETCHES - 1)
        start, end = self.points[stretch], self.points[stretch + 1]
        return round(start + (end - start) * (share - stretch), self.digits)

    def list_stretches(self, after: float, until: float) -> list[tuple[float, float, float]]:
        """
        Return what the bid does in ``(after, until]`` as pieces ``(from bid, to bid, end of the piece)``.

        Each piece is monotone, so a price within it is met exactly once.
        """
        pieces = []
        for stretch in range(STRETCHES):
            begins = self.utc + self.base_s * stretch / STRETCHES
            ends = self.utc + self.base_s * (stretch + 1) / STRETCHES
            start, end = max(begins, after), min(ends, until)
            if start < end:
                first = self.points[stretch] if start == begins else self.find_bid(start)
                last = self.points[stretch + 1] if end == ends else self.find_bid(end)
                pieces.append((first, last, end))
        return pieces

    def find_range(self, at: float) -> tuple[float, float, float]:
        """Return high, low and last bid of the bar as far as it has gone."""
        last = self.find_bid(at)
        passed = int(min(max((at - self.utc) / self.base_s, 0.0), 1.0) * STRETCHES)
        seen = (*self.points[: passed + 1], last)
        return max(seen), min(seen), last


def trace(
    symbol: str,
    utc: int,
    base_s: int,
    prices: tuple[float, float, float, float],
    spread_points: int,
    point: float,
    digits: int,
    volume: int,
) -> BarPath:
    """Return the path of a bar with ``prices`` open, high, low, close."""
    points = (path_point(0, *prices), path_point(1, *prices), path_point(2, *prices), path_point(3, *prices))
    spread = round(spread_points * point, digits)
    return BarPath(symbol, utc, base_s, points, spread, spread_points, volume, digits)
