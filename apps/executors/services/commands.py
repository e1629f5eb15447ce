"""
One-shot commands: asked once, leased to the agent, worked at least once, done once (the agent's journal answers a repeat).

What lowers risk never expires. States go forward only, and only with the token of the current lease.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from apps.common.errors import Conflict
from apps.common.nudges import nudge_executor
from apps.common.outbox import tell
from apps.executors.models import EDITS, Command, CommandKind, CommandState, Executor
from apps.teams.models import AuditEntry
from trading.model.state import COMMAND_STEPS, sources
from trading.model.state import CommandState as CoreState
from trading.protocol import OneShot

LEASE = timedelta(seconds=30)
EXPIRES_AFTER: dict[str, timedelta] = {CommandKind.SNAPSHOT: timedelta(seconds=60)}
BATCH = 20
BEGUN = (CommandState.LEASED, CommandState.ACKNOWLEDGED)
UNDER_WAY = (CommandState.PENDING, *BEGUN)


@transaction.atomic
def ask_command(*, executor: Executor, kind: str, payload: dict[str, Any], actor: str, at: datetime) -> Command:
    """
    Ask the executor for one thing and wake it; the same thing asked again while it is under way is the same command.

    :raises Conflict: EXECUTOR_RETIRED.
    """
    locked = raise_desired_version([executor.pk])[0]
    if locked.retired_at is not None:
        raise Conflict("EXECUTOR_RETIRED", f"Executor {locked.code} is retired.", "executor")
    same = Command.objects.filter(executor=locked, kind=kind, payload=payload, state__in=UNDER_WAY)
    if (asked := same.exclude(expires_at__lte=at).order_by("created_at").first()) is not None:
        return asked
    life = EXPIRES_AFTER.get(kind)
    command = Command.objects.create(
        executor=locked, kind=kind, payload=payload, asked_by=actor, expires_at=at + life if life else None
    )
    detail = {"command_id": command.public_id, **payload}
    AuditEntry.objects.create(team_id=locked.team_id, actor=actor, action=kind, target=locked.public_id, detail=detail)
    tell_command(locked, command)
    return command


def lock_executors(executor_ids: Iterable[UUID]) -> list[Executor]:
    """Return the executors, locked in id order until the transaction ends."""
    rows = Executor.objects.select_for_update(no_key=True).filter(pk__in=list(executor_ids))
    return list(rows.order_by("pk"))


def raise_desired_version(executor_ids: Iterable[UUID]) -> list[Executor]:
    """Lock the executors in id order, raise their desired versions and wake them on commit; return the rows."""
    rows = lock_executors(executor_ids)
    Executor.objects.filter(pk__in=[row.pk for row in rows]).update(desired_version=F("desired_version") + 1)
    for row in rows:
        row.desired_version += 1
        nudge_executor(row.pk)
    return rows


@transaction.atomic
def lease_commands(*, executor_id: UUID, at: datetime) -> list[Command]:
    """
    Lease what waits, oldest first, also what was leased before and not ended: an agent that has lost its journal has forgotten
    what it acknowledged; one that has not answers from it. Two askers get different ones.
    """
    waiting = Command.objects.select_for_update(skip_locked=True, no_key=True).filter(
        Q(state=CommandState.PENDING) | Q(state__in=BEGUN, lease_until__lte=at),
        Q(expires_at__isnull=True) | Q(expires_at__gt=at),
        executor_id=executor_id,
    )
    commands = list(waiting.exclude(kind__in=EDITS).order_by("created_at", "pk")[:BATCH])
    for command in commands:
        command.lease_until = at + LEASE
        if command.state == CommandState.PENDING:
            command.state = CommandState.LEASED
        command.lease_token, command.attempts = uuid.uuid4(), command.attempts + 1
    Command.objects.bulk_update(commands, ["state", "lease_until", "lease_token", "attempts"])
    return commands


def to_one_shot(command: Command) -> OneShot:
    """Return a leased command as the wire shows it."""
    return OneShot(
        command_id=command.public_id,
        kind=command.kind,
        payload=command.payload,
        lease_token=str(command.lease_token),
        expires_at=command.expires_at,
        attempt=command.attempts,
    )


@transaction.atomic
def settle_command(
    *, executor: Executor, command_id: UUID, lease_token: str, state: str, result: dict[str, Any], at: datetime
) -> bool:
    """
    Move a leased command forward; return False where it is not this executor's, not this lease's, or further already.

    :param state: ACKNOWLEDGED, EXECUTED, FAILED or UNRESOLVED.
    """
    try:
        token, wanted = uuid.UUID(lease_token), CoreState(state)
    except ValueError:
        return False
    values: dict[str, Any] = {"state": state, "result": result}
    values |= {"acknowledged_at": at} if wanted is CoreState.ACKNOWLEDGED else {"ended_at": at}
    before = [str(one) for one in sources(COMMAND_STEPS, wanted)]
    before += [str(wanted)] if wanted is CoreState.ACKNOWLEDGED else []  # again, under a new lease
    rows = Command.objects.filter(pk=command_id, executor=executor, lease_token=token, state__in=before)
    if not rows.update(**values):
        return False
    tell_command(executor, Command.objects.get(pk=command_id))
    return True


@transaction.atomic
def expire_commands(*, at: datetime) -> int:
    """End what nobody fetched in time, and call unresolved what was fetched and never answered; return how many."""
    over = Command.objects.select_for_update(skip_locked=True, no_key=True).filter(expires_at__lte=at)
    unfetched = over.filter(state=CommandState.PENDING).exclude(kind__in=EDITS)
    silent = over.filter(state__in=BEGUN, lease_until__lte=at)
    ended = 0
    for rows, state in ((unfetched, CommandState.EXPIRED), (silent, CommandState.UNRESOLVED)):
        for command in rows.select_related("executor").order_by("pk")[:500]:
            command.state, command.ended_at = state, at
            command.save(update_fields=["state", "ended_at"])
            tell_command(command.executor, command)
            ended += 1
    return ended


def tell_command(executor: Executor, command: Command) -> None:
    """Tell the team, and by push the executor, how the command stands."""
    data = {"command_id": command.public_id, "kind": command.kind, "state": command.state}
    data |= {"executor_id": executor.public_id}
    tell(team_id=executor.team_id, account_id=executor.account_id, kind="command.changed", data=data)
