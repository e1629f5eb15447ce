"""Shares of counted paths, with what counting them leaves open."""

from __future__ import annotations

from typing import NamedTuple

from trading.errors import InvalidValue
from trading.metrics.intervals import wilson_interval


class Share(NamedTuple):
    """A share of paths (0 to 1) and the interval its number of paths allows."""

    share: float
    low: float
    high: float
    hits: int
    of: int

    def as_dict(self) -> dict[str, float]:
        """Return plain JSON values."""
        return {"share": self.share, "low": self.low, "high": self.high, "hits": self.hits, "of": self.of}


def wilson(hits: int, of: int, *, confidence: float = 0.95) -> Share:
    """
    Return a counted share with its Wilson score interval. Of nothing, nothing is known: the interval is 0 to 1.

    :param confidence: how often such intervals hold the true share, above 0 and below 1.
    :raises InvalidValue: where the counts are impossible.

    >>> [round(x, 4) for x in wilson(9, 10)[:3]]
    [0.9, 0.5958, 0.9821]
    """
    if not 0 <= hits <= of or not 0 < confidence < 1:
        raise InvalidValue("a share is a count out of at least as many", field="hits")
    interval = wilson_interval(hits, of, level=confidence)
    if interval is None or interval[0] is None or interval[1] is None:
        return Share(0.0, 0.0, 1.0, 0, 0)
    share = hits / of
    # At none or all, rounding must not push the bound past the share itself.
    return Share(share, min(interval[0], share), max(interval[1], share), hits, of)
