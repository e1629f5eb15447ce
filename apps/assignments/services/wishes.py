"""Pausing, resuming, stopping, updating what is assigned. A wish that is the state already is no new generation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.assignments.models import Assignment, Desired
from apps.assignments.services.edits import keep_wishes, lock_assignments, record_commands, set_wish, wake
from apps.assignments.services.placing import require_certified, require_free_symbol
from apps.assignments.services.preflight import check_rules
from apps.common.errors import Conflict
from apps.executors.models import CommandKind
from apps.executors.services.commands import lock_executors
from apps.strategies.selectors import get_latest_version


def pause(*, assignment_ids: Iterable[UUID], actor: str, at: datetime) -> list[Assignment]:
    """
    Want no new positions; open ones keep their exits.

    :raises Conflict: ASSIGNMENT_STOPPED.
    """
    return _wish(assignment_ids, lambda rows: _move(rows, CommandKind.PAUSE_STRATEGY, Desired.PAUSED, actor, at))


def resume(*, assignment_ids: Iterable[UUID], actor: str, at: datetime) -> list[Assignment]:
    """
    Want it running again.

    :raises Conflict: ASSIGNMENT_STOPPED.
    """
    return _wish(assignment_ids, lambda rows: _move(rows, CommandKind.RESUME_STRATEGY, Desired.RUNNING, actor, at))


def stop(*, assignment_ids: Iterable[UUID], actor: str, at: datetime) -> list[Assignment]:
    """Want it stopped, its orders cancelled and its positions closed. Never refused, never expires, final."""

    return _wish(assignment_ids, lambda rows: _want(rows, CommandKind.STOP_STRATEGY, Desired.STOPPED, actor, at))


def update(
    *, assignment_ids: Iterable[UUID], actor: str, at: datetime, overrides: Mapping[str, Any] | None = None
) -> list[Assignment]:
    """
    Want the strategy's latest version, with these overrides (None keeps what is set), without changing run or pause.

    :raises Impossible: as activation.
    :raises Conflict: ASSIGNMENT_STOPPED, NETTING_SYMBOL_TAKEN, PREFLIGHT_FAILED (where the symbol becomes another).
    """

    def want(row: Assignment) -> bool:
        _require_not_stopped(row)
        version = get_latest_version(row.strategy_id)
        settings = check_rules(version, row.settings if overrides is None else overrides)
        if (row.version_id, row.settings) == (version.pk, settings):
            return False
        require_free_symbol(row.bot, version.symbol)
        if version.symbol != row.version.symbol:  # else an update that lowers risk would be refused
            require_certified([row.executor], version.symbol)
        set_wish(row, actor=actor, at=at, desired=Desired(row.desired), version=version, settings=settings)
        return True

    def want_all(rows: list[Assignment]) -> list[Assignment]:
        changed = [row for row in rows if want(row)]
        record_commands(changed, CommandKind.UPDATE_STRATEGY, actor=actor, at=at)
        return changed

    return _wish(assignment_ids, want_all)


@transaction.atomic
def _wish(assignment_ids: Iterable[UUID], want: Callable[[list[Assignment]], list[Assignment]]) -> list[Assignment]:
    keys = list(assignment_ids)
    lock_executors(Assignment.objects.filter(pk__in=keys).values_list("executor_id", flat=True))
    rows = lock_assignments(keys)
    if changed := want(rows):
        wake(changed)
    return rows


def _move(rows: list[Assignment], kind: CommandKind, desired: Desired, actor: str, at: datetime) -> list[Assignment]:
    for row in rows:
        _require_not_stopped(row)
    return _want(rows, kind, desired, actor, at)


def _want(rows: list[Assignment], kind: CommandKind, desired: Desired, actor: str, at: datetime) -> list[Assignment]:
    changed = [row for row in rows if row.desired != desired]
    if changed:
        keep_wishes(changed, kind, actor=actor, at=at, desired=desired)
    return changed


def _require_not_stopped(row: Assignment) -> None:
    if row.desired == Desired.STOPPED:
        message = f"{row.bot.bot_id} is stopped on {row.executor.code}: that is final; activate the strategy anew."
        raise Conflict("ASSIGNMENT_STOPPED", message, extra={"assignment_id": row.public_id})
