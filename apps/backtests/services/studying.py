"""Asking for a study of a finished backtest, stopping it, taking it up again, throwing it away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.backtests.limits import allowance_of
from apps.backtests.models import OPEN, Chunk, Run, Study, WorkStatus
from apps.backtests.planning import PLANNERS, make_plan
from apps.backtests.services.asking import WORK_TASK, refuse_too_many
from apps.backtests.services.finishing import tell_study
from apps.backtests.services.leases import put_back
from apps.common.codes import Code
from apps.common.errors import Conflict, Impossible
from apps.common.nudges import after_commit
from apps.teams.models import AuditEntry

# More nudges than workers would only find nothing to do.
MOST_NUDGES = 8


@transaction.atomic
def ask_study(*, run: Run, actor: str, kind: str, settings: Mapping[str, Any]) -> Study:
    """
    Queue a study of a finished backtest.

    :raises Impossible: FIELD_INVALID, PACK_INVALID, PACK_INCOMPLETE and others, with the setting and what is allowed.
    :raises Conflict: NOT_DONE where the backtest has no result; TOO_MANY_OPEN where the team has as many studies as its tier allows.
    """
    if kind not in PLANNERS:
        allowed = [str(known) for known in PLANNERS]
        raise Impossible(Code.FIELD_INVALID, f"A study is one of {', '.join(allowed)}.", "kind", {"allowed": allowed})
    if run.status != WorkStatus.DONE:
        raise Conflict("NOT_DONE", f"This backtest is {run.status}: a study needs its result.", "backtest")
    refuse_too_many(run.team, studies=True)
    plan = make_plan(kind, run, settings, allowance_of(run.team.tier))
    study = Study.objects.create(
        team=run.team, run=run, kind=kind, settings=plan.settings, work_total=plan.total, created_by=actor
    )
    Chunk.objects.bulk_create(
        Chunk(study=study, stage=part.stage, number=part.number, work=part.work, is_ready=part.is_ready)
        for part in plan.parts
    )
    _note(study, "study.asked", actor)
    _nudge(sum(part.is_ready for part in plan.parts))
    return study


@transaction.atomic
def cancel_study(*, study: Study, actor: str, at: datetime) -> None:
    """
    Stop a study that waits or runs. Its workers notice within a second or two; what is done stays, and can be taken up again.

    :raises Conflict: ALREADY_FINISHED.
    """
    row = _lock(study)
    if not row.is_open:
        raise Conflict("ALREADY_FINISHED", f"This study is {row.status} already.", "status")
    row.chunks.filter(status__in=OPEN).update(status=WorkStatus.CANCELLED, lease_until=None)
    row.status, row.finished_at = WorkStatus.CANCELLED, at
    row.save(update_fields=["status", "finished_at"])
    _note(row, "study.cancelled", actor)


@transaction.atomic
def resume_study(*, study: Study, actor: str) -> None:
    """
    Take up a failed or cancelled study where it stood: its finished parts are not computed again.

    :raises Conflict: NOT_FAILED for one that waits, runs or is done; TOO_MANY_OPEN.
    """
    row = _lock(study)
    if row.status not in (WorkStatus.FAILED, WorkStatus.CANCELLED):
        raise Conflict("NOT_FAILED", "Only a failed or cancelled study can be taken up again.", "status")
    refuse_too_many(row.team, studies=True)
    put_back(row.chunks.filter(status__in=(WorkStatus.FAILED, WorkStatus.CANCELLED)))
    row.status, row.problem, row.finished_at = WorkStatus.QUEUED, None, None
    row.save(update_fields=["status", "problem", "finished_at"])
    _note(row, "study.resumed", actor)
    _nudge(row.chunks.filter(Q(is_ready=True) & Q(status=WorkStatus.QUEUED)).count())


@transaction.atomic
def delete_study(*, study: Study, actor: str) -> None:
    """
    Delete a study.

    :raises Conflict: STILL_RUNNING for one that waits or runs.
    """
    row = _lock(study)
    if row.is_open:
        raise Conflict("STILL_RUNNING", "Cancel it first: it waits or runs.", "status")
    AuditEntry.objects.create(team_id=row.team_id, actor=actor, action="study.deleted", target=row.public_id)
    row.delete()


def _lock(study: Study) -> Study:
    return Study.objects.select_for_update(no_key=True, of=("self",)).select_related("team").get(pk=study.pk)


def _note(study: Study, action: str, actor: str) -> None:
    AuditEntry.objects.create(team_id=study.team_id, actor=actor, action=action, target=study.public_id)
    tell_study(study)


def _nudge(ready: int) -> None:
    for _ in range(min(ready, MOST_NUDGES)):
        after_commit(WORK_TASK)
