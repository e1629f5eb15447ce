"""Nudges: messages that may be lost. The row is the truth; a lost nudge costs one poll, or one round of the schedule."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string

EXECUTOR_CHANNEL = "executor"
log = structlog.get_logger(__name__)


def nudge_executor(executor_id: uuid.UUID) -> None:
    """Wake whoever waits for this executor's desired set, and have them look. Delivered when the transaction commits."""
    _notify([str(executor_id)])


def nudge_executors(versions: Mapping[uuid.UUID, int]) -> None:
    """Wake whoever waits for these executors and say which desired version each has now: nobody has to look that up."""
    if versions:
        _notify([f"{executor_id}:{version}" for executor_id, version in versions.items()])


def read_nudge(payload: str) -> tuple[uuid.UUID, int | None]:
    """
    Return which executor was nudged, and its desired version where the nudge says it.

    >>> read_nudge("00000000-0000-0000-0000-000000000007:12")
    (UUID('00000000-0000-0000-0000-000000000007'), 12)

    :raises ValueError: for anything else.
    """
    executor_id, _, version = payload.partition(":")
    return uuid.UUID(executor_id), int(version) if version else None


def _notify(payloads: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, one) FROM unnest(%s::text[]) AS one", [EXECUTOR_CHANNEL, payloads])


def after_commit(task_name: str, **kwargs: Any) -> None:
    """Queue a task by its dotted name when the transaction commits. A broker that is away only costs the nudge."""
    transaction.on_commit(lambda: _queue(task_name, kwargs), robust=True)


def _queue(task_name: str, kwargs: dict[str, Any]) -> None:
    try:
        import_string(settings.TASK_APP).send_task(task_name, kwargs=kwargs, retry=False)
    except Exception as error:
        log.warning("NUDGE_LOST", task=task_name, problem=repr(error)[:200])
