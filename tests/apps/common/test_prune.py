"""What is kept for a week goes after a week; what was not told yet never goes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from apps.common import services
from apps.common.clock import read_at
from apps.common.ids import new_id
from apps.common.models import OutboxEvent
from apps.common.outbox import tell

pytestmark = pytest.mark.django_db


def test_only_told_events_older_than_a_week_go(monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    at, team = read_at(), new_id()
    with transaction.atomic():
        events = [tell(team_id=team, kind="x", data={}) for _ in range(6)]
    week = dt.timedelta(days=7, seconds=1)
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events[:4]]).update(published_at=at - week)
    OutboxEvent.objects.filter(pk=events[4].pk).update(published_at=at)

    assert services.prune(at=at)["events"] == 4
    assert set(OutboxEvent.objects.values_list("pk", flat=True)) == {events[4].pk, events[5].pk}
    assert services.prune(at=at)["events"] == 0
