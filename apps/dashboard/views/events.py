"""Risk events: the list, who took note, and the breakers of bots."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.bots.selectors import get_bot
from apps.dashboard.access import PageRequest, page
from apps.dashboard.pages import render_page
from apps.dashboard.paging import PAGE_ROWS, read_page_number, take_page
from apps.dashboard.selectors.standing import list_accounts
from apps.dashboard.views.accounts import get_account
from apps.risk import selectors
from apps.risk.models import RiskEvent, Severity
from apps.risk.services.acknowledging import acknowledge_event
from apps.risk.services.breakers import lift_breaker
from apps.teams.models import Role


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    team, query = request.viewer.team, request.GET
    wanted = {name: query.get(name, "")[:80] for name in ("type", "severity", "account", "show")}
    account = get_account(request, wanted["account"]) if wanted["account"] else None
    rows = selectors.list_events(
        team.pk,
        account.pk if account else None,
        event_type=wanted["type"],
        severity=wanted["severity"],
        unacknowledged=wanted["show"] != "all",
    )
    context = {
        "page": take_page(rows.order_by("-at", "-pk"), read_page_number(query.get("page", 1))),
        "wanted": wanted,
        "accounts": list_accounts(team).order_by("code").values_list("code", "name"),
        "types": RiskEvent.objects.filter(account__team=team)
        .order_by("event_type")
        .values_list("event_type", flat=True)
        .distinct(),
        "severities": Severity.values,
        "query_string": query.urlencode(),
    }
    return render_page(request, "dashboard/events.html", "dashboard/_events.html", context, section="risk")


@require_POST
@page(Role.TRADER)
def acknowledge(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    asked = request.POST.getlist("shown") if request.POST.get("do") == "all" else request.POST.getlist("event")
    for reference in asked[:PAGE_ROWS]:
        event = selectors.get_event(viewer.team.pk, reference)
        acknowledge_event(event=event, actor=viewer.actor, at=viewer.at)
    messages.success(request, f"Noted: {len(asked[:PAGE_ROWS])} event{'' if len(asked) == 1 else 's'}, by you.")
    return redirect("dashboard:risk" if request.POST.get("back") == "risk" else "dashboard:events")


@require_POST
@page(Role.TRADER)
def close_breaker(request: PageRequest, account: str, bot: str) -> HttpResponse:
    row = get_account(request, account)
    found = get_bot(request.viewer.team.pk, bot, account_id=row.pk)
    lift_breaker(bot=found, actor=request.viewer.actor, at=request.viewer.at)
    messages.success(request, f"The breaker of {found.bot_id} is closed: it may trade again. It is recorded.")
    return redirect(reverse("dashboard:account", args=[row.code]))
