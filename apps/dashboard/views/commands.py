"""What was asked: the team's commands, one command, the timeline of an assignment, what many were asked."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from apps.accounts.models import Account
from apps.assignments.models import Assignment
from apps.assignments.selectors import list_commands
from apps.dashboard.access import PageRequest, page
from apps.dashboard.pages import render_page
from apps.dashboard.paging import read_page_number
from apps.dashboard.selectors import commands as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.strategies import list_strategies
from apps.executors.models import CommandBatch, CommandKind, Executor
from apps.risk.batches import read_progress


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    team, asked = request.viewer.team, request.GET
    executors = Executor.objects.filter(team=team).select_related("account")
    executor = get_row(executors, asked["executor"], "code") if asked.get("executor") else None
    strategy = get_row(list_strategies(team), asked["strategy"], "slug") if asked.get("strategy") else None
    accounts = Account.objects.filter(team=team)
    account = get_row(accounts, asked["account"], "code") if asked.get("account") else None
    kind, state = asked.get("kind", ""), asked.get("state", "all")
    state = state if state in selectors.STATES else "all"
    found = selectors.page_commands(
        team,
        executor=executor,
        strategy=strategy,
        account=account,
        kind=kind,
        state=state,
        number=read_page_number(asked.get("page", 1)),
    )
    context = {
        "executor": executor,
        "strategy": strategy,
        "account": account,
        "page": found,
        "rows": selectors.describe_commands(found.rows),
        "kinds": CommandKind.values,
        "kind": kind,
        "state": state,
        "states": selectors.STATES,
        "executors": list(executors.order_by("code")[:500]),
        "is_filtered": any((executor, strategy, account, kind)) or state != "all",
    }
    return render_page(request, "dashboard/commands.html", "dashboard/_commands.html", context, section="fleet")


@require_safe
@page()
def show(request: PageRequest, command: str) -> HttpResponse:
    row = get_row(list_commands(request.viewer.team.pk), command)
    context = {"row": selectors.describe_commands([row])[0], "command": row}
    return render_page(request, "dashboard/command.html", "dashboard/_command.html", context, section="fleet")


@require_safe
@page()
def show_timeline(request: PageRequest, assignment: str) -> HttpResponse:
    mine = Assignment.objects.filter(account__team=request.viewer.team)
    row = get_row(mine.select_related("account__risk", "bot", "executor", "strategy", "version"), assignment)
    context = selectors.describe_timeline(row, request.viewer.at, page=read_page_number(request.GET.get("page", 1)))
    return render_page(request, "dashboard/timeline.html", "dashboard/_timeline.html", context, section="strategies")


@require_safe
@page()
def show_batch(request: PageRequest, batch: str) -> HttpResponse:
    row = get_row(CommandBatch.objects.filter(team=request.viewer.team), batch)
    context = {"progress": read_progress(row), "batch": row}
    return render_page(request, "dashboard/batch.html", "dashboard/_batch.html", context, section="fleet")
