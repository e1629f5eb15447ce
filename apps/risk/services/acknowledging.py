"""Somebody has taken note of an event: who and when, once."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.common.outbox import tell
from apps.risk.models import RiskEvent


@transaction.atomic
def acknowledge_event(*, event: RiskEvent, actor: str, at: datetime) -> RiskEvent:
    """Store who took note of an event; the first one stays."""
    rows = RiskEvent.objects.filter(pk=event.pk, acknowledged_at__isnull=True)
    if rows.update(acknowledged_at=at, acknowledged_by=actor[:120]) and event.account is not None:
        data = {"event_id": event.public_id, "account_id": event.account.public_id, "acknowledged_by": actor}
        tell(team_id=event.account.team_id, account_id=event.account_id, kind="risk.acknowledged", data=data)
    event.refresh_from_db(fields=["acknowledged_at", "acknowledged_by"])
    return event
