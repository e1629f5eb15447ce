"""Strategies: the list, the builder, a strategy's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.assignments.services.ending import change_strategy as change_placed_strategy
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.strategies import (
    STARTER,
    ZONES,
    StrategyForm,
    describe_form,
    describe_rules,
    open_form,
    show_text,
    write_document,
)
from apps.dashboard.forms.tree_reading import change_tree
from apps.dashboard.pages import describe_picks, render_page
from apps.dashboard.paging import read_page_number
from apps.dashboard.selectors import strategies as selectors
from apps.dashboard.selectors.bulk import ACTS, ON_STRATEGIES
from apps.dashboard.selectors.rows import get_row
from apps.strategies.models import Strategy, StrategyStatus, StrategyVersion
from apps.strategies.services import change_strategy, create_strategy
from apps.teams.models import Role


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    search, segment = request.GET.get("q", "").strip()[:80], request.GET.get("state", "all")
    segment = segment if segment in selectors.SEGMENTS else "all"
    found = selectors.page_strategies(
        viewer.team, viewer.at, search=search, segment=segment, number=read_page_number(request.GET.get("page", 1))
    )
    counts = selectors.count_segments(viewer.team, search)
    context = {
        "page": found,
        "rows": selectors.describe_strategies(found.rows, viewer.at),
        "segments": [(name, counts[name], name == segment) for name in selectors.SEGMENTS],
        "search": search,
        "segment": segment,
        "acts": [ACTS[name] for name in ON_STRATEGIES],
        **describe_picks(request, "strategy"),
    }
    return render_page(
        request, "dashboard/strategies.html", "dashboard/_strategies.html", context, section="strategies"
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def create(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _show_builder(request, open_form(STARTER, {"timeframe": "M5"}), None)
    form = _read(request)
    if form.is_valid() and not request.POST.get("do"):
        try:
            strategy = create_strategy(
                team_id=request.viewer.team.id, actor=request.viewer.actor, rules=form.document or {}, **_market(form)
            )
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(
                request, f"{strategy.name} is saved as version 1. It trades nowhere until it is activated."
            )
            return redirect("dashboard:strategy", strategy.slug)
    return _show_builder(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def edit(request: PageRequest, strategy: str) -> HttpResponse:
    row = _get(request, strategy)
    latest = _latest(row)
    if request.method != "POST":
        market = {
            "name": row.name,
            "description": row.description,
            "symbol": latest.symbol,
            "timeframe": latest.timeframe,
        }
        return _show_builder(request, open_form(latest.rules, market), row, latest)
    form = _read(request)
    if form.is_valid() and not request.POST.get("do"):
        try:
            changes = {"rules": form.document or {}, **_market(form)}
            change_strategy(strategy_id=row.id, actor=request.viewer.actor, changes=changes)
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            newest = _latest(row)
            if newest.number > latest.number:
                messages.success(
                    request, f"Version {newest.number} is saved. What runs keeps its version until you update it."
                )
            else:
                messages.success(request, "Saved. The rules are as they were, so there is no new version.")
            return redirect("dashboard:strategy", row.slug)
    return _show_builder(request, form, row, latest)


@require_POST
@page(Role.TRADER)
def preview(request: PageRequest) -> HttpResponse:
    """The builder asks while a person types: the server checks, the other side of the form follows."""
    form = _read(request)
    form.is_valid()
    context = _describe(form)
    if form.document is not None:
        form = _follow(form)
    return render_page(
        request, "dashboard/_builder.html", "dashboard/_builder.html", {"form": form, **describe_form(form), **context}
    )


@require_POST
@page(Role.TRADER)
def clone(request: PageRequest, strategy: str) -> HttpResponse:
    row = _get(request, strategy)
    latest = _latest(row)
    copy = create_strategy(
        team_id=request.viewer.team.id,
        actor=request.viewer.actor,
        name=f"{row.name[:110]}, copy",
        symbol=latest.symbol,
        timeframe=latest.timeframe,
        rules=latest.rules,
        description=row.description,
    )
    messages.success(request, f"{row.name} is copied. The copy trades nowhere yet.")
    return redirect("dashboard:strategy-edit", copy.slug)


@require_POST
@page(Role.TRADER)
def archive(request: PageRequest, strategy: str) -> HttpResponse:
    row = _get(request, strategy)
    away = row.status != StrategyStatus.ARCHIVED
    status = StrategyStatus.ARCHIVED if away else StrategyStatus.DRAFT
    try:
        change_placed_strategy(strategy_id=row.id, actor=request.viewer.actor, changes={"status": status})
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{row.name} is {'in the archive' if away else 'back in the list'}.")
    return redirect("dashboard:strategy", row.slug)


@require_safe
@page()
def show(request: PageRequest, strategy: str) -> HttpResponse:
    row = _get(request, strategy)
    context = selectors.describe_strategy(row, request.viewer.at, compare=request.GET.get("compare", ""))
    return render_page(request, "dashboard/strategy.html", "dashboard/_strategy.html", context, section="strategies")


def _get(request: PageRequest, text: str) -> Strategy:
    return get_row(selectors.list_strategies(request.viewer.team), text, "slug")


def _read(request: PageRequest) -> StrategyForm:
    """Return the posted form; the button "take over from the text" lets the text lead, those in a tree change the document."""
    data = request.POST.copy()
    action = str(data.get("do", ""))
    if action == "take-text":
        data["leads"] = "text"
    if ":" in action:
        write_document(data, change_tree(StrategyForm(data).shown, action))
    return StrategyForm(data)


def _latest(strategy: Strategy) -> StrategyVersion:
    return strategy.versions.order_by("-number")[0]


def _market(form: StrategyForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("name", "symbol", "timeframe", "description")}


def _describe(form: StrategyForm) -> dict[str, Any]:
    return {**describe_rules(form.document), "document": form.document}


def _follow(form: StrategyForm) -> StrategyForm:
    """Return the form with the side that did not lead brought up to the side that did; errors stay."""
    data: Any = form.data.copy()  # type: ignore[attr-defined]
    if form.data.get("leads") == "text":
        write_document(data, form.document or {})
        data["leads"] = "text"
    else:
        data["text"] = show_text(form.document)
    followed = StrategyForm(data)
    followed.is_valid()
    return followed


def _show_builder(
    request: HttpRequest, form: StrategyForm, strategy: Strategy | None, latest: StrategyVersion | None = None
) -> HttpResponse:
    if form.is_bound:
        form.is_valid()
        described = _describe(form)
        form = _follow_kept(form)
    else:
        described = describe_rules(latest.rules if latest else STARTER)
    context = {
        "form": form,
        "strategy": strategy,
        "latest": latest,
        "symbols": selectors.list_symbols(request.viewer.team),  # type: ignore[attr-defined]
        "zones": ZONES,
        **describe_form(form),
        **described,
    }
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "dashboard/builder.html", None, context, section="strategies", status=status)


def _follow_kept(form: StrategyForm) -> StrategyForm:
    """As `_follow`, but what a service refused stays on the form."""
    refused = {name: list(errors) for name, errors in form.errors.items()}
    if form.document is None or refused:
        return form
    return _follow(form)
