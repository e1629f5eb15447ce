"""Who asked what of an assignment and when it was true: asked, pulled by the agent, acknowledged, proven, with the time between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from apps.executors.models import Command, CommandState


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a wish: ASKED, PULLED, ACKNOWLEDGED, then how it ended; `after_s` since it was asked."""

    name: str
    at: datetime
    after_s: float


@dataclass(frozen=True, slots=True)
class Wish:
    """One generation of an assignment with its steps, in order of time."""

    command: Command
    steps: list[Step]

    @property
    def took_s(self) -> float | None:
        """Seconds from the wish to its proof; None while it is not proven, or never was."""
        return self.steps[-1].after_s if self.command.state == CommandState.EXECUTED else None


def tell_wishes(commands: Iterable[Command]) -> list[Wish]:
    """Return the wishes of commands, in their order."""
    return [Wish(command, list_steps(command)) for command in commands]


def list_steps(command: Command) -> list[Step]:
    """
    Return what happened to a command, in order of time.

    An EXECUTED edit of desired state is one that a snapshot proved; of a one-shot it is the agent's word, but for a flatten.
    """
    proven = "PROVEN" if command.generation is not None and command.state == CommandState.EXECUTED else command.state
    told = [
        ("ASKED", command.created_at),
        ("PULLED", command.fetched_at),
        ("ACKNOWLEDGED", command.acknowledged_at),
        (str(proven), command.ended_at),
    ]
    seen = [(name, at) for name, at in told if at is not None]
    return [Step(name, at, round((at - command.created_at).total_seconds(), 3)) for name, at in seen]
