"""The firm's rules of an account: choose, see what they change, confirm; leave them again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from apps.accounts.models import Account
from apps.accounts.selectors import get_pack_version, list_packs
from apps.common.errors import PlatformError
from apps.dashboard.access import PageRequest, page
from apps.dashboard.forms.packs import SEPARATOR, ChoosePackForm, ConfirmPackForm, LeavePackForm
from apps.dashboard.pages import render_page
from apps.dashboard.selectors.packs import PackView, list_remarks, say_changes, view_pack
from apps.dashboard.views.accounts import get_account
from apps.risk.services.packs import PackPreview, leave_pack, preview_pack, put_under_pack
from apps.teams.models import Role
from apps.teams.services import confirm_person


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def choose(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    seen = view_pack(row, request.viewer.at)
    versions = list_packs(request.viewer.team.pk, request.viewer.at.date())
    now = f"{seen.version.pack.code}{SEPARATOR}{seen.row.pack_phase}" if seen.version else ""
    form = ChoosePackForm(
        request.GET if "program" in request.GET else None, versions=versions, initial={"program": now}
    )
    preview = _preview(request, row, form, seen) if form.is_bound and form.is_valid() else None
    confirm = ConfirmPackForm(request.POST or None, initial=_initial(preview))
    if request.method == "POST" and preview and confirm.is_valid() and _bind(request, row, preview, confirm):
        messages.success(request, f"{row.name} is under {preview.version}, {preview.phase}. It is recorded.")
        return redirect("dashboard:account", row.code)
    context = {
        "account": row,
        "form": form,
        "confirm": confirm,
        "seen": seen,
        "preview": preview,
        "changes": say_changes(preview.changes) if preview else [],
        "remarks": list_remarks(preview.version) if preview else [],
    }
    status = 422 if form.errors or confirm.errors else 200
    return render_page(request, "dashboard/account_pack.html", None, context, section="risk", status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def leave(request: PageRequest, account: str) -> HttpResponse:
    row = get_account(request, account)
    seen = view_pack(row, request.viewer.at)
    form = LeavePackForm(request.POST or None, initial={"number": seen.row.number})
    if request.method == "POST" and form.is_valid():
        caller, given = request.viewer.caller, form.cleaned_data
        try:
            confirmed = confirm_person(caller=caller, password=given["password"])
            leave_pack(account=row, caller=caller, number=given["number"], confirmed=confirmed)
        except PlatformError as refusal:
            form.add_error("password" if refusal.field == "password" else None, refusal.message)
        else:
            messages.success(request, f"{row.name} is under no firm’s rules. Its own limits hold. It is recorded.")
            return redirect("dashboard:account", row.code)
    context = {"account": row, "form": form, "seen": seen}
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/account_pack_leave.html", None, context, section="risk", status=status)


def _preview(request: PageRequest, account: Account, form: ChoosePackForm, seen: PackView) -> PackPreview | None:
    viewer, (code, phase) = request.viewer, form.wanted
    try:
        version = get_pack_version(viewer.team.pk, code, viewer.at.date())
        return preview_pack(account=account, present=seen.row, version=version, phase=phase)
    except PlatformError as refusal:
        form.add_error("program", refusal.message)
        return None


def _initial(preview: PackPreview | None) -> dict[str, int]:
    return {"number": preview.number, "version": preview.version.number} if preview else {}


def _bind(request: PageRequest, account: Account, preview: PackPreview, form: ConfirmPackForm) -> bool:
    """Put the account under what was looked at; a refusal stands in the form."""
    caller, given = request.viewer.caller, form.cleaned_data
    if given["version"] != preview.version.number:
        form.add_error(None, "A newer version was written since you looked: look at the difference again.")
        return False
    try:
        put_under_pack(
            account=account,
            caller=caller,
            version=preview.version,
            phase=preview.phase,
            number=given["number"],
            confirmed=confirm_person(caller=caller, password=given["password"]),
        )
    except PlatformError as refusal:
        form.add_error("password" if refusal.field == "password" else None, refusal.message)
        return False
    return True
