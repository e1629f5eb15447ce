"""
One-shot commands: asked once, leased to the agent, worked at least once, done once (the agent's journal answers a repeat).

What lowers risk never expires. States go forward only, and only with the token of the current lease. That an account is flat is
not the agent's to say: a snapshot proves it (`flat`).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, Value, When, Window
from django.db.models.functions import Coalesce, RowNumber

from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible
from apps.common.models import OutboxEvent
from apps.common.nudges import nudge_executors
from apps.common.outbox import make_event, tell_all
from apps.executors.models import EDITS, REDUCING, Command, CommandBatch, CommandKind, CommandState, Executor
from apps.teams.models import AuditEntry
from trading.model.state import COMMAND_STEPS, sources
from trading.model.state import CommandState as CoreState
from trading.protocol import OneShot

LEASE = timedelta(seconds=30)
# What is only looked at or fetched is of no use later; what lowers risk is not in this table.
EXPIRES_AFTER: dict[str, timedelta] = {
    CommandKind.SNAPSHOT: timedelta(seconds=60),
    CommandKind.PREFLIGHT: timedelta(minutes=5),
    CommandKind.SEND_JOURNAL: timedelta(minutes=15),
    CommandKind.PULL_HISTORY: timedelta(hours=1),
    CommandKind.UPGRADE: timedelta(hours=24),
}
BATCH = 20
IN_TURN = (Case(When(kind__in=REDUCING, then=0), default=1), "created_at", "pk")
BEGUN = (CommandState.LEASED, CommandState.ACKNOWLEDGED)
UNDER_WAY = (CommandState.PENDING, *BEGUN)


@transaction.atomic
def ask_command(
    *,
    executor: Executor,
    kind: str,
    payload: dict[str, Any],
    actor: str,
    at: datetime,
    client_key: str | None = None,
    batch: CommandBatch | None = None,
) -> Command:
    """
    Ask the executor for one thing and wake it; the same thing asked again while it is under way is the same command.

    :param client_key: the asker's own id of it: under the same one it is the same command for ever, ended or not.
    :raises Conflict: EXECUTOR_RETIRED.
    :raises Impossible: IDEMPOTENCY_KEY_REUSED where the key was another thing's.
    """
    locked = raise_desired_version([executor.pk])[0]
    if locked.retired_at is not None:
        raise Conflict("EXECUTOR_RETIRED", f"Executor {locked.code} is retired.", "executor")
    if (asked := _find_same(locked, kind, payload, client_key, at)) is not None:
        return asked
    life = EXPIRES_AFTER.get(kind)
    command = Command.objects.create(
        executor=locked,
        kind=kind,
        payload=payload,
        asked_by=actor[:120],
        expires_at=at + life if life else None,
        client_key=client_key,
        batch=batch,
    )
    detail = {"command_id": command.public_id, **payload}
    AuditEntry.objects.create(
        team_id=locked.team_id, actor=actor[:120], action=kind, target=locked.public_id, detail=detail
    )
    tell_command(locked, command)
    return command


def _find_same(
    executor: Executor, kind: str, payload: dict[str, Any], client_key: str | None, at: datetime
) -> Command | None:
    if client_key is not None:
        known = Command.objects.filter(executor=executor, client_key=client_key).first()
        if known is not None and (known.kind, known.payload) != (kind, payload):
            message = f"This client_request_id is that of {known.public_id}, another command."
            raise Impossible(Code.IDEMPOTENCY_KEY_REUSED, message, "client_request_id")
        return known  # a new key is a new wish, even for the same thing
    same = Command.objects.filter(executor=executor, kind=kind, payload=payload, state__in=UNDER_WAY)
    return same.exclude(expires_at__lte=at).order_by("created_at").first()


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
    nudge_executors({row.pk: row.desired_version for row in rows})
    return rows


@transaction.atomic
def lease_commands(*, executor_ids: Sequence[UUID], at: datetime) -> dict[UUID, list[Command]]:
    """
    Lease what waits of each executor, at most 20 of it, what lowers risk first and then the oldest; also what was leased before
    and not ended: an agent that has lost its journal has forgotten what it acknowledged; one that has not answers from it.

    Two askers never get the same. What waits for one executor takes no place of another's.
    """
    waiting = Command.objects.filter(
        Q(state=CommandState.PENDING) | Q(state__in=BEGUN, lease_until__lte=at),
        Q(expires_at__isnull=True) | Q(expires_at__gt=at),
        executor_id__in=executor_ids,
    ).exclude(kind__in=EDITS)
    numbered = waiting.annotate(place=Window(RowNumber(), partition_by="executor_id", order_by=IN_TURN))
    mine = waiting.select_for_update(skip_locked=True, no_key=True).filter(
        pk__in=numbered.filter(place__lte=BATCH).values("pk")
    )
    leased: dict[UUID, list[Command]] = {}
    for command in mine.order_by(*IN_TURN):
        leased.setdefault(command.executor_id, []).append(command)
    commands = [command for one in leased.values() for command in one]
    for command in commands:
        command.lease_until = at + LEASE
        if command.state == CommandState.PENDING:
            command.state = CommandState.LEASED
        command.fetched_at = command.fetched_at or at
        command.lease_token, command.attempts = uuid.uuid4(), command.attempts + 1
    Command.objects.bulk_update(commands, ["state", "lease_until", "lease_token", "attempts", "fetched_at"])
    return leased


def note_fetched(commands: Iterable[Command], at: datetime) -> None:
    """Keep when edits of desired state were first handed to their agent."""
    fresh = [command.pk for command in commands if command.fetched_at is None]
    if fresh:
        Command.objects.filter(pk__in=fresh, fetched_at__isnull=True).update(fetched_at=at)


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
    rows = Command.objects.filter(pk=command_id, executor=executor, lease_token=token)
    if wanted is CoreState.EXECUTED and rows.filter(kind=CommandKind.FLATTEN_ACCOUNT).exists():
        wanted, result = CoreState.ACKNOWLEDGED, {**result, **say_done(at)}
    values: dict[str, Any] = {"state": str(wanted), "result": result}
    values |= {"acknowledged_at": Coalesce("acknowledged_at", Value(at))}
    values |= {} if wanted is CoreState.ACKNOWLEDGED else {"ended_at": at}
    before = [str(one) for one in sources(COMMAND_STEPS, wanted)]
    before += [str(wanted)] if wanted is CoreState.ACKNOWLEDGED else []  # again, under a new lease
    if not rows.filter(state__in=before).update(**values):
        return False
    tell_command(executor, Command.objects.get(pk=command_id))
    return True


def say_done(at: datetime) -> dict[str, Any]:
    """Return what is kept of an agent's word that the account is flat, until a snapshot proves it."""
    return {"said": "EXECUTED", "said_at": at.isoformat()}


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


def end_under_way(executor: Executor, at: datetime) -> None:
    """End what was asked of an executor that will not answer any more: nobody knows how far it came with what it had begun."""
    rows = executor.commands.select_for_update(no_key=True).filter(state__in=UNDER_WAY).exclude(kind__in=EDITS)
    for command in rows.order_by("pk"):
        command.state = CommandState.UNRESOLVED if command.state in BEGUN else CommandState.EXPIRED
        command.ended_at = at
        command.save(update_fields=["state", "ended_at"])
        tell_command(executor, command)


def tell_command(executor: Executor, command: Command) -> None:
    """Tell the team, and by push the executor, how the command stands."""
    tell_all([make_command_event(executor, command)], wake=True)


def make_command_event(executor: Executor, command: Command) -> OutboxEvent:
    """Return the event that says how the command stands."""
    data = {"command_id": command.public_id, "kind": command.kind, "state": command.state}
    data |= {"executor_id": executor.public_id}
    return make_event(team_id=executor.team_id, account_id=executor.account_id, kind="command.changed", data=data)
