"""Executors as the pages show them: presence, what they were asked, what they were seen doing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.assignments.models import Assignment
from apps.dashboard.paging import PAGE_ROWS, Page, take_page
from apps.dashboard.proof import OFFLINE_AFTER, STALE_AFTER, Proof, prove_executor
from apps.dashboard.selectors.commands import describe_commands
from apps.dashboard.selectors.lag import UNKNOWN_LAG, BarLag, Lag, measure_bar, measure_lag
from apps.dashboard.selectors.strategies import Placement, list_placements
from apps.executors.models import Command, Executor, ExecutorKey
from apps.executors.selectors import list_files
from apps.market.selectors import list_symbols
from apps.teams.models import Team
from apps.trades.selectors import find_ledger_check

PRESENCES = ("all", "online", "stale", "offline", "trouble")
RIVAL_SHOWN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ExecutorRow:
    executor: Executor
    proof: Proof
    placements: list[Placement]
    lag: Lag = UNKNOWN_LAG

    @property
    def positions(self) -> int:
        return sum(each.assignment.open_positions for each in self.placements)

    @property
    def wanted(self) -> list[Placement]:
        return [each for each in self.placements if each.assignment.desired != "STOPPED" or each.proof.is_moving]


def list_executors(team: Team) -> QuerySet[Executor]:
    """Return the team's executors with their accounts and the last snapshots of these."""
    return Executor.objects.filter(team=team).select_related("account__snapshot")


def page_executors(team: Team, at: datetime, *, search: str, presence: str, number: int) -> Page[Executor]:
    """Return one page of the executors in service."""
    found = list_executors(team).filter(retired_at=None)
    if search:
        found = found.filter(_match(search))
    if presence in PRESENCES[1:]:
        found = found.filter(_presence(presence, at))
    return take_page(found.order_by("code"), number)


def count_presences(team: Team, at: datetime) -> dict[str, int]:
    """Return how many executors are online, stale, offline, and in trouble: a last error, or another one on its key."""
    rows = list(Executor.objects.filter(team=team, retired_at=None).only("last_seen_at", "problem", "health", "rival"))
    words = [prove_executor(Executor(last_seen_at=row.last_seen_at), at).word.lower() for row in rows]
    troubled = sum(bool(row.problem or row.health.get("last_error")) for row in rows)
    counts = {name: words.count(name) for name in PRESENCES[1:-1]}
    return {"all": len(words), **counts, "trouble": troubled}


def find_rival(executor: Executor, at: datetime) -> dict[str, Any] | None:
    """
    Return who was refused this executor's account within the last five minutes, with `at` as a time; None where nobody was.

    A twin has this executor's own key: a cloned disk, or a stolen key. Anybody else may just be waiting for the account.
    """
    rival = executor.rival
    if not rival or rival["code"] == "STARTED_ANEW":
        return None
    seen_at = datetime.fromisoformat(rival["at"])
    is_twin = rival["code"] == "TWO_INSTANCES"
    return {**rival, "at": seen_at, "is_twin": is_twin} if at - seen_at < RIVAL_SHOWN else None


def list_twins(team: Team, at: datetime) -> list[tuple[Executor, dict[str, Any]]]:
    """Return the executors whose key a second process used within the last five minutes."""
    rows = Executor.objects.filter(team=team, retired_at=None, rival__code="TWO_INSTANCES").order_by("code")
    found = [(row, find_rival(row, at)) for row in rows]
    return [(row, rival) for row, rival in found if rival is not None]


def describe_executors(executors: list[Executor], at: datetime) -> list[ExecutorRow]:
    """Return the rows of a list in one query, however many there are."""
    placements: dict[UUID, list[Placement]] = defaultdict(list)
    for each in list_placements(Assignment.objects.filter(executor__in=executors, live=True), at):
        placements[each.assignment.executor_id].append(each)
    return [_describe(each, placements[each.pk], at) for each in executors]


def list_bar_lags(row: ExecutorRow, at: datetime) -> list[tuple[Placement, BarLag | None]]:
    """Return the assignments of an executor, each with the bar it handled last."""
    snapshot = getattr(row.executor.account, "snapshot", None)
    return [(each, measure_bar(each.assignment, snapshot, at)) for each in row.placements]


def describe_executor(executor: Executor, at: datetime, *, page: int) -> dict[str, Any]:
    """Return everything the page of an executor shows."""
    commands = take_page(Command.objects.filter(executor=executor).order_by("-created_at", "-pk"), page)
    certified = list_symbols(executor.account_id)
    row = describe_executors([executor], at)[0]
    return {
        "row": row,
        "assignments": list_bar_lags(row, at),
        "executor": executor,
        "commands": commands,
        "command_rows": describe_commands(commands.rows),
        "rival": find_rival(executor, at),
        "files": list(list_files(executor.pk)[:PAGE_ROWS]),
        "keys": list(ExecutorKey.objects.filter(executor=executor).order_by("-created_at")[:PAGE_ROWS]),
        "symbols": [(each, quote) for each, quote, _ in certified],
        "certified": certified,
        "ledger": find_ledger_check(executor.account_id),
        "silent": executor.last_seen_at is None or at - executor.last_seen_at >= STALE_AFTER,
    }


def _describe(executor: Executor, placements: list[Placement], at: datetime) -> ExecutorRow:
    lag = measure_lag(executor, [each.assignment for each in placements], at)
    return ExecutorRow(executor, prove_executor(executor, at), placements, lag)


def _match(search: str) -> Q:
    columns = ("code", "name", "account__name", "account__code", "agent_version", "terminal__host", "problem")
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__icontains": search})
    return found


def _presence(presence: str, at: datetime) -> Q:
    if presence == "trouble":
        return ~Q(problem="") | (Q(health__last_error__isnull=False) & ~Q(health__last_error=""))
    if presence == "online":
        return Q(last_seen_at__gt=at - STALE_AFTER)
    if presence == "stale":
        return Q(last_seen_at__lte=at - STALE_AFTER, last_seen_at__gt=at - OFFLINE_AFTER)
    return Q(last_seen_at=None) | Q(last_seen_at__lte=at - OFFLINE_AFTER)
