"""
Whether an account that is to be flat is flat: not the agent's word but a complete snapshot taken after it, without a position and
without a waiting order, ends the commands. What is still there is swept again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import Account, AccountSnapshot
from apps.executors.models import Command, CommandKind, CommandState, Executor
from apps.executors.services.commands import BEGUN, UNDER_WAY, raise_desired_version, tell_command


@transaction.atomic
def prove_flat(*, executor: Executor, at: datetime) -> int:
    """
    Hold the open flatten commands of the executor's account against the account's last snapshot; return how many it ended.

    :param executor: who sent the snapshot: its own word must stand before, for an order on its way shows in no snapshot.
    """
    mine = Command.objects.filter(executor=executor, kind=CommandKind.FLATTEN_ACCOUNT, state__in=BEGUN)
    said = mine.filter(result__said="EXECUTED").first()
    if said is None:
        return 0
    snapshot = AccountSnapshot.objects.filter(account_id=executor.account_id).first()
    if snapshot is None or not snapshot.complete or snapshot.taken_at <= datetime.fromisoformat(said.result["said_at"]):
        return 0
    if snapshot.positions or snapshot.orders:
        _sweep_again(executor, said, snapshot, at)
        return 0
    return _end(_list_open(executor.account), executor, snapshot, at)


def list_awaiting_proof(executor_ids: Iterable[UUID]) -> set[UUID]:
    """Return the executors that said their account is flat and whose next snapshots `prove_flat` looks at."""
    said = Command.objects.filter(
        executor_id__in=list(executor_ids),
        kind=CommandKind.FLATTEN_ACCOUNT,
        state__in=BEGUN,
        result__said="EXECUTED",
    )
    return set(said.values_list("executor_id", flat=True))


def _list_open(account: Account) -> QuerySet[Command]:
    rows = Command.objects.filter(
        executor__account=account, kind=CommandKind.FLATTEN_ACCOUNT, state__in=[*UNDER_WAY, CommandState.UNRESOLVED]
    )
    return rows.order_by("created_at", "pk")


def _end(waiting: QuerySet[Command], executor: Executor, snapshot: AccountSnapshot, at: datetime) -> int:
    """All of them: one account is flat for everybody who was asked, also for an agent that is away."""
    ended = list(waiting.select_for_update(no_key=True, of=("self",)).select_related("executor"))
    for command in ended:
        command.state, command.ended_at = CommandState.EXECUTED, at
        command.result = {
            **command.result,
            "message": f"flat: no position, no waiting order, as {executor.code} saw it",
            "proven_by": executor.public_id,
            "seen_at": snapshot.taken_at.isoformat(),
        }
        command.save(update_fields=["state", "ended_at", "result"])
        tell_command(command.executor, command)
    return len(ended)


def _sweep_again(executor: Executor, said: Command, snapshot: AccountSnapshot, at: datetime) -> None:
    """Something came after the agent's word, as a fill that was on its way: it is leased the command anew, at once."""
    left = {"positions": len(snapshot.positions), "orders": len(snapshot.orders)}
    result = {"message": f"still there: {left['positions']} position(s), {left['orders']} order(s)", **left}
    if Command.objects.filter(pk=said.pk, lease_token=said.lease_token).update(result=result, lease_until=at):
        raise_desired_version([executor.pk])
        tell_command(executor, said)
