"""
Who belongs to a team: invitations, roles, leaving.

An invitation is kept in the audit log: INVITED with the address and role, later INVITATION_ACCEPTED or INVITATION_REVOKED
with its id. Its link is signed, so nothing secret is stored; it ends after three days, is used once, and only by the
person with that address.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.core import signing
from django.db import transaction

from apps.common.codes import Code
from apps.common.errors import Conflict, Forbidden, Impossible, NotFound
from apps.teams.callers import Caller
from apps.teams.models import AuditEntry, Membership, Role, Team, User
from apps.teams.services import record_deed

INVITED, ACCEPTED, REVOKED = "INVITED", "INVITATION_ACCEPTED", "INVITATION_REVOKED"
VALID_FOR = dt.timedelta(days=3)
_SALT = "mikrobot.invitation"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that may still be accepted."""

    entry: AuditEntry
    email: str
    role: str
    ends_at: dt.datetime


def list_invitations(team: Team, at: dt.datetime) -> list[Invitation]:
    """Return the open invitations of a team, newest first."""
    since = at - VALID_FOR
    asked = AuditEntry.objects.filter(team=team, action=INVITED, created_at__gt=since).order_by("-created_at")[:200]
    ended = set(
        AuditEntry.objects.filter(team=team, action__in=(ACCEPTED, REVOKED), created_at__gt=since).values_list(
            "target", flat=True
        )
    )
    return [
        Invitation(entry, entry.detail["email"], entry.detail["role"], entry.created_at + VALID_FOR)
        for entry in asked
        if entry.public_id not in ended
    ]


@transaction.atomic
def invite(*, caller: Caller, email: str, role: str) -> tuple[AuditEntry, str]:
    """
    Return a new invitation and the token of its link.

    :raises Forbidden: unless the caller manages the team.
    :raises Conflict: where the person is a member already.
    """
    caller.refuse_without("team:manage")
    if Membership.objects.filter(team=caller.team, user__email=email.lower()).exists():
        raise Conflict(Code.ALREADY_EXISTS, f"{email} is in the team already.", "email")
    detail = {"email": email.lower(), "role": Role(role).value}
    entry = record_deed(team=caller.team, actor=caller.actor, action=INVITED, target=email, detail=detail)
    return entry, signing.dumps({"invitation": entry.public_id, "team": str(caller.team.pk)}, salt=_SALT)


@transaction.atomic
def revoke_invitation(*, caller: Caller, entry_id: str) -> None:
    """
    End an open invitation.

    :raises NotFound: where the team has no such open one.
    """
    caller.refuse_without("team:manage")
    found = next((one for one in list_invitations(caller.team, caller.at) if one.entry.public_id == entry_id), None)
    if found is None:
        raise NotFound(Code.NOT_FOUND, "There is no such open invitation.")
    record_deed(team=caller.team, actor=caller.actor, action=REVOKED, target=entry_id, detail={"email": found.email})


def read_invitation(token: str, at: dt.datetime) -> tuple[Team, Invitation]:
    """
    Return what a link's token invites to.

    :raises NotFound: for a token that is not ours, too old, used or revoked.
    """
    gone = NotFound(Code.NOT_FOUND, "This invitation has ended. Ask for a new one.")
    try:
        content = signing.loads(token, salt=_SALT, max_age=VALID_FOR)
        team = Team.objects.get(pk=content["team"])
    except (signing.BadSignature, KeyError, Team.DoesNotExist):
        raise gone from None
    found = next((one for one in list_invitations(team, at) if one.entry.public_id == content["invitation"]), None)
    if found is None:
        raise gone
    return team, found


@transaction.atomic
def accept_invitation(*, user: User, token: str, at: dt.datetime) -> Team:
    """
    Make the person a member, once.

    :raises NotFound: as `read_invitation`.
    :raises Forbidden: for anybody but the person invited.
    """
    team, _ = read_invitation(token, at)
    Team.objects.select_for_update().get(pk=team.pk)
    team, invitation = read_invitation(token, at)  # again, now that nobody else can use it meanwhile
    if user.email.lower() != invitation.email:
        raise Forbidden(Code.FORBIDDEN, f"This invitation is for {invitation.email}. Sign in with that address.")
    Membership.objects.get_or_create(team=team, user=user, defaults={"role": invitation.role})
    record_deed(team=team, actor=f"user:{user.email}", action=ACCEPTED, target=invitation.entry.public_id)
    return team


@transaction.atomic
def change_role(*, caller: Caller, member: Membership, role: str | None) -> None:
    """
    Give a member another role, or with None end the membership.

    :raises Impossible: where the team would be left without an owner.
    """
    caller.refuse_without("team:manage")
    Team.objects.select_for_update().get(pk=caller.team.pk)
    member = Membership.objects.select_for_update().get(pk=member.pk, team=caller.team)
    others = Membership.objects.filter(team=caller.team, role=Role.OWNER).exclude(pk=member.pk)
    if role != Role.OWNER and not others.exists():
        raise Impossible(Code.IMPOSSIBLE, "A team keeps at least one owner. Make somebody else one first.", "role")
    target = member.user.email
    if role is None:
        member.delete()
        record_deed(team=caller.team, actor=caller.actor, action="MEMBER_REMOVED", target=target)
        return
    before, member.role = member.role, Role(role).value
    member.save(update_fields=["role"])
    record_deed(
        team=caller.team, actor=caller.actor, action="ROLE_CHANGED", target=target, detail={"was": before, "is": role}
    )
