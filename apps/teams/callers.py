"""Who is asking: one value for a person, a key, a bot and an executor. Services take it, whatever door it came through."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Q
from django.utils.module_loading import import_string

from apps.common.clock import ClockTimestamp
from apps.common.codes import Code
from apps.common.errors import Forbidden, NotFound, Unauthenticated
from apps.common.ids import MalformedId, parse_public_id
from apps.teams import keys
from apps.teams.models import ApiKey, Membership, Team, User
from apps.teams.scopes import GRANTABLE, scopes_of_role

USED_EVERY = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Caller:
    """
    Who asks, for which team, and what they may do.

    `actor` is for the records (`user:<email>`, `key:<id>`, `bot:<bot_id>`, `executor:<code>`, `system`). `account_id` is
    the one account the caller is bound to; None means any of the team's.
    """

    team: Team
    actor: str
    scopes: frozenset[str]
    at: dt.datetime
    role: str | None = None
    account_id: uuid.UUID | None = None
    user: User | None = field(default=None, repr=False)
    key: ApiKey | None = field(default=None, repr=False)
    bot_id: uuid.UUID | None = None
    executor_id: uuid.UUID | None = None

    def may(self, scope: str) -> bool:
        """Tell whether the caller holds the scope."""
        return scope in self.scopes

    def refuse_without(self, scope: str) -> None:
        """
        Do nothing for a caller that holds the scope.

        :raises Forbidden: SCOPE_MISSING.
        """
        if not self.may(scope):
            raise Forbidden(Code.SCOPE_MISSING, f"This needs the scope {scope}.", None, {"scope": scope})


def system_caller(team: Team, at: dt.datetime) -> Caller:
    """Return the platform itself, acting for a team (commands, schedules)."""
    return Caller(team=team, actor="system", scopes=GRANTABLE, at=at, role="OWNER")


def get_bearer_caller(text: str, *, ip: str) -> Caller:
    """
    Return who stands behind a bearer token.

    :raises Unauthenticated: KEY_INVALID, KEY_EXPIRED or KEY_REVOKED.
    :raises Forbidden: ADDRESS_NOT_ALLOWED.
    """
    prefix = text.partition("_")[0]
    if prefix == "mk":
        return get_key_caller(text, ip=ip)
    lookup = settings.BEARER_LOOKUPS.get(prefix)
    caller: Caller | None = import_string(lookup)(text) if lookup else None
    if caller is None:
        raise Unauthenticated(Code.KEY_INVALID, "This is not a key we know.")
    return caller


def get_key_caller(text: str, *, ip: str) -> Caller:
    """
    Return the caller of an API key, as it stands in the database now.

    :raises Unauthenticated: KEY_INVALID, KEY_EXPIRED or KEY_REVOKED.
    :raises Forbidden: ADDRESS_NOT_ALLOWED.
    """
    key_id = keys.parse_api_key(text)
    rows = ApiKey.objects.select_related("team").annotate(at=ClockTimestamp())
    key = rows.filter(key_id=key_id).first() if key_id else None
    if key is None or not keys.is_secret(text, key.digest, key.pepper_number):
        raise Unauthenticated(Code.KEY_INVALID, "This is not a key we know.")
    caller = _live_key_caller(key)
    if not is_address_allowed(ip, key.allowed_ips):
        raise Forbidden(Code.ADDRESS_NOT_ALLOWED, "This key may not be used from your address.")
    _note_use(key, caller.at)
    return caller


def get_live_key_caller(key_pk: uuid.UUID) -> Caller:
    """
    Return the caller of a key that was shown before, as it stands in the database now.

    :raises Unauthenticated: KEY_INVALID, KEY_EXPIRED or KEY_REVOKED.
    """
    key = ApiKey.objects.select_related("team").annotate(at=ClockTimestamp()).filter(pk=key_pk).first()
    if key is None:
        raise Unauthenticated(Code.KEY_INVALID, "This is not a key we know.")
    return _live_key_caller(key)


def get_user_caller(user: User, *, team_ref: str | None, at: dt.datetime) -> Caller:
    """
    Return a signed-in person's caller for the team they name (slug or id), else for the team they joined first.

    :raises NotFound: if they are not in that team (whether it exists is not said).
    :raises Forbidden: NO_TEAM, if they are in none.
    """
    memberships = Membership.objects.select_related("team").filter(user=user)
    if team_ref:
        membership = memberships.filter(_team_is(team_ref)).first()
        if membership is None:
            raise NotFound(Code.NOT_FOUND, "You are in no such team.", "X-Team")
    else:
        membership = memberships.order_by("created_at", "id").first()
        if membership is None:
            raise Forbidden(Code.NO_TEAM, "You are in no team yet.")
    scopes = scopes_of_role(membership.role)
    return Caller(
        team=membership.team, actor=f"user:{user.email}"[:120], scopes=scopes, at=at, role=membership.role, user=user
    )


def refuse_dead_key(*, revoked_at: dt.datetime | None, expires_at: dt.datetime | None, at: dt.datetime) -> None:
    """
    Do nothing for a key in force. A revocation in the future is a rotation's overlap.

    :raises Unauthenticated: KEY_REVOKED or KEY_EXPIRED.
    """
    if revoked_at is not None and revoked_at <= at:
        raise Unauthenticated(Code.KEY_REVOKED, "This key has been revoked.")
    if expires_at is not None and expires_at <= at:
        raise Unauthenticated(Code.KEY_EXPIRED, "This key has expired.")


def is_address_allowed(ip: str, allowed: list[str]) -> bool:
    """
    Tell whether an address is on the list of addresses and networks; an empty list allows all.

    >>> is_address_allowed("10.1.2.3", ["10.0.0.0/8"]), is_address_allowed("", ["10.0.0.0/8"])
    (True, False)
    """
    if not allowed:
        return True
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ipaddress.ip_network(network, strict=False) for network in allowed)


def _live_key_caller(key: ApiKey) -> Caller:
    at: dt.datetime = key.at  # type: ignore[attr-defined]
    refuse_dead_key(revoked_at=key.revoked_at, expires_at=key.expires_at, at=at)
    scopes = frozenset(key.scopes) & GRANTABLE
    return Caller(team=key.team, actor=f"key:{key.public_id}", scopes=scopes, at=at, account_id=key.account_id, key=key)


def _team_is(reference: str) -> Q:
    try:
        return Q(team_id=parse_public_id("tem", reference))
    except MalformedId:
        return Q(team__slug=reference)


def _note_use(key: ApiKey, at: dt.datetime) -> None:
    """Keep the time of use, at most once a minute: an approval must not write a row per request."""
    if key.last_used_at is None or key.last_used_at < at - USED_EVERY:
        ApiKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at).update(last_used_at=at)
