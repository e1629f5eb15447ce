"""
Flattening accounts: latched first, then swept. Nothing is approved from the commit on; the strategies are paused until a person
resumes them; every executor of the account is asked to cancel and close whatever is there, whoever placed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.accounts.models import Account, AccountRisk
from apps.assignments.models import Assignment, Desired
from apps.assignments.services import pause
from apps.executors.models import Command, CommandBatch, CommandKind, Executor
from apps.executors.services.commands import ask_command
from apps.risk.services.latches import halt_account


@dataclass(frozen=True)
class Flattening:
    """What was asked: who is to do it, and which strategies were paused. Without a command nobody can do it but a person."""

    risk: AccountRisk
    commands: list[Command]
    paused: list[Assignment]


@transaction.atomic
def flatten_account(
    *, account: Account, reason: str, actor: str, at: datetime, batch: CommandBatch | None = None
) -> Flattening:
    """
    Want an account without any position or waiting order, and keep it so: done when a snapshot proves it, lifted by a person.

    Never refused, never expires. Asked again while it is under way, it is the same.
    """
    risk = halt_account(account=account, reason=f"flattened: {reason}"[:200], actor=actor, at=at)
    running = Assignment.objects.filter(account=account, live=True, desired=Desired.RUNNING)
    paused = pause(assignment_ids=list(running.values_list("pk", flat=True)), actor=actor, at=at)
    executors = Executor.objects.filter(account=account, retired_at__isnull=True).order_by("pk")
    commands = [
        ask_command(executor=executor, kind=CommandKind.FLATTEN_ACCOUNT, payload={}, actor=actor, at=at, batch=batch)
        for executor in executors
    ]
    return Flattening(risk, commands, paused)
