"""Closing one position by hand: who would do it, what is said first, and what is proven of it afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.accounts.models import Account, AccountSnapshot
from apps.assignments.models import Assignment
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.dashboard.proof import Proof, prove_executor
from apps.executors.models import Command, CommandKind, CommandState, Executor
from apps.trades.models import Trade


@dataclass(frozen=True, slots=True)
class Position:
    """A position of the last snapshot, with what is proven of closing it; None where nobody asked, or it was not done."""

    row: dict[str, Any]
    closing: Proof | None

    @property
    def ticket(self) -> int:
        return int(self.row["ticket"])

    @property
    def may_close(self) -> bool:
        return self.closing is None or self.closing.kind == "refused"


def list_positions(account: Account, snapshot: AccountSnapshot | None) -> list[Position]:
    """Return the positions of an account as its last snapshot shows them, in one query."""
    if snapshot is None:
        return []
    asked = _last_commands(account, [int(row["ticket"]) for row in snapshot.positions])
    return [Position(row, prove_closing(asked.get(int(row["ticket"])), snapshot)) for row in snapshot.positions]


def get_position(positions: Iterable[Position], ticket: int) -> Position:
    """
    Return the open position of that ticket.

    :raises NotFound: where the last snapshot does not show it.
    """
    found = next((each for each in positions if each.ticket == ticket), None)
    if found is None:
        raise NotFound(Code.NOT_FOUND, f"The terminal shows no open position {ticket} any more.", "ticket")
    return found


def find_open_position(trade: Trade, snapshot: AccountSnapshot | None) -> Position | None:
    """Return the position of a trade where the last snapshot shows it."""
    if trade.closed_at is not None:
        return None
    rows = list_positions(trade.account, snapshot)
    return next((each for each in rows if int(each.row.get("position_id") or 0) == trade.position_id), None)


def prove_closing(command: Command | None, snapshot: AccountSnapshot) -> Proof | None:
    """
    Return what is proven of a closing that was asked, while the position still stands.

    Only a snapshot without the position proves it: until then EXECUTED is what the agent says. A snapshot taken after that
    word which shows the position still means that it was not closed, and it may be asked again.
    """
    if command is None:
        return None
    if command.state == CommandState.FAILED:
        return Proof("refused", "NOT CLOSED", str(command.result.get("message", "")), command.ended_at)
    if command.state == CommandState.EXECUTED and command.ended_at and snapshot.taken_at > command.ended_at:
        return None
    if command.state in (CommandState.EXPIRED, CommandState.SUPERSEDED):
        return None
    if command.state == CommandState.UNRESOLVED:
        return Proof("unknown", "CLOSING?", "asked, and nobody has answered", command.created_at)
    return Proof("moving", "CLOSING", _SAYS[CommandState(command.state)], command.created_at)


_SAYS = {
    CommandState.PENDING: "asked, not fetched by the agent yet",
    CommandState.LEASED: "fetched by the agent",
    CommandState.ACKNOWLEDGED: "the agent is closing it",
    CommandState.EXECUTED: "the agent says closed; the next snapshot proves it",
}


def find_closer(account: Account) -> Executor | None:
    """Return the executor that would close: the holder of the account's lease, else its observer, else its first one."""
    executors = list(Executor.objects.filter(account=account, retired_at=None).order_by("code"))
    risk, snapshot = getattr(account, "risk", None), getattr(account, "snapshot", None)
    wanted = (risk.lease_executor_id if risk else None, snapshot.executor_id if snapshot else None)
    for key in wanted:
        if (found := next((each for each in executors if each.pk == key), None)) is not None:
            return found
    return executors[0] if executors else None


def describe_closing(account: Account, position: Position, at: datetime) -> dict[str, Any]:
    """Return everything that is said before a position is closed."""
    executor = find_closer(account)
    owner = (
        Assignment.objects.filter(account=account, live=True, bot__magic=int(position.row.get("magic") or 0))
        .select_related("strategy")
        .first()
    )
    return {
        "account": account,
        "snapshot": account.snapshot,
        "position": position,
        "lots": Decimal(str(position.row["volume_lots"])),
        "executor": executor,
        "presence": prove_executor(executor, at) if executor else None,
        "owner": owner,
        "runs_on": owner is not None and owner.desired == "RUNNING",
    }


def _last_commands(account: Account, tickets: list[int]) -> dict[int, Command]:
    rows = Command.objects.filter(
        executor__account=account, kind=CommandKind.CLOSE_POSITION, payload__ticket__in=tickets
    )
    return {int(row.payload["ticket"]): row for row in rows.order_by("created_at", "pk")}
