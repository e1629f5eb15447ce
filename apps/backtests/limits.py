"""How much a team may ask of the compute workers at once."""

from __future__ import annotations

from dataclasses import dataclass

from apps.teams.models import Tier

MOST_STORED_BARS = 1_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """Backtests and studies that may wait or run, points of one sweep, and histories of one simulation."""

    open_runs: int
    open_studies: int
    points: int
    paths: int


ALLOWANCES = {
    Tier.FREE: Allowance(open_runs=5, open_studies=1, points=500, paths=5_000),
    Tier.PRO: Allowance(open_runs=20, open_studies=4, points=5_000, paths=10_000),
    Tier.TOP: Allowance(open_runs=50, open_studies=10, points=20_000, paths=20_000),
}


def allowance_of(tier: str) -> Allowance:
    """
    Return what a tier may ask for.

    >>> allowance_of("FREE").open_runs
    5
    """
    return ALLOWANCES[Tier(tier)]
