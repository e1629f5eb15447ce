"""Studies of a backtest: asked for, watched, read."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.backtests.models import Study, StudyKind
from apps.backtests.services import saving, studying
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.studies import (
    ChallengeForm,
    MonteCarloForm,
    OptunaForm,
    PortfolioForm,
    SearchForm,
    WalkForwardForm,
)
from apps.dashboard.pages import render_page, wants_fragment
from apps.dashboard.selectors import studies as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.views.backtests import get_run
from apps.teams.models import Role

FORMS: dict[str, Any] = {
    "challenge": ChallengeForm,
    "monte_carlo": MonteCarloForm,
    "sweep": SearchForm,
    "optuna": OptunaForm,
    "walk_forward": WalkForwardForm,
    "portfolio": PortfolioForm,
}


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def create(request: PageRequest, run: str, kind: str) -> HttpResponse:
    row = get_run(request, run)
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST or None, run=row)
    if request.method == "POST" and form.is_valid():
        try:
            study = studying.ask_study(run=row, actor=request.viewer.actor, kind=kind.upper(), settings=form.settings)
        except PlatformError as refusal:
            name = (refusal.field or "").removeprefix("settings.")
            form.add_error(name if name in form.fields else None, refusal.message)
        else:
            return redirect("dashboard:study", study.public_id)
    context = {"run": row, "form": form, "kind": kind, "title": StudyKind(kind.upper()).label}
    context["template"] = f"backtests/_ask_{'search' if isinstance(form, SearchForm) else kind}.html"
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "backtests/study_new.html", None, context, section="backtests", status=status)


@require_safe
@page()
def show(request: PageRequest, study: str) -> HttpResponse:
    row = get_row(selectors.list_team_studies(request.viewer.team), study)
    context = selectors.describe_study(row)
    response = render_page(request, "backtests/study.html", "backtests/_study.html", context, section="backtests")
    if wants_fragment(request) and not row.is_open:
        response["HX-Refresh"] = "true"  # what was waited for is there: the whole page, with its charts
    return response


@require_POST
@page(Role.TRADER)
def act(request: PageRequest, study: str, act: str) -> HttpResponse:
    row, actor = get_row(selectors.list_team_studies(request.viewer.team), study), request.viewer.actor
    try:
        if act == "cancel":
            studying.cancel_study(study=row, actor=actor, at=request.viewer.at)
        elif act == "resume":
            studying.resume_study(study=row, actor=actor)
        elif act == "save":
            return _save(request, row)
        else:
            studying.delete_study(study=row, actor=actor)
            messages.success(request, f"The study {row.get_kind_display()} is deleted.")
            return redirect("dashboard:backtest", row.run.public_id)
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    return redirect("dashboard:study", row.public_id)


def _save(request: PageRequest, study: Study) -> HttpResponse:
    """Keep the point named, or the best, as a version of its strategy, and lead there."""
    text = request.POST.get("number", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None
    version = saving.save_point(study=study, actor=request.viewer.actor, number=number)
    messages.success(request, f"Kept as version {version.number}. It trades nowhere until you activate it.")
    return redirect("dashboard:strategy", version.strategy.slug)
