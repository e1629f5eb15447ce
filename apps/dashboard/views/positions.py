"""Closing one open position: what will happen is said first, then one command is asked."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from apps.common.errors import Conflict
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.asking import PartForm
from apps.dashboard.pages import render_page
from apps.dashboard.selectors import closing as selectors
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.trades import list_trades
from apps.dashboard.views.accounts import get_account
from apps.executors.models import CommandKind
from apps.executors.payloads import read_payload
from apps.executors.services.commands import ask_command
from apps.teams.models import Role


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.TRADER)
def close(request: PageRequest, account: str, ticket: int) -> HttpResponse:
    row, viewer = get_account(request, account), request.viewer
    positions = selectors.list_positions(row, getattr(row, "snapshot", None))
    position = selectors.get_position(positions, ticket)
    form = PartForm(request.POST if request.method == "POST" else None)
    context = selectors.describe_closing(row, position, viewer.at)
    context |= {"back": _find_way_back(request, row.code), "form": form}
    if request.method != "POST" or not form.is_valid():
        status = 422 if form.errors else 200
        return render_page(request, "dashboard/position_close.html", None, context, section="risk", status=status)
    if context["executor"] is None:
        raise Conflict("NO_EXECUTOR", f"{row.name} has no executor that could close it. Close it at the terminal.")
    ask_command(
        executor=context["executor"],
        kind=CommandKind.CLOSE_POSITION,
        payload=read_payload(CommandKind.CLOSE_POSITION, _describe_part(position.ticket, form)),
        actor=viewer.actor,
        at=viewer.at,
    )
    messages.success(request, f"Closing position {ticket} is asked. Below stands what is proven.")
    return redirect(context["back"])


def _describe_part(ticket: int, form: PartForm) -> dict[str, object]:
    lots = form.cleaned_data["lots"]
    return {"ticket": ticket, **({"volume_lots": lots} if lots else {})}


def _find_way_back(request: PageRequest, account: str) -> str:
    """Return the page the person came from: the trade's own, else the account's."""
    if trade := request.GET.get("trade"):
        return reverse("dashboard:trade", args=[get_row(list_trades(request.viewer.team), trade).public_id])
    return reverse("dashboard:account", args=[account])
