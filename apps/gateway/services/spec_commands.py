"""Commands as the Strategy Execution guide shows and answers them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.codes import Code
from apps.common.errors import Conflict, NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.executors.models import Command, CommandKind, CommandState, Executor
from trading.model.state import COMMAND_STEPS, sources
from trading.model.state import CommandState as CoreState

SPEC_STATES = {"EXECUTED": CommandState.EXECUTED, "FAILED": CommandState.FAILED}
WAITING = (CommandState.PENDING, CommandState.LEASED, CommandState.ACKNOWLEDGED)
MOST = 10


def list_waiting(executor: Executor) -> list[dict[str, Any]]:
    """Return what the executor has not answered, oldest first, in the guide's form. Showing changes nothing."""
    rows = Command.objects.filter(executor=executor, state__in=WAITING).order_by("created_at", "pk")[:MOST]
    return [
        {
            "id": row.public_id,
            "command": row.kind,
            "parameters": row.payload,
            "createdAt": row.created_at,
            "expiresAt": row.expires_at,
        }
        for row in rows
    ]


@transaction.atomic
def settle_by_guide(
    *, executor: Executor, reference: str, status: str, result: dict[str, Any], at: datetime
) -> Command:
    """
    Store the executor's word on a command. It proves nothing of an assignment: that takes the lease and a snapshot.

    :raises NotFound: where the command is not this executor's.
    :raises Conflict: COMMAND_ENDED where it has ended otherwise; PROVEN_BY_SNAPSHOT for a flattening, which no word ends.
    """
    try:
        key = parse_public_id(Command.PREFIX, reference)
    except MalformedId:
        key = None
    row = Command.objects.select_for_update(no_key=True).filter(pk=key, executor=executor).first() if key else None
    if row is None:
        raise NotFound(Code.NOT_FOUND, f"No command {reference[:80]!r} of this executor.", "commandId")
    wanted = SPEC_STATES[status]
    if row.state == wanted:
        return row
    if row.kind == CommandKind.FLATTEN_ACCOUNT and wanted == CommandState.EXECUTED:
        message = "That an account is flat is proven by a complete snapshot, not by a word."
        raise Conflict("PROVEN_BY_SNAPSHOT", message, "status")
    if row.state not in {*sources(COMMAND_STEPS, CoreState(wanted))}:
        raise Conflict("COMMAND_ENDED", f"The command is {row.state} already.", "status", {"state": row.state})
    row.state, row.result, row.ended_at = wanted, result, at
    row.save(update_fields=["state", "result", "ended_at"])
    return row
