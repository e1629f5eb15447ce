"""
One act asked of many: strategies, executors, accounts. Each target succeeds or is refused by itself; how far they all are is read
from their commands, never assumed.

All locks are taken first and in the platform's order (risk rows or accounts, executors, assignments, each by id), so two of these
never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account, AccountRisk
from apps.assignments.models import Assignment
from apps.assignments.services import activate, pause, resume, stop, update
from apps.common.errors import PlatformError
from apps.executors.models import Command, CommandBatch, CommandKind, Executor
from apps.executors.services.commands import ask_command, lock_executors
from apps.risk.services.flatten import flatten_account
from apps.strategies.models import Strategy

WISHES: dict[str, Callable[..., list[Assignment]]] = {
    "PAUSE": pause,
    "RESUME": resume,
    "STOP": stop,
    "UPDATE": update,
}
ACTIVATE, FLATTEN = "ACTIVATE", "FLATTEN"
ONE_SHOTS = (
    CommandKind.SNAPSHOT,
    CommandKind.CANCEL_PENDINGS,
    CommandKind.PULL_HISTORY,
    CommandKind.PREFLIGHT,
    CommandKind.UPGRADE,
    CommandKind.SEND_JOURNAL,
)
ACTS = (*WISHES, ACTIVATE, FLATTEN, *(str(kind) for kind in ONE_SHOTS))
ASKED, UNCHANGED, REFUSED = "ASKED", "UNCHANGED", "REFUSED"


@dataclass(frozen=True)
class Target:
    """One thing to be asked of one row; ``do`` returns the commands it made or found."""

    reference: str
    name: str
    executor_ids: frozenset[UUID]
    account_id: UUID
    do: Callable[[CommandBatch], Sequence[Command]] = field(repr=False)


def wish_of(row: Assignment, act: str, *, actor: str, at: datetime) -> Target:
    """Return the target of a wish (PAUSE, RESUME, STOP, UPDATE) on one assignment."""

    def do(batch: CommandBatch) -> list[Command]:
        before = Assignment.objects.values_list("generation", flat=True).get(pk=row.pk)
        (after,) = WISHES[act](assignment_ids=[row.pk], actor=actor, at=at)
        return _made([after], batch) if after.generation != before else []

    name = f"{row.strategy.name} on {row.executor.name}"
    return Target(row.public_id, name, frozenset({row.executor_id}), row.account_id, do)


def activation_of(strategy: Strategy, executor: Executor, *, actor: str, at: datetime) -> Target:
    """Return the target of starting a strategy's latest version on one executor."""

    def do(batch: CommandBatch) -> list[Command]:
        live = Assignment.objects.filter(strategy=strategy, account_id=executor.account_id, live=True)
        before = dict(live.values_list("pk", "generation"))
        rows = activate(strategy=strategy, references=[executor.public_id], actor=actor, at=at)
        return _made([row for row in rows if before.get(row.pk) != row.generation], batch)

    name = f"{strategy.name} on {executor.name}"
    return Target(strategy.public_id, name, frozenset({executor.pk}), executor.account_id, do)


def one_shot_of(executor: Executor, kind: str, payload: dict[str, Any], *, actor: str, at: datetime) -> Target:
    """Return the target of a one-shot on one executor."""

    def do(batch: CommandBatch) -> list[Command]:
        return [ask_command(executor=executor, kind=kind, payload=payload, actor=actor, at=at, batch=batch)]

    return Target(executor.public_id, executor.name, frozenset({executor.pk}), executor.account_id, do)


def flattening_of(account: Account, reason: str, *, actor: str, at: datetime) -> Target:
    """Return the target of flattening one account."""

    def do(batch: CommandBatch) -> list[Command]:
        return flatten_account(account=account, reason=reason, actor=actor, at=at, batch=batch).commands

    executors = Executor.objects.filter(account=account, retired_at__isnull=True).values_list("pk", flat=True)
    return Target(account.public_id, account.name, frozenset(executors), account.pk, do)


@transaction.atomic
def ask_many(*, act: str, targets: Sequence[Target], team_id: UUID, actor: str) -> CommandBatch:
    """Ask every target; a refusal of one leaves the others. Return what was said at once, one item a target, in order."""
    _lock(act, targets)
    batch = CommandBatch.objects.create(team_id=team_id, act=act, asked_by=actor[:120])
    batch.items = [_ask(target, batch) for target in targets]
    batch.save(update_fields=["items"])
    return batch


def _lock(act: str, targets: Sequence[Target]) -> None:
    accounts = {target.account_id for target in targets}
    if act == FLATTEN:
        list(AccountRisk.objects.select_for_update(no_key=True).filter(pk__in=accounts).order_by("pk"))
    if act == ACTIVATE:
        list(Account.objects.select_for_update(no_key=True).filter(pk__in=accounts).order_by("pk"))
    lock_executors({key for target in targets for key in target.executor_ids})


def _ask(target: Target, batch: CommandBatch) -> dict[str, Any]:
    item: dict[str, Any] = {"target": target.reference, "name": target.name, "code": "", "message": "", "commands": []}
    try:
        with transaction.atomic():
            commands = target.do(batch)
    except PlatformError as refusal:
        return {**item, "status": REFUSED, "code": refusal.code, "message": refusal.message}
    if batch.act == FLATTEN and not commands:
        message = "Halted, its strategies paused; no executor serves it: close what is open at the terminal."
        return {**item, "status": ASKED, "code": "NO_EXECUTOR", "message": message}
    is_news = any(command.batch_id == batch.pk for command in commands)
    return {**item, "status": ASKED if is_news else UNCHANGED, "commands": [each.public_id for each in commands]}


def _made(rows: Iterable[Assignment], batch: CommandBatch) -> list[Command]:
    made = []
    for row in rows:
        mine = Command.objects.filter(assignment_id=row.pk, generation=row.generation)
        mine.update(batch=batch)
        made += list(mine)
    return made
