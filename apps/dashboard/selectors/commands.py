"""Commands as people read them: what was asked of whom, by whom, how it stands, and the steps with their times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.accounts.models import Account
from apps.assignments.models import Assignment
from apps.assignments.selectors import list_commands, list_history
from apps.assignments.services.timeline import Step, list_steps
from apps.dashboard.paging import Page, take_page
from apps.dashboard.proof import Proof, prove_assignment, prove_command
from apps.dashboard.selectors.latches import find_halt
from apps.executors.models import EDITS, Command, CommandKind, CommandState, Executor
from apps.strategies.models import Strategy
from apps.teams.models import Team

STATES = ("all", "waiting", "executed", "failed", "other")
_IN_STATE = {
    "waiting": [CommandState.PENDING, CommandState.LEASED, CommandState.ACKNOWLEDGED],
    "executed": [CommandState.EXECUTED],
    "failed": [CommandState.FAILED, CommandState.UNRESOLVED],
    "other": [CommandState.EXPIRED, CommandState.SUPERSEDED],
}


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command, its state as a page may say it, and what it was about."""

    command: Command
    proof: Proof
    about: str
    assignment: Assignment | None

    @property
    def steps(self) -> list[Step]:
        return list_steps(self.command)

    @property
    def took_s(self) -> float | None:
        """Seconds from the asking to the end; None while it has none."""
        ended = self.command.ended_at
        return (ended - self.command.created_at).total_seconds() if ended else None


def page_commands(
    team: Team,
    *,
    executor: Executor | None,
    strategy: Strategy | None,
    account: Account | None,
    kind: str,
    state: str,
    number: int,
) -> Page[Command]:
    """Return one page of what was asked of the team's executors, newest first."""
    rows = list_commands(
        team.pk,
        executor_id=executor.pk if executor else None,
        strategy_id=strategy.pk if strategy else None,
        account_id=account.pk if account else None,
        kind=kind if kind in CommandKind.values else "",
    )
    if state in _IN_STATE:
        rows = rows.filter(state__in=_IN_STATE[state])
    return take_page(rows.order_by("-created_at", "-pk"), number)


def describe_commands(commands: Iterable[Command]) -> list[CommandRow]:
    """Return the rows of a list in one query more."""
    commands = list(commands)
    wanted = {command.assignment_id for command in commands if command.assignment_id}
    found = Assignment.objects.filter(pk__in=wanted).select_related("strategy", "bot", "version")
    placed: dict[UUID, Assignment] = {row.pk: row for row in found}
    return [_describe(command, placed.get(command.assignment_id)) for command in commands]  # type: ignore[arg-type]


def describe_timeline(assignment: Assignment, at: datetime, *, page: int) -> dict[str, Any]:
    """Return everything the page of an assignment shows."""
    history = take_page(list_history(assignment.pk).order_by("-generation", "-created_at"), page)
    executor = assignment.executor
    return {
        "assignment": assignment,
        "proof": prove_assignment(assignment, executor, at, halted=find_halt(assignment.account)),
        "page": history,
        "wishes": describe_commands(history.rows),
    }


def describe_payload(command: Command, assignment: Assignment | None = None) -> str:
    """
    Return in words what a command was about.

    >>> describe_payload(Command(kind="CLOSE_POSITION", payload={"ticket": 7, "volume_lots": "0.04"}))
    'position 7, 0.04 lots of it'
    """
    payload = command.payload
    if command.kind in EDITS:
        return f"{assignment.strategy.name}, {assignment.bot.bot_id}" if assignment else ""
    if command.kind == CommandKind.CLOSE_POSITION:
        part = f", {payload['volume_lots']} lots of it" if "volume_lots" in payload else ""
        return f"position {payload.get('ticket')}{part}"
    if "magic" in payload:
        return f"magic {payload['magic']}"
    if command.kind == CommandKind.PULL_HISTORY:
        return f"{payload['days']} days" if "days" in payload else "all there is"
    return str(payload.get("version", "")) or ", ".join(payload.get("symbols", []))


def _describe(command: Command, assignment: Assignment | None) -> CommandRow:
    return CommandRow(command, prove_command(command), describe_payload(command, assignment), assignment)
