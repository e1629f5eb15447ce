"""Executors: the list, a new one with its key, an executor's page and what may be asked of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.assignments.services.ending import retire_executor
from apps.common.errors import Conflict, PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.asking import QUESTIONS
from apps.dashboard.forms.fleet import ExecutorForm
from apps.dashboard.pages import describe_picks, render_page
from apps.dashboard.paging import read_page_number
from apps.dashboard.selectors import fleet as selectors
from apps.dashboard.selectors.bulk import ACTS
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.standing import list_accounts
from apps.executors.models import CommandKind, Executor
from apps.executors.services.commands import ask_command
from apps.executors.services.registry import create_executor, revoke_keys, rotate_key
from apps.teams.models import Role


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    search, presence = request.GET.get("q", "").strip()[:80], request.GET.get("state", "all")
    presence = presence if presence in selectors.PRESENCES else "all"
    number = read_page_number(request.GET.get("page", 1))
    found = selectors.page_executors(viewer.team, viewer.at, search=search, presence=presence, number=number)
    counts = selectors.count_presences(viewer.team, viewer.at)
    context = {
        "page": found,
        "rows": selectors.describe_executors(found.rows, viewer.at),
        "segments": [(name, counts[name], name == presence) for name in selectors.PRESENCES],
        "counts": counts,
        "search": search,
        "presence": presence,
        "twins": selectors.list_twins(viewer.team, viewer.at),
        "acts": ACTS.values(),
        **describe_picks(request, "executor"),
    }
    return render_page(request, "dashboard/fleet.html", "dashboard/_fleet.html", context, section="fleet")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def create(request: PageRequest) -> HttpResponse:
    accounts = list_accounts(request.viewer.team).filter(retired_at=None).order_by("code")
    form = ExecutorForm(request.POST or None, accounts=accounts)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            executor, key, secret = create_executor(
                account=data["account"], actor=request.viewer.actor, code=data["code"], name=data["name"]
            )
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return _show_key(request, executor, key.key_id, secret)
    context = {"form": form, "has_accounts": accounts.exists()}
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/executor_new.html", None, context, section="fleet", status=status)


@require_safe
@page()
def show(request: PageRequest, executor: str) -> HttpResponse:
    row = _get(request, executor)
    context = selectors.describe_executor(row, request.viewer.at, page=read_page_number(request.GET.get("page", 1)))
    context["questions"] = [each for each in QUESTIONS.values() if each.kind != CommandKind.SNAPSHOT]
    return render_page(request, "dashboard/executor.html", "dashboard/_executor.html", context, section="fleet")


@require_POST
@page(Role.OWNER)
def rotate(request: PageRequest, executor: str) -> HttpResponse:
    row = _get(request, executor)
    key, secret = rotate_key(executor_id=row.id, actor=request.viewer.actor, at=request.viewer.at)
    return _show_key(request, row, key.key_id, secret)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def revoke(request: PageRequest, executor: str) -> HttpResponse:
    row = _get(request, executor)
    if request.method != "POST":
        context = selectors.describe_executor(row, request.viewer.at, page=1)
        return render_page(request, "dashboard/executor_revoke.html", None, context, section="fleet")
    count = revoke_keys(executor_id=row.id, actor=request.viewer.actor, at=request.viewer.at)
    messages.success(
        request, f"{count} key{'' if count == 1 else 's'} of {row.name} revoked. Its agent is refused from now on."
    )
    return redirect("dashboard:executor", row.code)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def retire(request: PageRequest, executor: str) -> HttpResponse:
    """Say what retiring means and what stands in its way; do it where nothing is left unproven."""
    row = _get(request, executor)
    problem, status = None, 200
    if request.method == "POST":
        try:
            retire_executor(executor_id=row.id, actor=request.viewer.actor, at=request.viewer.at)
        except Conflict as refusal:
            problem, status = refusal, 409
        else:
            messages.success(request, f"{row.name} is retired. Its history stays.")
            return redirect("dashboard:executor", row.code)
    context = {**selectors.describe_executor(row, request.viewer.at, page=1), "problem": problem}
    return render_page(request, "dashboard/executor_retire.html", None, context, section="fleet", status=status)


@require_POST
@page(Role.TRADER)
def ask_snapshot(request: PageRequest, executor: str) -> HttpResponse:
    row = _get(request, executor)
    ask_command(executor=row, kind=CommandKind.SNAPSHOT, payload={}, actor=request.viewer.actor, at=request.viewer.at)
    messages.success(request, f"{row.name} is asked for a fresh snapshot. It is shown below once it has come.")
    return redirect("dashboard:executor", row.code)


def _get(request: PageRequest, text: str) -> Executor:
    return get_row(selectors.list_executors(request.viewer.team), text, "code")


def _show_key(request: PageRequest, executor: Executor, key_id: str, secret: str) -> HttpResponse:
    """The only page that ever holds the secret: never cached, never in a URL, gone with the next click."""
    origin = request.build_absolute_uri("/").rstrip("/")
    context = {
        "executor": executor,
        "account": executor.account,
        "key_id": key_id,
        "secret": secret,
        "origin": origin,
        "module": "simulator.mt5" if executor.account.mode == "PAPER" else "MetaTrader5",
        "next": reverse("dashboard:executor", args=[executor.code]),
    }
    return render_page(request, "dashboard/executor_key.html", None, context, section="fleet")
