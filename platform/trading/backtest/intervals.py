"""Intervals of counted shares."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from trading.errors import InvalidValue


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


def wilson(count: int, of: int, *, confidence: float = 0.95) -> Share:
    """
    Return a counted share with its Wilson score interval.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    :param confidence: how often such intervals hold the true share, above 0 and below 1.
    :raises InvalidValue: where the counts are impossible. Of nothing, nothing is known: the interval is 0 to 1.

    >>> [round(x, 4) for x in wilson(9, 10)[:3]]
    [0.9, 0.5958, 0.9821]
    """
    if not 0 <= count <= of or not 0 < confidence < 1:
        raise InvalidValue("a share is a count out of at least as many", field="count")
    if of == 0:
        return Share(0.0, 0.0, 1.0, 0, 0)
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    share = count / of
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * of)) / of) / (1 + z2 / of)
    # At none or all, rounding must not push the bound past the share itself.
    return Share(share, min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share), count, of)
