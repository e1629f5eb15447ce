"""Strategies as callers name them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.refs import match_reference
from apps.strategies.models import Strategy, StrategyVersion


def find_strategy(team_id: UUID, reference: str) -> Strategy | None:
    """Return the team's strategy of that id or slug, or None."""
    return Strategy.objects.filter(match_reference(Strategy.PREFIX, reference, "slug"), team_id=team_id).first()


def get_strategy(team_id: UUID, reference: str) -> Strategy:
    """
    Return the team's strategy of that id or slug.

    :raises NotFound: also where it is another team's.
    """
    strategy = find_strategy(team_id, reference)
    if strategy is None:
        raise NotFound(Code.NOT_FOUND, f"No strategy {reference[:80]!r} in this team.", "strategy")
    return strategy


def get_latest_version(strategy_id: UUID) -> StrategyVersion:
    """Return the newest version; every strategy has one from its creation on."""
    return StrategyVersion.objects.filter(strategy_id=strategy_id).order_by("-number")[0]


def list_strategies(team_id: UUID, *, status: str = "", search: str = "") -> QuerySet[Strategy]:
    """Return the team's strategies with `latest_versions` (one element) for showing, filtered by status and text."""
    rows = Strategy.objects.filter(team_id=team_id)
    if status:
        rows = rows.filter(status=status.upper())
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(slug__icontains=search) | Q(description__icontains=search))
    newest = StrategyVersion.objects.order_by("strategy_id", "-number").distinct("strategy_id")
    return rows.prefetch_related(Prefetch("versions", queryset=newest, to_attr="latest_versions"))


def list_versions(strategy_id: UUID) -> QuerySet[StrategyVersion]:
    """Return all versions, newest first."""
    return StrategyVersion.objects.filter(strategy_id=strategy_id).order_by("-number")
