"""The risk per trade that makes passing a challenge most likely, and what every other risk would bring."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from trading.backtest.challenge_odds import Sampler
from trading.backtest.shares import Share
from trading.errors import InvalidValue

GRID: Final = tuple(float(scale) for scale in np.geomspace(0.125, 8.0, 13))
"""Risk scales that are tried first: an eighth to eight times the backtest's own risk, half an octave apart."""
_GOLDEN: Final = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPoint:
    """The share of paths that pass at one risk scale; ``risk_fraction`` is the risk per trade where the base is known."""

    risk_scale: float
    risk_fraction: float | None
    passed: Share

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"risk_scale": self.risk_scale, "risk_fraction": self.risk_fraction, "passed": self.passed.as_dict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCurve:
    """
    Points by rising risk, all on the same paths.

    ``best`` passes most often. ``careful`` is the smallest risk whose interval still reaches the share of ``best``: the paths cannot
    tell them apart, and it loses less. ``is_at_edge``: the best was the smallest or largest risk tried.
    """

    points: tuple[RiskPoint, ...]
    best: RiskPoint
    careful: RiskPoint
    is_at_edge: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "points": [point.as_dict() for point in self.points],
            "best": self.best.as_dict(),
            "careful": self.careful.as_dict(),
            "is_at_edge": self.is_at_edge,
        }


def find_best_risk(
    sampler: Sampler,
    *,
    risk_fraction: float | None = None,
    scales: tuple[float, ...] = GRID,
    max_risk_fraction: float = 0.1,
    refinements: int = 8,
) -> RiskCurve:
    """
    Return the curve of pass probability over risk, refined around its highest point by golden section.

    :param risk_fraction: risk per trade of the backtest, as a fraction of the balance (0.01 is 1 %); None for fixed lots.
    :param scales: what to try first, rising, above 0.
    :param max_risk_fraction: no risk per trade above this is tried.
    :raises InvalidValue: where no scale is left to try, or the pack has no phase with a target.
    """
    if not sampler.targets:
        raise InvalidValue("this pack has no profit target: there is nothing to pass", field="pack")
    tried = [scale for scale in scales if scale > 0 and (risk_fraction or 0.0) * scale <= max_risk_fraction]
    if not tried or tried != sorted(set(tried)):
        raise InvalidValue(
            "risk scales must rise, be above 0 and stay under the largest risk per trade", field="scales"
        )
    found = {scale: sampler.share_passed(scale) for scale in tried}
    best = _highest(found)
    at = tried.index(best)
    low, high = tried[max(at - 1, 0)], tried[min(at + 1, len(tried) - 1)]
    _refine(sampler, found, low, high, refinements)
    points = tuple(
        RiskPoint(risk_scale=scale, risk_fraction=risk_fraction * scale if risk_fraction else None, passed=found[scale])
        for scale in sorted(found)
    )
    top = next(point for point in points if point.risk_scale == _highest(found))
    careful = next(point for point in points if point.passed.high >= top.passed.share)
    return RiskCurve(points=points, best=top, careful=careful, is_at_edge=top in (points[0], points[-1]))


def _highest(found: dict[float, Share]) -> float:
    """Return the scale that passes most often, the smallest of equals."""
    return min(found, key=lambda scale: (-found[scale].share, scale))


def _refine(sampler: Sampler, found: dict[float, Share], low: float, high: float, steps: int) -> None:
    """Narrow the bracket by golden section on the logarithm of the risk; every scale tried stays on the curve."""

    def share(logarithm: float) -> float:
        scale = math.exp(logarithm)
        found.setdefault(scale, sampler.share_passed(scale))
        return found[scale].share

    a, b = math.log(low), math.log(high)
    if b - a < 1e-9:
        return
    left, right = b - _GOLDEN * (b - a), a + _GOLDEN * (b - a)
    at_left, at_right = share(left), share(right)
    for _ in range(steps - 2):
        if at_left >= at_right:
            b, right, at_right = right, left, at_left
            left = b - _GOLDEN * (b - a)
            at_left = share(left)
        else:
            a, left, at_left = left, right, at_right
            right = a + _GOLDEN * (b - a)
            at_right = share(right)
