"""Asking executors for something: what will happen is said first, then it is asked; of one, of an account, of many."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.asking import QUESTIONS, BotForm, Question
from apps.dashboard.pages import render_page
from apps.dashboard.proof import prove_executor
from apps.dashboard.selectors import bulk as selectors
from apps.dashboard.selectors.flattening import describe_flattening
from apps.dashboard.selectors.fleet import describe_executors, list_executors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.views.accounts import get_account
from apps.executors.models import CommandKind, Executor
from apps.executors.selectors import find_log, get_file
from apps.executors.services.commands import ask_command
from apps.executors.services.files import answer_file, read_file
from apps.executors.services.logs import want_log
from apps.risk.services.bulk import ask_many
from apps.risk.services.flatten import flatten_account
from apps.teams.models import Role

LOG_LINES = 200


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def ask(request: PageRequest, executor: str, what: str) -> HttpResponse:
    question = QUESTIONS.get(what)
    if question is None:
        raise Http404(what)
    row, viewer = _get(request, executor), request.viewer
    form = _make_form(request, question, row)
    if request.method == "POST" and (form is None or form.is_valid()):
        payload = form.to_payload() if form is not None else {}
        try:
            command = ask_command(executor=row, kind=question.kind, payload=payload, actor=viewer.actor, at=viewer.at)
        except PlatformError as refusal:
            messages.error(request, refusal.message)
            return redirect("dashboard:executor", row.code)
        return redirect("dashboard:command", command.public_id)
    context = {
        "question": question,
        "executor": row,
        "presence": prove_executor(row, viewer.at),
        "form": form,
    }
    status = 422 if form is not None and form.errors else 200
    return render_page(request, "dashboard/ask.html", None, context, section="fleet", status=status)


def _make_form(request: PageRequest, question: Question, executor: Executor) -> Any:
    if question.form is None:
        return None
    more: dict[str, Any] = {}
    if question.form is BotForm:
        (row,) = describe_executors([executor], request.viewer.at)
        bots = [
            (str(each.assignment.bot.magic), f"{each.assignment.strategy.name} ({each.assignment.bot.bot_id})")
            for each in row.placements
        ]
        more |= {"bots": bots, "is_needed": question.kind == CommandKind.CLOSE_BOT}
    initial = {name: request.GET[name] for name in ("magic", "version") if name in request.GET}
    return question.form(request.POST if request.method == "POST" else None, initial=initial, **more)


@require_safe
@page()
def show_log(request: PageRequest, executor: str) -> HttpResponse:
    """The tail of the log. Looking asks the agent to send on: that is written, and changes nothing of what is traded."""
    row = _get(request, executor)
    want_log(executor_id=row.pk, at=request.viewer.at)
    log = find_log(row.pk)
    context = {
        "executor": row,
        "presence": prove_executor(row, request.viewer.at),
        "log": log,
        "lines": selectors.read_log(log, request.GET.get("level", ""), LOG_LINES),
        "level": request.GET.get("level", ""),
        "levels": selectors.LEVELS,
    }
    return render_page(request, "dashboard/log.html", "dashboard/_log.html", context, section="fleet")


@require_safe
@page()
def download(request: PageRequest, executor: str, file: str) -> HttpResponse:
    request.viewer.require(Role.TRADER)
    row = get_file(_get(request, executor).pk, file)
    return answer_file(row, read_file(row))


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def flatten(request: PageRequest, account: str) -> HttpResponse:
    row, viewer = get_account(request, account), request.viewer
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:150] or f"by {viewer.user.email}"
        done = flatten_account(account=row, reason=reason, actor=viewer.actor, at=viewer.at)
        if done.commands:
            messages.success(request, f"{row.name} is halted and is being flattened. Below stands what is proven.")
        else:
            messages.warning(
                request, f"{row.name} is halted. No executor serves it: close what is open at the terminal."
            )
        return redirect("dashboard:account", row.code)
    context = describe_flattening(row, viewer.at)
    return render_page(request, "dashboard/flatten.html", None, context, section="risk")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def ask_of_many(request: PageRequest) -> HttpResponse:
    """Say what an act would do to what was picked; ask it. What was shown is what is asked."""
    viewer, given = request.viewer, request.POST if request.method == "POST" else request.GET
    meant = selectors.choose(
        viewer.team, given.get("act", ""), executors=given.getlist("executor"), strategies=given.getlist("strategy")
    )
    if request.method == "POST" and meant.rows:
        targets = selectors.to_targets(meant, actor=viewer.actor, at=viewer.at)
        batch = ask_many(act=meant.act.name, targets=targets, team_id=viewer.team.pk, actor=viewer.actor)
        return redirect("dashboard:batch", batch.public_id)
    back = reverse("dashboard:strategies" if given.getlist("strategy") else "dashboard:fleet")
    context = {"meant": meant, "back": back, "given": given}
    return render_page(request, "dashboard/bulk.html", None, context, section="fleet")


def _get(request: PageRequest, text: str) -> Executor:
    return get_row(list_executors(request.viewer.team), text, "code")
