"""The kill switch: two steps down, one slow step up."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.assignments.models import Assignment
from apps.assignments.services.wishes import stop
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.accounts import LiftForm
from apps.dashboard.pages import render_page
from apps.dashboard.selectors.halts import EVERYTHING, list_scopes
from apps.dashboard.selectors.latches import find_halt
from apps.dashboard.views.accounts import get_account
from apps.risk.services import latches
from apps.teams.models import Role


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def halt(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    scopes, _ = list_scopes(viewer.team, viewer.at)
    chosen = request.POST.get("scope") or request.GET.get("account") or EVERYTHING
    if request.method == "POST" and chosen in {scope.value for scope in scopes}:
        return _halt(request, chosen)
    context = {"scopes": scopes, "chosen": chosen, "team_halted": viewer.team.halted_at is not None}
    return render_page(request, "dashboard/halt.html", None, context, section="risk")


def _halt(request: PageRequest, chosen: str) -> HttpResponse:
    viewer, reason = request.viewer, request.POST.get("reason", "").strip()[:150]
    words = reason or f"halted by {viewer.user.email}"
    placed = Assignment.objects.filter(account__team=viewer.team, live=True).exclude(desired="STOPPED")
    if chosen == EVERYTHING:
        latches.halt_team(team=viewer.team, reason=words, actor=viewer.actor, at=viewer.at)
    else:
        account = get_account(request, chosen)
        latches.halt_account(account=account, reason=words, actor=viewer.actor, at=viewer.at)
        placed = placed.filter(account=account)
    if request.POST.get("positions") == "close":
        stop(assignment_ids=list(placed.values_list("pk", flat=True)), actor=viewer.actor, at=viewer.at)
    messages.success(request, "Halted. No new trade is approved. Below stands what is proven of the positions.")
    return redirect("dashboard:overview" if chosen == EVERYTHING else reverse("dashboard:account", args=[chosen]))


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def lift_account(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    back = reverse("dashboard:account", args=[row.code])

    def lift() -> None:
        latches.lift_account(account=row, actor=request.viewer.actor, at=request.viewer.at)

    note = "A broken limit’s and the day’s own latch of this account go too. A halt of the team or the platform stands."
    return _lift(request, row.name, find_halt(row), back, lift, note)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def lift_team(request: PageRequest) -> HttpResponse:
    team = request.viewer.team

    def lift() -> None:
        latches.lift_team(team=team, actor=request.viewer.actor, at=request.viewer.at)

    note = "Accounts that are halted by themselves stay so."
    reason = (team.halt_reason or "Halted.") if team.halted_at else ""
    return _lift(request, team.name, reason, reverse("dashboard:halt"), lift, note)


def _lift(
    request: PageRequest, name: str, reason: str, back: str, lift: Callable[[], object], note: str
) -> HttpResponse:
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        password = form.cleaned_data["password"]
        if authenticate(request, username=request.user.email, password=password) is None:
            form.add_error("password", "That is not your password.")
        else:
            try:
                lift()
            except PlatformError as refusal:
                form.add_error(None, refusal.message)
            else:
                messages.success(request, f"The halt of {name} is lifted. It is recorded.")
                return redirect(back)
    context = {"name": name, "reason": reason, "back": back, "form": form, "scope_note": note}
    return render_page(
        request, "dashboard/lift.html", None, context, section="risk", status=422 if form.errors else 200
    )
