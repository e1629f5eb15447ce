"""Backtests: asked for with one click or with care, watched, read, compared."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.backtests import figures
from apps.backtests.models import Run
from apps.backtests.selectors import BarChoice
from apps.backtests.services import asking
from apps.backtests.services.bars import load_own_bars
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.backtests import BacktestForm
from apps.dashboard.pages import render_page, wants_fragment
from apps.dashboard.paging import read_page_number, take_page
from apps.dashboard.selectors import backtests as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.strategies import list_strategies
from apps.market.datasets.selectors import get_dataset
from apps.strategies.models import Strategy
from apps.strategies.selectors import get_latest_version
from apps.teams.models import Role

SEGMENTS = (("", "All"), ("open", "Running"), ("done", "Done"), ("failed", "Failed"))


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    search, status = request.GET.get("q", "")[:80], request.GET.get("status", "")
    rows = selectors.filter_runs(request.viewer.team, search=search, status=status)
    found = take_page(rows, read_page_number(request.GET.get("page", 1)))
    context = {"page": found, "rows": found.rows, "search": search, "status": status, "segments": SEGMENTS}
    return render_page(request, "backtests/runs.html", "backtests/_runs.html", context, section="backtests")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def ask(request: PageRequest, strategy: str) -> HttpResponse:
    """The one click (`quick`), and the form for those who want it otherwise."""
    row = get_row(list_strategies(request.viewer.team), strategy, "slug")
    version = get_latest_version(row.pk)
    if request.method == "POST" and "quick" in request.POST:
        return _ask(request, row, None) or redirect(f"{request.path}?bars=")
    choices = selectors.list_choices(request.viewer.team, version)
    beside = selectors.list_beside(request.viewer.team, version)
    form = BacktestForm(
        request.POST or None,
        choices=[(value, words) for value, words, _ in choices],
        beside=[(symbol, _list_datasets(found)) for symbol, found in beside],
    )
    if request.method == "POST" and form.is_valid():
        answer = _ask(request, row, form)
        if answer is not None:
            return answer
    missing = [symbol for symbol, found in beside if not found]
    context = {"strategy": row, "version": version, "form": form, "choices": choices, "missing": missing}
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "backtests/ask.html", None, context, section="backtests", status=status)


@require_safe
@page()
def show(request: PageRequest, run: str) -> HttpResponse:
    row = get_run(request, run)
    context = selectors.describe_run(row, page=read_page_number(request.GET.get("page", 1)))
    response = render_page(request, "backtests/run.html", "backtests/_run.html", context, section="backtests")
    if wants_fragment(request) and not row.is_open:
        response["HX-Refresh"] = "true"  # what was waited for is there: the whole page, with its charts
    return response


@require_safe
@page()
def equity_figures(request: PageRequest, run: str) -> JsonResponse:
    return _figures(figures.read_equity(get_run(request, run)))


@require_safe
@page()
def candle_figures(request: PageRequest, run: str) -> JsonResponse:
    row, around = get_run(request, run), request.GET.get("around", "")
    around_s = int(around) if around.isascii() and around.isdigit() and len(around) <= 11 else None
    return _figures(figures.read_candles(row, load_own_bars(row), around_s=around_s))


@require_POST
@page(Role.TRADER)
def act(request: PageRequest, run: str, act: str) -> HttpResponse:
    row, actor = get_run(request, run), request.viewer.actor
    try:
        if act == "cancel":
            asking.cancel_run(run_id=row.pk, actor=actor, at=request.viewer.at)
        elif act == "retry":
            asking.retry_run(run_id=row.pk, actor=actor)
        else:
            asking.delete_run(run_id=row.pk, actor=actor)
            messages.success(request, f"{row.name} is deleted.")
            return redirect("dashboard:backtests")
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    return redirect("dashboard:backtest", row.public_id)


@require_safe
@page()
def compare(request: PageRequest) -> HttpResponse:
    team = request.viewer.team
    wanted = request.GET.getlist("run")[: selectors.MOST_COMPARED]
    runs = [row for row in (get_run(request, text) for text in wanted) if row.status == "DONE"]
    context: dict[str, Any] = {"runs": runs, "rows": selectors.compare_runs(runs) if runs else []}
    context["others"] = selectors.filter_runs(team, search="", status="done").exclude(pk__in=[row.pk for row in runs])[
        :50
    ]
    context["most"] = selectors.MOST_COMPARED
    return render_page(request, "backtests/compare.html", None, context, section="backtests")


def get_run(request: HttpRequest, text: str) -> Run:
    """Return the viewer's team's backtest, or refuse as for one that is not there."""
    team = request.viewer.team  # type: ignore[attr-defined]
    return get_row(
        Run.objects.filter(team=team).select_related(
            "team", "strategy", "version", "account", "dataset", "reused_from"
        ),
        text,
    )


def _ask(request: PageRequest, strategy: Strategy, form: BacktestForm | None) -> HttpResponse | None:
    """Ask for a backtest and lead to it; None where it was refused, with the reason at its place."""
    given: dict[str, Any] = {}
    if form is not None:
        owner, _, timeframe = form.cleaned_data["bars"].partition("|")
        chosen = next(
            each
            for value, _, each in selectors.list_choices(request.viewer.team, get_latest_version(strategy.pk))
            if value == f"{owner}|{timeframe}"
        )
        given = {
            "others": {symbol: get_dataset(request.viewer.team.pk, name) for symbol, name in form.others.items()},
            "dataset": chosen.dataset, "account": chosen.account, "bars_timeframe": timeframe, "costs": form.costs,
            "balance": form.cleaned_data["balance"], "pessimistic": form.cleaned_data["pessimistic"],
            "trailing_stop_fraction": form.trailing_stop_fraction, **form.period,
        }  # fmt: skip
    asked = asking.Asked(strategy=strategy, version=get_latest_version(strategy.pk), **given)
    try:
        run = asking.ask_run(team=request.viewer.team, actor=request.viewer.actor, asked=asked)
    except PlatformError as refusal:
        if form is None:
            messages.error(request, refusal.message)
        else:
            form.add_error(_field_of(refusal.field, form), refusal.message)
        return None
    return redirect("dashboard:backtest", run.public_id)


def _list_datasets(found: list[BarChoice]) -> list[tuple[str, str]]:
    return [(each.dataset.public_id, selectors.say_choice(each)) for each in found if each.dataset is not None]


def _field_of(path: str | None, form: BacktestForm) -> str | None:
    if path is not None and path.removeprefix("others.") in form.symbols:
        return f"beside_{form.symbols.index(path.removeprefix('others.'))}"
    name = {"dataset": "bars"}.get(path or "", (path or "").removeprefix("costs."))
    return name if name in form.fields else None


def _figures(body: dict[str, Any]) -> JsonResponse:
    response = JsonResponse(body)
    response["Cache-Control"] = "private, max-age=300"  # a result never changes
    return response
