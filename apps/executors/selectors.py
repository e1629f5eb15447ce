"""Executors and their commands as callers name them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.common.refs import match_reference
from apps.executors.models import Command, CommandBatch, Executor, ExecutorFile, ExecutorLog

RowT = TypeVar("RowT", bound=Model)


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
    return Command.objects.filter(executor_id=executor_id).select_related("executor").order_by("-created_at", "-pk")


def list_team_commands(team_id: UUID, *, account_id: UUID | None = None) -> QuerySet[Command]:
    """Return what was asked of the team's executors, or of those of one account."""
    rows = Command.objects.filter(executor__team_id=team_id).select_related("executor__account")
    return rows.filter(executor__account_id=account_id) if account_id else rows


def get_command(team_id: UUID, reference: str, *, account_id: UUID | None = None) -> Command:
    """
    Return the team's command of that id.

    :raises NotFound: also where it is another team's.
    """
    rows = list_team_commands(team_id, account_id=account_id)
    return _get(rows, Command.PREFIX, reference, f"No command {reference[:80]!r} in this team.", "command")


def get_batch(team_id: UUID, reference: str) -> CommandBatch:
    """
    Return the team's batch of commands of that id.

    :raises NotFound: also where it is another team's.
    """
    rows = CommandBatch.objects.filter(team_id=team_id)
    return _get(rows, CommandBatch.PREFIX, reference, f"No batch {reference[:80]!r} in this team.", "batch")


def find_log(executor_id: UUID) -> ExecutorLog | None:
    """Return the last lines of an executor's log, None before it sent any."""
    return ExecutorLog.objects.filter(executor_id=executor_id).first()


def list_files(executor_id: UUID) -> QuerySet[ExecutorFile]:
    """Return the files an executor sent, newest first."""
    return ExecutorFile.objects.filter(executor_id=executor_id).order_by("-created_at", "-pk")


def get_file(executor_id: UUID, reference: str) -> ExecutorFile:
    """
    Return the executor's file of that id.

    :raises NotFound: also where it is another executor's.
    """
    message = f"No file {reference[:80]!r} of this executor."
    return _get(list_files(executor_id), ExecutorFile.PREFIX, reference, message, "file")


def _get(rows: QuerySet[RowT], prefix: str, reference: str, message: str, field: str) -> RowT:
    try:
        row = rows.filter(pk=parse_public_id(prefix, reference)).first()
    except MalformedId:
        row = None
    if row is None:
        raise NotFound(Code.NOT_FOUND, message, field)
    return row


def get_desired_version(executor_id: UUID) -> int:
    """Return the executor's desired version as it is committed now."""
    return Executor.objects.values_list("desired_version", flat=True).get(pk=executor_id)
