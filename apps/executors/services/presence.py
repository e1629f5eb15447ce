"""Who is there: heard of within 15 s is ONLINE, within 60 s STALE, later OFFLINE. Silence never says that something stopped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Q, QuerySet

from apps.common.models import OutboxEvent
from apps.common.outbox import make_event, tell, tell_all
from apps.executors.models import Executor
from trading.protocol import AgentHealth, Hello
from trading.protocol.codec import to_plain

ONLINE, STALE, OFFLINE = "ONLINE", "STALE", "OFFLINE"
# A CASE for each row, as a bulk update writes it, is read anew for every row.
_NOTE_SEEN = """
UPDATE executors_executor AS one SET last_seen_at = %s, health = told.health::jsonb
FROM unnest(%s::uuid[], %s::text[]) AS told(id, health) WHERE one.id = told.id
"""
SET_BACK = timedelta(seconds=15)  # a word from so far ahead was noted by a clock that was set back since
SUSPICION, SUSPICION_AGAIN, LEAST_SUSPECT = "fleet.silent", timedelta(minutes=10), 3


def presence_of(last_seen_at: datetime | None, at: datetime) -> str:
    """Return ONLINE, STALE or OFFLINE by the age of the last word."""
    if last_seen_at is None:
        return OFFLINE
    age_s = (at - last_seen_at).total_seconds()
    if age_s <= settings.EXECUTOR_STALE_S:
        return ONLINE
    return STALE if age_s <= settings.EXECUTOR_OFFLINE_S else OFFLINE


@transaction.atomic
def note_hello(*, executor_id: UUID, hello: Hello, granted: bool, at: datetime) -> None:
    """Store who said hello. A process that was not granted the account is only seen, it does not take the other's place."""
    values: dict[str, Any] = {"last_seen_at": at}
    if granted:
        terminal = {**hello.terminal, "host": hello.host, "core_version": hello.core_version}
        values |= {
            "instance_id": hello.instance_id,
            "agent_version": hello.agent_version,
            "protocol_version": hello.protocol_version,
            "hello_at": at,
            "terminal": to_plain_dict(terminal),
            "problem": "",
            "rival": {},
        }
    Executor.objects.filter(pk=executor_id).update(**values)
    _tell_changes(Executor.objects.filter(pk=executor_id), at)


@transaction.atomic
def note_seen(*, executor_id: UUID, health: AgentHealth | None, at: datetime) -> None:
    """Store that the executor was heard of, and how it feels."""
    values: dict[str, Any] = {"last_seen_at": at}
    if health is not None:
        values["health"] = to_plain(health)
    Executor.objects.filter(pk=executor_id).update(**values)
    _tell_changes(Executor.objects.filter(pk=executor_id).exclude(reported_state=ONLINE), at)


def lock_idle(executor_ids: Iterable[UUID]) -> dict[UUID, Executor]:
    """Return the executors nobody else is writing, locked until the transaction ends; the others are left out."""
    rows = Executor.objects.select_for_update(skip_locked=True, no_key=True).filter(pk__in=list(executor_ids))
    return {row.pk: row for row in rows.order_by("pk")}


@transaction.atomic(savepoint=False)
def note_many_seen(seen: Sequence[tuple[Executor, AgentHealth | None]], *, at: datetime) -> None:
    """Store what `note_seen` does, for locked rows, in the same few statements however many they are."""
    events = []
    for row, health in seen:
        row.last_seen_at = at
        row.health = row.health if health is None else to_plain(health)
        if row.reported_state != ONLINE:
            events.append(_make_change(row, row.reported_state, ONLINE))
            row.reported_state = ONLINE
    rows = [row for row, _ in seen]
    with connection.cursor() as cursor:
        healths = [json.dumps(row.health) for row in rows]
        cursor.execute(_NOTE_SEEN, [at, [row.pk for row in rows], healths])
    if events:
        Executor.objects.filter(pk__in=[row.pk for row in rows]).update(reported_state=ONLINE)
        tell_all(events, wake=True)


@transaction.atomic
def mark_silent(*, at: datetime) -> int:
    """
    Tell about every executor whose presence changed since it was last told; return how many.

    Where most of the fleet fell silent at once the fault is likelier ours than theirs: that is told instead of believed, and
    whatever acts on many executors by itself asks `suspects_server` first. A word from the future would be fresh for as long as
    the clock was set back: it counts as said now.
    """
    Executor.objects.filter(last_seen_at__gt=at + SET_BACK).update(last_seen_at=at)
    told = _tell_changes(Executor.objects.filter(retired_at__isnull=True).exclude(reported_state=OFFLINE), at)
    if told and suspects_server(at):
        _tell_suspicion(at)
    return told


def suspects_server(at: datetime) -> bool:
    """
    Say whether it is likelier we who cannot hear: more than half of the fleet, at least three, silent within a minute.

    Whatever would act on many executors by itself does nothing then.
    """
    rows = Executor.objects.filter(retired_at__isnull=True)
    stale_at, gone_at = (at - timedelta(seconds=s) for s in (settings.EXECUTOR_STALE_S, settings.EXECUTOR_OFFLINE_S))
    silent = rows.filter(last_seen_at__lt=stale_at, last_seen_at__gte=gone_at).count()
    present = silent + rows.filter(last_seen_at__gte=stale_at).count()
    return silent >= LEAST_SUSPECT and silent * 2 > present


def _tell_suspicion(at: datetime) -> None:
    """Tell every team with executors, each with its own numbers: how many others there are is nobody's business."""
    stale_at = at - timedelta(seconds=settings.EXECUTOR_STALE_S)
    rows = Executor.objects.filter(retired_at__isnull=True).order_by().values("team_id")
    told = OutboxEvent.objects.filter(kind=SUSPICION, created_at__gte=at - SUSPICION_AGAIN).values("team_id")
    for row in rows.exclude(team_id__in=told).annotate(silent=Count("pk", filter=Q(last_seen_at__lt=stale_at))):
        message = (
            f"Most executors fell silent within a minute, {row['silent']} of yours. That is likelier a fault of the server than of "
            "all of them: nothing is done by itself, agents obey their accounts' rules; look at the server and its network."
        )
        data = {"severity": "CRITICAL", "silent": row["silent"], "message": message}
        tell(team_id=row["team_id"], kind=SUSPICION, data=data)


def _tell_changes(rows: QuerySet[Executor], at: datetime) -> int:
    told = 0
    for executor in rows.order_by("pk"):
        state = presence_of(executor.last_seen_at, at)
        before = executor.reported_state
        if state == before:
            continue
        # Compare and set: of two that notice, one tells.
        if Executor.objects.filter(pk=executor.pk, reported_state=before).update(reported_state=state):
            tell_all([_make_change(executor, before, state)], wake=True)
            told += 1
    return told


def _make_change(executor: Executor, before: str, state: str) -> OutboxEvent:
    data = {"executor_id": executor.public_id, "code": executor.code, "state": state, "was": before}
    return make_event(team_id=executor.team_id, account_id=executor.account_id, kind="executor.changed", data=data)


def to_plain_dict(values: dict[str, Any]) -> dict[str, Any]:
    """Return at most 40 short entries: what a terminal says of itself is shown, never trusted."""
    return {
        str(name)[:40]: value if not isinstance(value, str) else value[:200]
        for name, value in list(values.items())[:40]
    }
