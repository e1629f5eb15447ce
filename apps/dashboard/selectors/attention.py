"""The counts in the navigation: what needs a person."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from apps.accounts.models import Account
from apps.dashboard.proof import STALE_AFTER
from apps.executors.models import Executor
from apps.teams.models import Team

LATCHED = (
    ~Q(risk__account_latch="")
    | ~Q(risk__team_latch="")
    | ~Q(risk__platform_latch="")
    | ~Q(risk__breach_latch="")
    | ~Q(risk__day_latch="")
)


def count_attention(team: Team, at: datetime) -> dict[str, int]:
    """Return how many accounts may not trade (`risk`) and how many executors are silent (`fleet`)."""
    silent = Q(last_seen_at__lt=at - STALE_AFTER)
    return {
        "risk": Account.objects.filter(LATCHED, team=team, retired_at=None, risk__isnull=False).count(),
        "fleet": Executor.objects.filter(silent, team=team, retired_at=None).count(),
    }
