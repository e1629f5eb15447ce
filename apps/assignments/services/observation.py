"""
What the agent has proven. Its word counts only from the holder of the lease with the current fence, in a snapshot newer than
the last (the caller has checked both), and only for a generation that exists. STOPPED is proven with nothing left open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce

from apps.assignments.models import Assignment, Observed
from apps.assignments.selectors import is_proven
from apps.assignments.services.edits import WAITING, lock_assignments, make_assignment_event
from apps.common.ids import MalformedId, parse_public_id
from apps.common.outbox import tell_all
from apps.executors.models import EDITS, Command, CommandState
from trading.protocol import AssignmentStatus

TOLD = ("observed", "observed_generation", "open_positions", "pending_orders", "problem")


@transaction.atomic
def apply_observed(
    *,
    executor_id: UUID,
    statuses: Sequence[AssignmentStatus],
    held_magics: Counter[int],
    ordered_magics: Counter[int],
    at: datetime,
) -> list[Assignment]:
    """
    Store what the agent says of its assignments; return those that changed.

    :param held_magics: how many positions the same snapshot shows per magic number: a STOPPED that they contradict is
        stored as STOPPING. `ordered_magics` likewise for pending orders.
    """
    told = {key: status for status in statuses if (key := _key(status.assignment_id)) is not None}
    known = Assignment.objects.filter(executor_id=executor_id, pk__in=told).values_list("pk", flat=True)
    seen, changed = [], []
    for row in lock_assignments(known):
        status = told[row.pk]
        if not row.observed_generation <= status.observed_generation <= row.generation:
            continue
        before = [getattr(row, name) for name in TOLD]
        _read(row, status, held_magics[row.bot.magic], ordered_magics[row.bot.magic], at)
        seen.append(row)
        if before != [getattr(row, name) for name in TOLD]:
            changed.append(row)
    Assignment.objects.bulk_update(seen, [*TOLD, "last_bar_at", "observed_at"])
    for row in changed:
        _settle_commands(row, at)
    tell_all([make_assignment_event(row) for row in changed], wake=True)
    return changed


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


def _settle_commands(row: Assignment, at: datetime) -> None:
    """Derive the states of the commands: a later generation supersedes, a proven one executes, a failed one fails."""
    waiting = Command.objects.filter(assignment_id=row.pk, kind__in=EDITS)
    waiting.filter(generation__lt=row.observed_generation, state__in=WAITING).update(
        state=CommandState.SUPERSEDED, ended_at=at
    )
    mine = waiting.filter(generation=row.observed_generation)
    if is_proven(row):
        mine.filter(state__in=[*WAITING, CommandState.FAILED]).update(
            state=CommandState.EXECUTED, ended_at=at, result={}, acknowledged_at=Coalesce("acknowledged_at", Value(at))
        )
    elif row.observed == Observed.FAILED:
        mine.filter(state__in=WAITING).update(state=CommandState.FAILED, ended_at=at, result=row.problem)
    else:
        mine.filter(state=CommandState.PENDING).update(state=CommandState.ACKNOWLEDGED, acknowledged_at=at)


def _key(text: str) -> UUID | None:
    try:
        return parse_public_id(Assignment.PREFIX, text)
    except MalformedId:
        return None
