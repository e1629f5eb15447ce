"""
One wish: the generation rises by one under the row's lock, a Command row keeps it as history, the executor is woken.

Locks are taken in one order everywhere: accounts, executors, assignments, each by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from apps.assignments.models import Assignment, Desired
from apps.common.ids import public_id
from apps.common.models import OutboxEvent
from apps.common.outbox import make_event, tell_all
from apps.executors.models import EDITS, Command, CommandKind, CommandState
from apps.executors.services.commands import make_command_event, raise_desired_version
from apps.strategies.models import Strategy, StrategyStatus, StrategyVersion
from apps.strategies.services import mark_status
from apps.teams.models import AuditEntry

OBSERVED = (
    "account__team_id", "bot__bot_id", "bot__magic", "strategy_id", "executor_id", "desired", "generation", "observed",
    "observed_generation", "open_positions", "pending_orders", "problem", "last_bar_at", "observed_at",
)  # fmt: skip
WAITING = (CommandState.PENDING, CommandState.LEASED, CommandState.ACKNOWLEDGED)


def lock_assignments(assignment_ids: Iterable[UUID]) -> list[Assignment]:
    """Return the assignments, locked in id order; their executors are locked before."""
    return list(_lock(assignment_ids).select_related("account", "bot", "executor", "strategy", "version"))


def lock_to_observe(assignment_ids: Iterable[UUID]) -> list[Assignment]:
    """Return the assignments, locked as `lock_assignments` does, with no more than what agents prove and are heard saying."""
    return list(_lock(assignment_ids).select_related("account", "bot").only(*OBSERVED))


def _lock(assignment_ids: Iterable[UUID]) -> QuerySet[Assignment]:
    rows = Assignment.objects.select_for_update(no_key=True, of=("self",))
    return rows.filter(pk__in=list(assignment_ids)).order_by("pk")


def keep_wish(
    row: Assignment,
    kind: CommandKind,
    *,
    actor: str,
    at: datetime,
    desired: Desired,
    version: StrategyVersion | None = None,
    settings: dict[str, Any] | None = None,
) -> Command:
    """Store a wish on a locked row, with its Command; whoever calls then calls `wake` once for all."""
    row.desired, row.desired_at, row.desired_by = desired, at, actor
    row.generation += 1
    row.version = version or row.version
    row.settings = row.settings if settings is None else settings
    row.save(update_fields=["desired", "desired_at", "desired_by", "generation", "version", "settings"])
    return record_command(row, kind, actor=actor, at=at)


def keep_wishes(rows: Sequence[Assignment], kind: CommandKind, *, actor: str, at: datetime, desired: Desired) -> None:
    """Store the same wish on many locked rows, each with its Command, in the same few statements however many they are."""
    keys = [row.pk for row in rows]
    Assignment.objects.filter(pk__in=keys).update(
        desired=desired, desired_at=at, desired_by=actor, generation=F("generation") + 1
    )
    for row in rows:
        row.desired, row.desired_at, row.desired_by = desired, at, actor
        row.generation += 1
    record_commands(rows, kind, actor=actor, at=at)


def record_command(row: Assignment, kind: CommandKind, *, actor: str, at: datetime) -> Command:
    """Keep the verb that led to the row's generation; older ones that nobody has executed are superseded."""
    return record_commands([row], kind, actor=actor, at=at)[0]


def record_commands(rows: Sequence[Assignment], kind: CommandKind, *, actor: str, at: datetime) -> list[Command]:
    """Do what `record_command` does, for many rows at once."""
    Command.objects.filter(assignment_id__in=[row.pk for row in rows], state__in=WAITING, kind__in=EDITS).update(
        state=CommandState.SUPERSEDED, ended_at=at
    )
    commands = Command.objects.bulk_create([_command(row, kind, actor) for row in rows])
    AuditEntry.objects.bulk_create([_entry(row, kind, actor) for row in rows])
    events = []
    for row, command in zip(rows, commands, strict=True):
        events += [make_assignment_event(row), make_command_event(row.executor, command)]
    tell_all(events, wake=True)
    return commands


def _command(row: Assignment, kind: CommandKind, actor: str) -> Command:
    return Command(
        executor_id=row.executor_id,
        kind=kind,
        assignment_id=row.pk,
        generation=row.generation,
        payload=spec_payload(row, kind),
        asked_by=actor[:120],
    )


def _entry(row: Assignment, kind: CommandKind, actor: str) -> AuditEntry:
    detail = {"generation": row.generation, "bot_id": row.bot.bot_id}
    return AuditEntry(team_id=row.account.team_id, actor=actor[:120], action=kind, target=row.public_id, detail=detail)


def wake(rows: Iterable[Assignment]) -> None:
    """Raise the desired versions of the executors and set what the strategies' lists show."""
    rows = list(rows)
    raise_desired_version({row.executor_id for row in rows})
    for strategy_id in sorted({row.strategy_id for row in rows}):
        mark_status(strategy_id=strategy_id, status=_status_of(strategy_id))


def spec_payload(row: Assignment, kind: CommandKind) -> dict[str, Any]:
    """Return what the Strategy Execution guide says the command carries."""
    payload: dict[str, Any] = {"strategyId": row.strategy.public_id}
    if kind in (CommandKind.START_STRATEGY, CommandKind.STOP_STRATEGY):
        payload["strategyName"] = row.strategy.name
    if kind in (CommandKind.START_STRATEGY, CommandKind.UPDATE_STRATEGY):
        payload |= {"symbol": row.version.symbol, "timeframe": row.version.timeframe, "rules": row.version.rules}
        payload["settings"] = row.settings
    return payload


def make_assignment_event(row: Assignment) -> OutboxEvent:
    """Return the event that says what is wanted and proven of the assignment now."""
    data = {
        "assignment_id": row.public_id,
        "strategy_id": public_id(Strategy.PREFIX, row.strategy_id),
        "bot_id": row.bot.bot_id,
        "desired": row.desired,
        "generation": row.generation,
        "observed": row.observed,
        "observed_generation": row.observed_generation,
        "open_positions": row.open_positions,
        "pending_orders": row.pending_orders,
        "problem": row.problem,
    }
    return make_event(team_id=row.account.team_id, account_id=row.account_id, kind="assignment.changed", data=data)


def _status_of(strategy_id: UUID) -> StrategyStatus:
    wanted = set(Assignment.objects.filter(strategy_id=strategy_id, live=True).values_list("desired", flat=True))
    if Desired.RUNNING in wanted:
        return StrategyStatus.ACTIVE
    return StrategyStatus.PAUSED if Desired.PAUSED in wanted else StrategyStatus.DRAFT
