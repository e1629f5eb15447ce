"""Starting, pausing, resuming, updating and stopping: what will happen is said first, then one service is called."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.assignments.models import Assignment
from apps.assignments.services.activation import activate as activate_strategy
from apps.assignments.services.wishes import pause, resume, stop, update
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.activation import ActivationForm, field_of
from apps.dashboard.pages import render_page
from apps.dashboard.selectors import activation as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.strategies import list_placements, list_strategies
from apps.dashboard.selectors.studies import find_challenge
from apps.strategies.models import Strategy
from apps.teams.models import Role

ACTS = {"pause": pause, "resume": resume, "stop": stop, "update": update}


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def activate(request: PageRequest, strategy: str) -> HttpResponse:
    row, viewer = _get_strategy(request, strategy), request.viewer
    version = row.versions.order_by("-number")[0]
    candidates = selectors.list_candidates(viewer.team, row, version, viewer.at)
    fitting = [each.executor for each in candidates if not each.refused]
    form = ActivationForm(request.POST or None, executors=fitting, rules=version.rules)
    review = None
    if request.method == "POST" and form.is_valid():
        review = selectors.sum_consequences(_choose(candidates, form))
        if request.POST.get("do") == "confirm" and _start(request, row, form):
            return redirect("dashboard:strategy", row.slug)
    context = {
        "strategy": row,
        "version": version,
        "candidates": candidates,
        "challenge": find_challenge(row),
        "rule_checks": selectors.check_document(version),
        "form": form,
        "review": review if not form.errors else None,
        "online": sum(each.proof.kind == "proven" and not each.refused for each in candidates),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "dashboard/activate.html", None, context, section="strategies", status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def act_on_strategy(request: PageRequest, strategy: str, act: str) -> HttpResponse:
    row = _get_strategy(request, strategy)
    assignments = Assignment.objects.filter(strategy=row, live=True)
    return _act(request, row, assignments, act)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def act_on_assignment(request: PageRequest, assignment: str, act: str) -> HttpResponse:
    mine = Assignment.objects.filter(account__team=request.viewer.team).select_related("strategy")
    row = get_row(mine, assignment)
    return _act(request, row.strategy, Assignment.objects.filter(pk=row.pk), act)


def _act(request: PageRequest, strategy: Strategy, assignments: Any, act: str) -> HttpResponse:
    placements = list_placements(assignments, request.viewer.at)
    meant = [each for each in placements if _is_meant(each.assignment, act)]
    if request.method == "POST" and meant:
        ids = [each.assignment.pk for each in meant]
        try:
            ACTS[act](assignment_ids=ids, actor=request.viewer.actor, at=request.viewer.at)
        except PlatformError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"{_ASKED[act]} of {_count(len(ids), 'executor')}. Below stands what is proven.")
        return redirect("dashboard:strategy", strategy.slug)
    context = {
        "strategy": strategy,
        "latest": strategy.versions.order_by("-number")[0],
        "act": act,
        "word": act.capitalize(),
        "meant": meant,
        "positions": sum(each.assignment.open_positions for each in meant),
        "silent": [each for each in meant if each.proof.kind == "unknown"],
        "button": _say_button(act, strategy, meant),
    }
    return render_page(request, "dashboard/act.html", None, context, section="strategies")


_ASKED = {"pause": "Pause is asked", "resume": "Resume is asked", "stop": "Stop is asked", "update": "Update is asked"}


def _is_meant(assignment: Assignment, act: str) -> bool:
    wanted = assignment.desired
    if act == "resume":
        return wanted == "PAUSED"
    if act == "pause":
        return wanted == "RUNNING"
    return wanted != "STOPPED"


def _say_button(act: str, strategy: Strategy, meant: list[Any]) -> str:
    positions = sum(each.assignment.open_positions for each in meant)
    where = f"on {_count(len(meant), 'executor')}"
    if act == "stop":
        return f"Stop {where}, close {_count(positions, 'position')}"
    if act == "pause":
        return f"Pause {where}, keep {_count(positions, 'position')}"
    return f"{act.capitalize()} {where}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _choose(candidates: list[selectors.Candidate], form: ActivationForm) -> list[selectors.Candidate]:
    if form.cleaned_data.get("everyone"):
        return [each for each in candidates if each.proof.kind == "proven" and not each.refused]
    return [each for each in candidates if each.executor.code in form.cleaned_data["executors"]]


def _start(request: PageRequest, strategy: Strategy, form: ActivationForm) -> bool:
    # What was shown is what starts: "all online" is confirmed by the names that stood on the page.
    shown = request.POST.getlist("shown") or form.references
    try:
        rows = activate_strategy(
            strategy=strategy,
            references=shown,
            actor=request.viewer.actor,
            at=request.viewer.at,
            overrides=form.overrides or None,
        )
    except PlatformError as refusal:
        form.add_error(field_of(refusal.field), refusal.message)
        return False
    messages.success(
        request, f"{strategy.name} is asked to run on {_count(len(rows), 'executor')}. Below stands what is proven."
    )
    return True


def _get_strategy(request: PageRequest, text: str) -> Strategy:
    return get_row(list_strategies(request.viewer.team), text, "slug")
