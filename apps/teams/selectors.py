"""Reads of teams, keys and members. Every query starts at the caller's team."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.teams.models import ApiKey, AuditEntry, Membership, Team


def list_keys(team: Team) -> QuerySet[ApiKey]:
    """Return the team's API keys, revoked ones among them."""
    return ApiKey.objects.filter(team=team)


def get_key(team: Team, reference: str) -> ApiKey:
    """
    Return the team's key with this id (`key_…`).

    :raises NotFound: if the team has none such.
    """
    try:
        key = ApiKey.objects.filter(team=team, id=parse_public_id("key", reference)).first()
    except MalformedId:
        key = None
    if key is None:
        raise NotFound(Code.NOT_FOUND, "There is no such key.")
    return key


def list_members(team: Team) -> QuerySet[Membership]:
    """Return the team's members with their users."""
    return Membership.objects.filter(team=team).select_related("user")


def list_audit(team: Team) -> QuerySet[AuditEntry]:
    """Return what was done in the team."""
    return AuditEntry.objects.filter(team=team)
