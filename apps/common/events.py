"""Published events, read back by number: how sockets resume."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Min

from apps.common.models import OutboxEvent, TeamSequence
from apps.common.relay import event_of

MOST = 2000


@dataclass(frozen=True)
class Resumed:
    """What came after a number: the events, or None where they cannot be had any more (look at everything anew)."""

    latest: int
    events: list[dict[str, Any]] | None


def get_latest_number(team_id: uuid.UUID) -> int:
    """Return the number of the team's last event, 0 before the first."""
    return TeamSequence.objects.filter(team_id=team_id).values_list("last", flat=True).first() or 0


def list_latest_numbers(team_ids: list[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the number of each team's last event."""
    return dict(TeamSequence.objects.filter(team_id__in=team_ids).values_list("team_id", "last"))


def read_events_after(team_id: uuid.UUID, number: int) -> Resumed:
    """Return the team's events after a number; none to be had if it is too old, too far back, or from another world."""
    latest = get_latest_number(team_id)
    if number == latest:
        return Resumed(latest, [])
    kept = OutboxEvent.objects.filter(team_id=team_id, number__isnull=False)
    oldest = kept.aggregate(oldest=Min("number"))["oldest"]
    if number > latest or latest - number > MOST or oldest is None or number < oldest - 1:
        return Resumed(latest, None)
    columns = ("id", "event_id", "team_id", "account_id", "kind", "data", "created_at", "number")
    rows = kept.filter(number__gt=number).order_by("number").values_list(*columns)[:MOST]
    return Resumed(latest, [event_of(row) for row in rows])
