"""Executors and their commands as callers name them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.refs import match_reference
from apps.executors.models import Command, Executor


def find_executor(team_id: UUID, reference: str) -> Executor | None:
    """Return the team's executor of that id or code, or None."""
    rows = Executor.objects.select_related("account")
    return rows.filter(match_reference(Executor.PREFIX, reference, "code"), team_id=team_id).first()


def get_executor(team_id: UUID, reference: str, *, account_id: UUID | None = None) -> Executor:
    """
    Return the team's executor of that id or code, on that account where one is given.

    :raises NotFound: also where it is another team's.
    """
    executor = find_executor(team_id, reference)
    if executor is None or account_id not in (None, executor.account_id):
        raise NotFound(Code.NOT_FOUND, f"No executor {reference[:80]!r} in this team.", "executor")
    return executor


def list_executors(team_id: UUID, *, with_retired: bool = False) -> QuerySet[Executor]:
    """Return the team's executors with their accounts."""
    rows = Executor.objects.filter(team_id=team_id).select_related("account")
    return rows if with_retired else rows.filter(retired_at__isnull=True)


def list_online(team_id: UUID, at: datetime) -> QuerySet[Executor]:
    """Return the team's executors that were heard of in time."""
    since = at - timedelta(seconds=settings.EXECUTOR_STALE_S)
    return list_executors(team_id).filter(last_seen_at__gte=since)


def list_commands(executor_id: UUID) -> QuerySet[Command]:
    """Return what was asked of an executor, newest first."""
    return Command.objects.filter(executor_id=executor_id).order_by("-created_at", "-pk")


def get_desired_version(executor_id: UUID) -> int:
    """Return the executor's desired version as it is committed now."""
    return Executor.objects.values_list("desired_version", flat=True).get(pk=executor_id)
