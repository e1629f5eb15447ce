"""How a one-shot ends: done, failed for good, or nobody knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trading.model.state import CommandState


@dataclass(frozen=True)
class Done:
    """The end of a command and what is told of it."""

    state: CommandState
    result: dict[str, Any]


def executed(**result: Any) -> Done:
    """It is so, as the terminal shows it."""
    return Done(CommandState.EXECUTED, result)


def failed(code: str, message: str, **result: Any) -> Done:
    """It will not be done; nothing of it is on its way."""
    return Done(CommandState.FAILED, {"code": code, "message": message, **result})


def unresolved(message: str, **result: Any) -> Done:
    """Something was sent and nobody knows what became of it; it is not sent again."""
    return Done(CommandState.UNRESOLVED, {"code": "UNRESOLVED", "message": message, **result})
