"""How far a batch of commands is, read from its commands."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from apps.common.ids import parse_public_id
from apps.executors.models import Command, CommandBatch, CommandState

MOVING = (CommandState.PENDING, CommandState.LEASED, CommandState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Item:
    """A target and what has become of its commands."""

    target: str
    name: str
    status: str  # what was said at once: ASKED, UNCHANGED, REFUSED
    code: str
    message: str
    commands: list[Command]

    @property
    def state(self) -> str:
        """REFUSED, UNCHANGED, or the least advanced state of its commands; DONE where nobody had to be asked."""
        if not self.commands:
            return self.status
        for state in (*MOVING, "UNRESOLVED", "FAILED", "EXPIRED", "SUPERSEDED"):
            if any(command.state == state for command in self.commands):
                return str(state)
        return "EXECUTED"

    @property
    def is_moving(self) -> bool:
        return self.state in MOVING


@dataclass(frozen=True, slots=True)
class Progress:
    """A batch with its items as they stand now."""

    batch: CommandBatch
    items: list[Item]

    @property
    def counts(self) -> dict[str, int]:
        """How many items are in which state."""
        return dict(sorted(Counter(item.state for item in self.items).items()))

    @property
    def done(self) -> int:
        """How many items have come to an end, whichever."""
        return sum(not item.is_moving for item in self.items)

    @property
    def is_over(self) -> bool:
        return self.done == len(self.items)


def read_progress(batch: CommandBatch) -> Progress:
    """Return how far a batch is, in one query."""
    keys = {text: parse_public_id(Command.PREFIX, text) for item in batch.items for text in item["commands"]}
    rows = {row.pk: row for row in Command.objects.filter(pk__in=keys.values()).select_related("executor")}
    items = [_item(item, [rows[keys[text]] for text in item["commands"] if keys[text] in rows]) for item in batch.items]
    return Progress(batch, items)


def _item(item: dict[str, Any], commands: list[Command]) -> Item:
    return Item(item["target"], item["name"], item["status"], item["code"], item["message"], commands)
