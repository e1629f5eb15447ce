"""
What the agent has proven. Its word counts only from the holder of the lease with the current fence, in a snapshot newer than
the last (the caller has checked both), and only for a generation that exists. STOPPED is proven with nothing left open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from apps.assignments.models import Assignment, Observed
from apps.assignments.selectors import is_proven
from apps.assignments.services.edits import WAITING, lock_to_observe, make_assignment_event
from apps.common.ids import MalformedId, parse_public_id
from apps.common.outbox import tell_all
from apps.executors.models import EDITS, Command, CommandState
from trading.protocol import AssignmentStatus

SAVED = ("observed", "observed_generation", "open_positions", "pending_orders", "problem", "last_bar_at", "observed_at")
TOLD = ("observed", "observed_generation", "open_positions", "pending_orders", "problem")


@dataclass(frozen=True)
class Observation:
    """
    What one executor says of its assignments.

    :param held_magics: how many positions the same snapshot shows per magic number: a STOPPED that they contradict is
        stored as STOPPING. `ordered_magics` likewise for pending orders.
    """

    executor_id: UUID
    statuses: Sequence[AssignmentStatus]
    held_magics: Counter[int]
    ordered_magics: Counter[int]


def apply_observed(
    *,
    executor_id: UUID,
    statuses: Sequence[AssignmentStatus],
    held_magics: Counter[int],
    ordered_magics: Counter[int],
    at: datetime,
) -> list[Assignment]:
    """Store what one executor says of its assignments (see `Observation`); return those that changed."""
    return apply_all_observed([Observation(executor_id, statuses, held_magics, ordered_magics)], at=at)


@transaction.atomic(savepoint=False)
def apply_all_observed(observations: Sequence[Observation], *, at: datetime) -> list[Assignment]:
    """
    Store what executors say of their assignments; return those that changed. Nobody speaks for another's.

    Nor of one that was proven stopped and then followed by the next of its bot: what carries the bot's number belongs to that one.
    """
    told = {
        key: (one, status)
        for one in observations
        for status in one.statuses
        if (key := _key(status.assignment_id)) is not None
    }
    if not told:
        return []
    speakers = {one.executor_id for one in observations}
    known = Assignment.objects.filter(executor_id__in=speakers, pk__in=told, live=True)
    seen, changed = [], []
    for row in lock_to_observe(known.values_list("pk", flat=True)):
        one, status = told[row.pk]
        if row.executor_id != one.executor_id:
            continue
        if not row.observed_generation <= status.observed_generation <= row.generation:
            continue
        before = [getattr(row, name) for name in TOLD]
        _read(row, status, one.held_magics[row.bot.magic], one.ordered_magics[row.bot.magic], at)
        seen.append(row)
        if before != [getattr(row, name) for name in TOLD]:
            changed.append(row)
    _save(seen)
    if changed:
        _settle_commands(changed, at)
    tell_all([make_assignment_event(row) for row in changed], wake=True)
    return changed


def _save(rows: Sequence[Assignment]) -> None:
    """One statement for all that were told the same, which is most of them where many are: stopped at once, or running on."""
    by_values: dict[str, list[Assignment]] = defaultdict(list)
    for row in rows:
        by_values[repr([getattr(row, name) for name in SAVED])].append(row)
    for alike in by_values.values():
        values = {name: getattr(alike[0], name) for name in SAVED}
        Assignment.objects.filter(pk__in=[row.pk for row in alike]).update(**values)


def _read(row: Assignment, status: AssignmentStatus, held: int, ordered: int, at: datetime) -> None:
    row.open_positions = max(status.open_positions, held, 0)
    row.pending_orders = max(status.pending_orders, ordered, 0)
    row.observed = status.observed if status.observed in Observed.values else Observed.UNKNOWN
    if row.observed == Observed.STOPPED and row.open_positions + row.pending_orders:
        row.observed = Observed.STOPPING
    row.observed_generation = status.observed_generation
    row.observed_at = at
    row.last_bar_at = status.last_bar_at or row.last_bar_at
    row.problem = {"code": status.problem_code[:60], "message": status.problem[:300]} if status.problem_code else {}


def _settle_commands(rows: Sequence[Assignment], at: datetime) -> None:
    """
    Derive the states of the commands: a later generation supersedes, a proven one executes, a failed one fails.

    Commands of an assignment are made under its lock, which is held: those that are found are all there are.
    """
    by_id = {row.pk: row for row in rows}
    open_states = [*WAITING, CommandState.FAILED]
    found = Command.objects.filter(assignment_id__in=by_id, state__in=open_states, kind__in=EDITS)
    superseded, proven, begun = list[UUID](), list[UUID](), list[UUID]()
    for key, row_id, generation in found.values_list("pk", "assignment_id", "generation"):
        if row_id is None or generation is None or generation > by_id[row_id].observed_generation:
            continue
        row = by_id[row_id]
        if generation < row.observed_generation:
            superseded.append(key)
        elif is_proven(row):
            proven.append(key)
        elif row.observed == Observed.FAILED:
            _move([key], WAITING, state=CommandState.FAILED, ended_at=at, result=row.problem)
        else:
            begun.append(key)
    acknowledged_at = Coalesce("acknowledged_at", Value(at))
    _move(superseded, WAITING, state=CommandState.SUPERSEDED, ended_at=at)
    executed = {"state": CommandState.EXECUTED, "ended_at": at, "result": {}, "acknowledged_at": acknowledged_at}
    _move(proven, open_states, **executed)
    _move(begun, [CommandState.PENDING], state=CommandState.ACKNOWLEDGED, acknowledged_at=at)


def _move(keys: Sequence[UUID], before: Sequence[CommandState], **values: Any) -> None:
    """Give these commands values, where they are still in a state before."""
    if keys:
        Command.objects.filter(pk__in=keys, state__in=before).update(**values)


def _key(text: str) -> UUID | None:
    try:
        return parse_public_id(Assignment.PREFIX, text)
    except MalformedId:
        return None
