"""Writes on the rows that all apps share."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from apps.common.models import IdempotentAnswer, OutboxEvent

KEEP_EVENTS = dt.timedelta(days=7)
KEEP_ANSWERS = dt.timedelta(days=7)
BATCH = 5000


def prune(*, at: dt.datetime) -> dict[str, int]:
    """Delete published events and kept answers older than a week, in batches, and say how many of each."""
    events = OutboxEvent.objects.filter(published_at__lt=at - KEEP_EVENTS)
    answers = IdempotentAnswer.objects.filter(created_at__lt=at - KEEP_ANSWERS)
    return {"events": _delete(events), "answers": _delete(answers)}


def _delete(rows: QuerySet[Any]) -> int:
    gone = 0
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        gone += rows.model.objects.filter(pk__in=batch).delete()[0]
    return gone
