"""Teams, members, invitations, keys, and a person's own sign-in."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.mail import send_mail
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.common.clock import read_at
from apps.common.errors import PlatformError
from apps.dashboard.access import SESSION_TEAM, PageRequest, find_viewer, page, show_refusal
from apps.dashboard.forms.people import InvitationForm, KeyForm, TeamForm
from apps.dashboard.pages import render_page
from apps.dashboard.selectors.rows import get_row
from apps.dashboard.selectors.standing import list_accounts
from apps.teams.membership import accept_invitation, change_role, list_invitations, read_invitation, revoke_invitation
from apps.teams.membership import invite as invite_person
from apps.teams.models import Membership, Role, Team
from apps.teams.selectors import get_key, list_audit, list_keys, list_members
from apps.teams.services import create_key, create_team, revoke_key, rotate_key


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def first_team(request: PageRequest) -> HttpResponse:
    """Somebody without a team makes one; whoever has one is led to it, or makes another."""
    named = request.user.name or request.user.email.split("@")[0]
    form = TeamForm(request.POST or None, initial={"name": f"Team of {named}"})
    if request.method == "POST" and form.is_valid():
        team = create_team(name=form.cleaned_data["name"], owner=request.user)
        request.session[SESSION_TEAM] = team.slug
        return redirect("dashboard:overview")
    viewer = find_viewer(request.user, None, read_at())
    status = 422 if form.errors else 200
    return render_page(request, "dashboard/first_team.html", None, {"form": form, "other": viewer}, status=status)


@require_safe
@page()
def team(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    context = {
        "members": list_members(viewer.team).order_by("created_at"),
        "invitations": list_invitations(viewer.team, viewer.at) if viewer.may_manage else [],
        "audit": list_audit(viewer.team).order_by("-created_at")[:50] if viewer.may_manage else [],
        "form": InvitationForm(),
        "roles": Role.choices,
        "teams": Team.objects.filter(memberships__user=viewer.user).order_by("name"),
    }
    return render_page(request, "dashboard/team.html", None, context)


@require_POST
@login_required
def switch_team(request: PageRequest) -> HttpResponse:
    slug = request.POST.get("team", "")
    if Membership.objects.filter(user=request.user, team__slug=slug).exists():
        request.session[SESSION_TEAM] = slug
    return redirect("dashboard:overview")


@require_POST
@page(Role.OWNER)
def invite(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    if ended := request.POST.get("revoke"):
        revoke_invitation(caller=viewer.caller, entry_id=ended)
        messages.success(request, "The invitation has ended.")
        return redirect("dashboard:team")
    form = InvitationForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(text) for errors in form.errors.values() for text in errors))
        return redirect("dashboard:team")
    try:
        _, token = invite_person(caller=viewer.caller, **form.cleaned_data)
    except PlatformError as refusal:
        messages.error(request, refusal.message)
        return redirect("dashboard:team")
    link = request.build_absolute_uri(reverse("dashboard:join", args=[token]))
    email = form.cleaned_data["email"]
    sent = send_mail(
        f"Join {viewer.team.name} on Mikrobot",
        f"{viewer.user.email} invites you to {viewer.team.name}.\n\n{link}\n\nThe link works once, for three days.",
        None,
        [email],
        fail_silently=True,
    )
    # The console's backend counts a message as sent that nobody but the operator will see.
    sent = sent and not settings.EMAIL_BACKEND.endswith(".console.EmailBackend")
    context = {"link": link, "email": email, "sent": bool(sent), "role": form.cleaned_data["role"]}
    return render_page(request, "dashboard/invited.html", None, context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def join(request: PageRequest, token: str) -> HttpResponse:
    at = read_at()
    try:
        wanted, invitation = read_invitation(token, at)
        if request.method == "POST":
            joined = accept_invitation(user=request.user, token=token, at=at)
            request.session[SESSION_TEAM] = joined.slug
            return redirect("dashboard:overview")
    except PlatformError as refusal:
        return show_refusal(request, refusal)
    return render_page(request, "dashboard/join.html", None, {"wanted": wanted, "invitation": invitation}, at=at)


@require_POST
@page(Role.OWNER)
def change_member(request: PageRequest, member: str) -> HttpResponse:
    row = get_row(list_members(request.viewer.team), member)
    role = None if request.POST.get("do") == "remove" else request.POST.get("role", "")
    if role is not None and role not in Role.values:
        messages.error(request, "There is no such role.")
        return redirect("dashboard:team")
    try:
        change_role(caller=request.viewer.caller, member=row, role=role)
    except PlatformError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{row.user.email} {'has left the team' if role is None else f'is {role} now'}.")
    return redirect("dashboard:team")


@require_http_methods(["GET", "HEAD", "POST"])
@page(Role.OWNER)
def keys(request: PageRequest) -> HttpResponse:
    viewer = request.viewer
    accounts = list_accounts(viewer.team).filter(retired_at=None).order_by("code")
    form = KeyForm(request.POST or None, scopes=sorted(viewer.caller.scopes), accounts=accounts)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            key, text = create_key(
                caller=viewer.caller,
                name=data["name"],
                scopes=data["scopes"],
                account_id=data["account"].pk if data["account"] else None,
                allowed_ips=data["allowed_ips"],
                expires_at=viewer.at + timedelta(days=data["days"]) if data["days"] else None,
            )
        except PlatformError as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            return render_page(request, "dashboard/key_shown.html", None, {"key": key, "text": text})
    context = {"keys": list_keys(viewer.team).order_by("-created_at")[:200], "form": form}
    return render_page(request, "dashboard/keys.html", None, context, status=422 if form.errors else 200)


@require_POST
@page(Role.OWNER)
def rotate(request: PageRequest, key: str) -> HttpResponse:
    fresh, text = rotate_key(caller=request.viewer.caller, key=get_key(request.viewer.team, key))
    return render_page(request, "dashboard/key_shown.html", None, {"key": fresh, "text": text, "rotated": True})


@require_POST
@page(Role.OWNER)
def revoke(request: PageRequest, key: str) -> HttpResponse:
    row = revoke_key(caller=request.viewer.caller, key=get_key(request.viewer.team, key))
    messages.success(request, f"The key {row.name} is of no use from now on.")
    return redirect("dashboard:keys")


@require_safe
@page()
def security(request: PageRequest) -> HttpResponse:
    found = Authenticator.objects.filter(user=request.user)
    context = {
        "totp": found.filter(type=Authenticator.Type.TOTP).first(),
        "passkeys": found.filter(type=Authenticator.Type.WEBAUTHN).count(),
        "recovery": found.filter(type=Authenticator.Type.RECOVERY_CODES).first(),
        "emails": EmailAddress.objects.filter(user=request.user),
    }
    return render_page(request, "dashboard/security.html", None, context)
