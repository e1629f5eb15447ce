"""Bots: the grid, one bot with its performance and verdicts, and what a person may change of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.bots.models import Bot, Guild
from apps.bots.selectors import list_bots
from apps.bots.services import set_bot_stage, set_bot_status
from apps.common.errors import Conflict, PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.bots import StageForm, StatusForm, read_bot_filter
from apps.dashboard.pages import render_page
from apps.dashboard.selectors import bots as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.standing import list_accounts
from apps.risk.services.bots import unregister_bot
from apps.teams.models import Role


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    viewer, asked = request.viewer, request.GET
    wanted = read_bot_filter(viewer.team, asked)
    found = selectors.page_bots(
        viewer.team, wanted, after=asked.get("after", "")[:64], before=asked.get("before", "")[:64]
    )
    states = selectors.count_states(viewer.team)
    context = {
        "page": found,
        "rows": selectors.describe_bots(viewer.team, found.rows, viewer.at),
        "wanted": wanted,
        "segments": [(status, count, status == wanted.status) for status, count in states],
        "in_service": states[0][1],
        "guilds": Guild.choices,
        "accounts": list_accounts(viewer.team).order_by("code").values_list("code", "name"),
        "account": asked.get("account", ""),
        "query_string": request.GET.urlencode(),
    }
    return render_page(request, "dashboard/bots.html", "dashboard/_bots.html", context, section="bots")


@require_safe
@page()
def show(request: PageRequest, bot: str) -> HttpResponse:
    context = selectors.describe_bot(_get(request, bot), request.viewer.at)
    return render_page(request, "dashboard/bot.html", "dashboard/_bot.html", context, section="bots")


@require_POST
@page(Role.TRADER)
def change_status(request: PageRequest, bot: str) -> HttpResponse:
    row, form = _get(request, bot), StatusForm(request.POST)
    if not form.is_valid():
        messages.error(request, "A bot is ACTIVE, PAUSED or in QUARANTINE.")
        return redirect("dashboard:bot", row.bot_id)
    try:
        set_bot_status(bot_id=row.pk, actor=request.viewer.actor, by_person=True, **form.cleaned_data)
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _SAID[form.cleaned_data["status"]].format(name=row.bot_id))
    return redirect("dashboard:bot", row.bot_id)


@require_POST
@page(Role.TRADER)
def change_stage(request: PageRequest, bot: str) -> HttpResponse:
    row, form = _get(request, bot), StageForm(request.POST)
    if form.is_valid():
        try:
            set_bot_stage(bot_id=row.pk, actor=request.viewer.actor, by_person=True, **form.cleaned_data)
        except PlatformError as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, f"{row.bot_id} is at stage {form.cleaned_data['stage']}.")
    return redirect("dashboard:bot", row.bot_id)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def retire(request: PageRequest, bot: str) -> HttpResponse:
    """Say what retiring means and what stands in its way; do it where nothing is left of the bot."""
    row = _get(request, bot)
    problem, status = None, 200
    if request.method == "POST":
        try:
            unregister_bot(bot=row, actor=request.viewer.actor)
        except Conflict as refusal:
            problem, status = refusal, 409
        else:
            messages.success(request, f"{row.bot_id} is retired. Its history stays, and its magic number with it.")
            return redirect("dashboard:bot", row.bot_id)
    context = {"bot": row, "problem": problem}
    return render_page(request, "dashboard/bot_retire.html", None, context, section="bots", status=status)


_SAID = {
    "ACTIVE": "{name} may ask for new trades again.",
    "PAUSED": "{name} is paused: from now on every new trade it asks for is denied. What is open stays, with its exits.",
    "QUARANTINE": "{name} is in quarantine: nothing new is approved until a person releases it.",
}


def _get(request: PageRequest, text: str) -> Bot:
    return get_row(list_bots(request.viewer.team.pk), text, "bot_id")
