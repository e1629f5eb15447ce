"""Entering executors and giving them keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts.models import Account
from apps.common.codes import Code
from apps.common.errors import Conflict
from apps.common.nudges import nudge_executor
from apps.common.outbox import tell
from apps.executors.models import Executor, ExecutorKey
from apps.executors.services.commands import end_under_way
from apps.executors.services.leases import revoke_lease
from apps.teams import keys
from apps.teams.models import AuditEntry

ROTATION_OVERLAP = timedelta(hours=24)


@transaction.atomic
def create_executor(*, account: Account, actor: str, code: str, name: str) -> tuple[Executor, ExecutorKey, str]:
    """
    Enter an executor for one account; return it with its first key and the secret, which is shown once.

    :raises Conflict: ALREADY_EXISTS where the team has that code.
    """
    try:
        with transaction.atomic():
            executor = Executor.objects.create(team_id=account.team_id, account=account, code=code, name=name)
    except IntegrityError as error:
        raise Conflict(Code.ALREADY_EXISTS, f"This team already has an executor {code!r}.", "code") from error
    key, secret = _mint(executor)
    _tell(executor, "executor.created", actor)
    return executor, key, secret


@transaction.atomic
def rotate_key(*, executor_id: UUID, actor: str, at: datetime) -> tuple[ExecutorKey, str]:
    """
    Return a new key with its secret; the old ones serve for another day, so that the agent can be reconfigured in peace.

    :raises Conflict: EXECUTOR_RETIRED.
    """
    executor = Executor.objects.select_for_update(no_key=True).get(pk=executor_id)
    if executor.retired_at is not None:
        raise Conflict("EXECUTOR_RETIRED", f"Executor {executor.code} is retired.")
    executor.keys.filter(revoked_at__isnull=True).update(revoked_at=at + ROTATION_OVERLAP)
    key, secret = _mint(executor)
    _tell(executor, "executor.key_rotated", actor)
    return key, secret


@transaction.atomic
def revoke_keys(*, executor_id: UUID, actor: str, at: datetime) -> int:
    """Make every key of the executor useless from the commit on and fence what it still sends; return how many."""
    executor = Executor.objects.select_related("account").get(pk=executor_id)
    revoke_lease(executor=executor)  # risk rows are locked before executors, here as everywhere
    revoked = executor.keys.exclude(revoked_at__lte=at).update(revoked_at=at)
    nudge_executor(executor.pk)  # its sockets look whether the key still opens
    _tell(executor, "executor.keys_revoked", actor)
    return revoked


@transaction.atomic
def retire_executor(*, executor_id: UUID, actor: str, at: datetime, count_live: Callable[[], int]) -> Executor:
    """
    Retire an executor for good: its keys end with it, and what it was asked once and has not done.

    :param count_live: how many assignments are not proven STOPPED; asked once nothing can be placed on it any more.
    :raises Conflict: EXECUTOR_IN_USE.
    """
    executor = Executor.objects.get(pk=executor_id)
    if executor.retired_at is not None:
        return executor
    revoke_keys(executor_id=executor.pk, actor=actor, at=at)  # risk rows before executors; undone where it is refused
    executor = Executor.objects.select_for_update(no_key=True).get(pk=executor_id)
    if live := count_live():
        message = f"{live} assignment(s) on {executor.code} are not stopped yet."
        raise Conflict("EXECUTOR_IN_USE", message, extra={"assignments": live})
    end_under_way(executor, at)
    executor.retired_at = at
    executor.save(update_fields=["retired_at"])
    _tell(executor, "executor.retired", actor)
    return executor


def _mint(executor: Executor) -> tuple[ExecutorKey, str]:
    minted = keys.mint_executor_key()
    key = ExecutorKey.objects.create(
        executor=executor, key_id=minted.key_id, digest=minted.digest, pepper_number=minted.pepper_number
    )
    return key, minted.text


def _tell(executor: Executor, kind: str, actor: str) -> None:
    AuditEntry.objects.create(team_id=executor.team_id, actor=actor, action=kind, target=executor.public_id)
    data = {"executor_id": executor.public_id, "code": executor.code}
    tell(team_id=executor.team_id, account_id=executor.account_id, kind=kind, data=data)
