"""What a push to an executor carries: the guide's fields. The agent never acts on them; it looks."""

from __future__ import annotations

from typing import Any

from apps.common.ids import MalformedId, parse_public_id
from apps.common.wire import to_json
from apps.executors.models import Command, CommandState

MOST_BYTES = 9_000  # Pusher refuses data above 10 KB


def read_command_push(event: dict[str, Any]) -> tuple[str, str, str] | None:
    """
    Return (channel, event name, data) for a `command.changed` of a command that waits to be fetched, else None.

    A command too large for a push is pushed without its parameters; whoever fetches it sees them.
    """
    data = event["data"]
    if data.get("state") != CommandState.PENDING:
        return None
    try:
        key = parse_public_id(Command.PREFIX, data["command_id"])
    except (MalformedId, KeyError):
        return None
    row = Command.objects.filter(pk=key).first()
    if row is None:
        return None
    body = {"id": row.public_id, "command": row.kind, "parameters": row.payload, "createdAt": row.created_at}
    raw = to_json(body)
    if len(raw) > MOST_BYTES:
        raw = to_json({**body, "parameters": None, "truncated": True})
    return f"private-executor-{data['executor_id']}", "command-received", raw.decode()
