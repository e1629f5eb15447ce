"""Accounts: the risk list, an account's page with its day, and the figures behind its charts."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import Account
from apps.accounts.selectors import get_limits_in_force
from apps.accounts.services.opening import open_account
from apps.accounts.services.settings import change_account
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.accounts import AccountForm, AccountSettingsForm
from apps.dashboard.forms.limits import LimitsForm
from apps.dashboard.pages import render_page
from apps.dashboard.selectors import accounts as selectors
from apps.dashboard.selectors.risk import describe_outlook, describe_risk
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.standing import list_accounts, read_limits
from apps.market.services import accept_specification
from apps.risk.services.limits import set_limits
from apps.teams.models import Role
from apps.teams.services import confirm_person


@require_safe
@page()
def show_list(request: PageRequest) -> HttpResponse:
    context = describe_risk(request.viewer.team, request.viewer.at)
    return render_page(request, "dashboard/risk.html", "dashboard/_risk.html", context, section="risk")


@require_safe
@page()
def show(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    viewer = request.viewer
    context = selectors.describe_account(row, viewer.at) | describe_outlook(row, viewer.team, viewer.at, request.GET)
    return render_page(request, "dashboard/account.html", "dashboard/_account.html", context, section="risk")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def create(request: PageRequest) -> HttpResponse:
    form = AccountForm(
        request.POST or None, initial={"currency": "USD", "zone": "UTC", "reset_time": "00:00", "leverage": 100}
    )
    if request.method == "POST" and form.is_valid():
        try:
            account = open_account(team_id=request.viewer.team.id, actor=request.viewer.actor, **form.cleaned_data)
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, f"{account.name} is there, with the limits of its kind. Next: its executor.")
            return redirect("dashboard:executor-new")
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/account_new.html", None, {"form": form}, section="risk", status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def settings(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    initial = {name: getattr(row, name) for name in AccountSettingsForm.base_fields}
    form = AccountSettingsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            change_account(account_id=row.id, actor=request.viewer.actor, changes=form.cleaned_data)
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Saved. Another day counts from the next trading day.")
            return redirect("dashboard:account", row.code)
    context = {"form": form, "account": row}
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/account_settings.html", None, context, section="risk", status=status)


@require_POST
@page(Role.TRADER)
def accept_symbol(request: PageRequest, account: str, symbol: str) -> HttpResponse:
    """Note that the viewer has seen what the broker changed of a symbol."""
    row = get_account(request, account)
    try:
        accept_specification(account=row, symbol=symbol, actor=request.viewer.actor, at=request.viewer.at)
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Seen. Trades in {symbol} may be approved again on {row.name}.")
    return redirect("dashboard:account", row.code)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def limits(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    in_force = get_limits_in_force(row, request.viewer.at.date())
    limits = read_limits(in_force)
    form = LimitsForm(request.POST or None, initial=LimitsForm.read_document(limits) if limits else {})
    if request.method == "POST" and form.is_valid() and limits:
        caller = request.viewer.caller
        try:
            confirmed = confirm_person(caller=caller, password=form.cleaned_data["password"])
            set_limits(account=row, caller=caller, document=form.as_document(limits), confirmed=confirmed)
        except PlatformError as refusal:
            form.add_error(form.place(refusal.field), refusal.message)
        else:
            messages.success(request, "The new limits are in force from the next request on. The old ones are kept.")
            return redirect("dashboard:account", row.code)
    context = {"form": form, "account": row, "in_force": in_force, "are_readable": limits is not None}
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/account_limits.html", None, context, section="risk", status=status)


@require_safe
@page()
def equity_figures(request: PageRequest, account: str) -> JsonResponse:
    """The equity chart's figures: market seconds, equity, and the floors."""
    row = get_account(request, account)
    return _figures(selectors.read_equity(row, request.viewer.at, period=request.GET.get("period", "day")))


@require_safe
@page()
def candle_figures(request: PageRequest, account: str) -> JsonResponse:
    """Closed bars with the trades on them."""
    row = get_account(request, account)
    symbol, timeframe = request.GET.get("symbol", "")[:32], request.GET.get("timeframe", "")[:4]
    return _figures(selectors.read_candles(row, symbol=symbol, timeframe=timeframe))


def get_account(request: PageRequest, text: str) -> Account:
    """Return the team's account of that code or id."""
    return get_row(list_accounts(request.viewer.team), text, "code")


def _figures(body: dict[str, object]) -> JsonResponse:
    response = JsonResponse(body)
    response["Cache-Control"] = "private, no-store"
    return response
