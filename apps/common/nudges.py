"""Nudges: messages that may be lost. The row is the truth; a lost nudge costs one poll, or one round of the schedule."""

from __future__ import annotations

import uuid
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

EXECUTOR_CHANNEL = "executor"
log = structlog.get_logger(__name__)


def nudge_executor(executor_id: uuid.UUID) -> None:
    """Wake whoever waits for this executor's desired set. PostgreSQL delivers it when the transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [EXECUTOR_CHANNEL, str(executor_id)])


def after_commit(task_name: str, **kwargs: Any) -> None:
    """Queue a task by its dotted name when the transaction commits. A broker that is away only costs the nudge."""
    transaction.on_commit(lambda: _queue(task_name, kwargs), robust=True)


def _queue(task_name: str, kwargs: dict[str, Any]) -> None:
    try:
        import_string(settings.TASK_APP).send_task(task_name, kwargs=kwargs, retry=False)
    except Exception as error:
        log.warning("NUDGE_LOST", task=task_name, problem=repr(error)[:200])
