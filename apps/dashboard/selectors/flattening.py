"""An account that is to be flat: what is said before, and what is proven of it afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apps.accounts.models import Account
from apps.assignments.models import Assignment, Desired
from apps.dashboard.proof import Proof, prove_command, prove_executor
from apps.executors.models import Command, CommandKind, Executor


def describe_flattening(account: Account, at: datetime) -> dict[str, Any]:
    """Return everything that is said before an account is flattened."""
    snapshot = getattr(account, "snapshot", None)
    executors = Executor.objects.filter(account=account, retired_at=None).order_by("code")
    running = Assignment.objects.filter(account=account, live=True, desired=Desired.RUNNING)
    return {
        "account": account,
        "snapshot": snapshot,
        "positions": snapshot.positions if snapshot else [],
        "orders": snapshot.orders if snapshot else [],
        "executors": [(executor, prove_executor(executor, at)) for executor in executors],
        "running": list(running.select_related("strategy")),
    }


def find_flattening(account: Account) -> Proof | None:
    """Return how the last flattening stands while it is not over; None where none is under way."""
    rows = Command.objects.filter(executor__account=account, kind=CommandKind.FLATTEN_ACCOUNT)
    command = rows.order_by("-created_at", "-pk").first()
    if command is None:
        return None
    proof = prove_command(command)
    return proof if proof.kind in ("moving", "unknown") else None
