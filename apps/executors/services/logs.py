"""The log of an agent, while somebody reads along: asked for with the snapshots' answers, kept in one bounded row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.executors.models import Executor, ExecutorLog
from trading.protocol import LogLine
from trading.protocol.sending import LONGEST_LINE

READ_ALONG = timedelta(seconds=30)
KEPT_LINES = 500


def want_log(*, executor_id: UUID, at: datetime) -> None:
    """Want the agent's lines for another half minute; a page that is open asks again. Written at most every ten seconds."""
    soon = at + READ_ALONG - timedelta(seconds=10)
    due = Q(log_wanted_until__isnull=True) | Q(log_wanted_until__lt=soon)
    Executor.objects.filter(due, pk=executor_id).update(log_wanted_until=at + READ_ALONG)


def is_log_wanted(executor: Executor, at: datetime) -> bool:
    """Say whether somebody reads along."""
    return executor.log_wanted_until is not None and at < executor.log_wanted_until


@transaction.atomic
def keep_lines(*, executor_id: UUID, instance_id: str, lines: Sequence[LogLine], at: datetime) -> None:
    """Keep the lines that are new behind those that are there, at most 500 in all; another process begins anew."""
    row, _ = ExecutorLog.objects.select_for_update().get_or_create(
        executor_id=executor_id, defaults={"instance_id": instance_id, "received_at": at}
    )
    kept = row.lines if row.instance_id == instance_id else []
    last = kept[-1][0] if kept else 0
    fresh = [[line.number, line.text[:LONGEST_LINE].replace("\x00", "")] for line in lines if line.number > last]
    row.lines, row.instance_id, row.received_at = [*kept, *fresh][-KEPT_LINES:], instance_id, at
    row.save(update_fields=["lines", "instance_id", "received_at"])
