"""What other limits would have done to an account: a question in the query, answered without changing anything."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import Account
from apps.accounts.selectors import list_packs
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.what_if import WhatIfForm
from apps.dashboard.pages import render_page, wants_fragment
from apps.dashboard.selectors import what_if as selectors
from apps.dashboard.views.accounts import get_account
from apps.risk.selectors import get_what_if_run
from apps.risk.services import what_if_runs
from apps.risk.what_if import make_limits


@require_http_methods(["GET", "HEAD", "POST"])
@page()
def show(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    form, has_days = _read_form(request, row)
    context: dict[str, Any] = {"account": row, "form": form, "has_days": has_days}
    if form.is_bound and form.is_valid():
        try:
            if request.method == "POST":
                return _ask_worker(request, row, form)
            context |= _answer(request, row, form)
        except PlatformError as refusal:
            context["too_long"] = refusal.code == "PERIOD_TOO_LONG"
            form.add_error(None, refusal.message)
    context["runs"] = selectors.list_runs(row)
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/what_if.html", None, context, section="risk", status=status)


@require_safe
@page()
def show_run(request: PageRequest, account: str, run: str) -> HttpResponse:
    row = get_account(request, account)
    found = get_what_if_run(row, run)
    context = {"account": row, "run": found, **selectors.describe_run(found)}
    response = render_page(
        request, "dashboard/what_if_run.html", "dashboard/_what_if_run.html", context, section="risk"
    )
    if wants_fragment(request) and not found.is_open:
        response["HX-Refresh"] = "true"
    return response


@require_POST
@page()
def cancel_run(request: PageRequest, account: str, run: str) -> HttpResponse:
    row = get_account(request, account)
    try:
        what_if_runs.cancel_run(row=get_what_if_run(row, run), actor=request.viewer.actor, at=request.viewer.at)
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    return redirect("dashboard:what-if-run", row.code, run)


def _read_form(request: PageRequest, account: Account) -> tuple[WhatIfForm, bool]:
    first, last = selectors.find_span_of_days(account)
    versions = list_packs(request.viewer.team.pk, request.viewer.at.date())
    given: QueryDict | None = request.POST if request.method == "POST" else request.GET
    asked = given if given and "first" in given else None
    return WhatIfForm(asked, versions=versions, initial={"first": first, "last": last}), first is not None


def _answer(request: PageRequest, account: Account, form: WhatIfForm) -> dict[str, Any]:
    given, (code, phase) = form.cleaned_data, form.wanted
    period = {"first": given["first"], "last": given["last"]}
    found = selectors.describe_what_if(
        account, code=code, phase=phase, changes=form.changes, at=request.viewer.at, **period
    )
    return {**found, "shadows": selectors.read_shadows(account, **period)}


def _ask_worker(request: PageRequest, account: Account, form: WhatIfForm) -> HttpResponse:
    given, (code, phase) = form.cleaned_data, form.wanted
    version = selectors.find_version(account, code, request.viewer.at)
    run = what_if_runs.ask_run(
        account=account,
        limits=make_limits(account, form.changes, version, phase),
        first=given["first"],
        last=given["last"],
        name=form.words,
        actor=request.viewer.actor,
    )
    return redirect("dashboard:what-if-run", account.code, run.public_id)
