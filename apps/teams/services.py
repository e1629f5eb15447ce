"""Writes on teams and keys. Each leaves an audit entry in its transaction."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from apps.common.codes import Code
from apps.common.errors import Conflict, Forbidden, Impossible
from apps.common.outbox import tell
from apps.common.wire import to_plain
from apps.teams import keys
from apps.teams.callers import Caller
from apps.teams.models import ApiKey, AuditEntry, Membership, Role, Team, Tier, User
from apps.teams.scopes import GRANTABLE

MAX_LIVE_KEYS = 100
OVERLAP = dt.timedelta(hours=24)


def record_deed(
    *, team: Team | None, actor: str, action: str, target: str = "", detail: Mapping[str, Any] | None = None
) -> AuditEntry:
    """Keep who did what. Called inside the transaction of the deed; `detail` holds no secret."""
    return AuditEntry.objects.create(
        team=team, actor=actor[:120], action=action, target=target[:120], detail=to_plain(dict(detail or {}))
    )


def confirm_person(*, caller: Caller, password: object) -> bool:
    """
    Return whether the signed-in person gave their password once more; False where none was given, or a key asks.

    :raises Forbidden: PASSWORD_WRONG.
    """
    if caller.user is None or not password:
        return False
    if not isinstance(password, str) or not caller.user.check_password(password):
        raise Forbidden("PASSWORD_WRONG", "That is not your password.", "password")
    return True


@transaction.atomic
def create_team(*, name: str, owner: User, tier: Tier = Tier.FREE) -> Team:
    """Return a new team with its owner; the slug is made of the name, with a number where it is taken."""
    team = Team.objects.create(name=name[:120], slug=_free_slug(name), tier=tier)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    record_deed(team=team, actor=f"user:{owner.email}", action="TEAM_CREATED", target=team.public_id)
    return team


@transaction.atomic
def create_key(
    *,
    caller: Caller,
    name: str,
    scopes: Iterable[str],
    account_id: uuid.UUID | None = None,
    allowed_ips: Iterable[str] = (),
    expires_at: dt.datetime | None = None,
) -> tuple[ApiKey, str]:
    """
    Return a new key and its text, which is shown once and kept nowhere.

    :raises Forbidden: if the caller lacks a scope they would give, or is bound to another account.
    :raises Impossible: for scopes that do not exist, or an end that lies in the past.
    :raises Conflict: if the team has 100 live keys.
    """
    wanted = sorted(set(scopes))
    _refuse_scopes(caller, wanted)
    if caller.account_id is not None and account_id != caller.account_id:
        raise Forbidden(Code.FORBIDDEN, "A key bound to an account makes keys for that account only.", "account_id")
    if expires_at is not None and expires_at <= caller.at:
        raise Impossible(Code.IMPOSSIBLE, "The key would have expired already.", "expires_at")
    Team.objects.select_for_update().get(pk=caller.team.pk)
    if ApiKey.objects.filter(team=caller.team, revoked_at__isnull=True).count() >= MAX_LIVE_KEYS:
        raise Conflict(Code.CONFLICT, f"A team has at most {MAX_LIVE_KEYS} live keys; revoke some first.")
    key, text = _store_key(caller, name, wanted, account_id, list(allowed_ips), expires_at)
    record_deed(
        team=caller.team,
        actor=caller.actor,
        action="KEY_CREATED",
        target=key.public_id,
        detail={"name": name, "scopes": wanted},
    )
    return key, text


@transaction.atomic
def rotate_key(*, caller: Caller, key: ApiKey, overlap: dt.timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """
    Return the successor of a key and its text; the old one stays in force for the overlap, so nobody is cut off.

    :raises Conflict: if the key is revoked already.
    :raises Forbidden: if the key holds scopes the caller lacks.
    """
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is not None:
        raise Conflict(Code.KEY_REVOKED, "This key is revoked or already rotated.")
    _refuse_scopes(caller, key.scopes)
    fresh, text = _store_key(caller, key.name, key.scopes, key.account_id, key.allowed_ips, key.expires_at)
    key.revoked_at = caller.at + overlap
    key.save(update_fields=["revoked_at"])
    record_deed(
        team=caller.team,
        actor=caller.actor,
        action="KEY_ROTATED",
        target=key.public_id,
        detail={"successor": fresh.public_id, "old_until": key.revoked_at},
    )
    return fresh, text


@transaction.atomic
def revoke_key(*, caller: Caller, key: ApiKey) -> ApiKey:
    """Return the key, of no use from now on (a rotation's overlap is cut short). Twice is once."""
    key = ApiKey.objects.select_for_update().get(pk=key.pk)
    if key.revoked_at is None or key.revoked_at > caller.at:
        key.revoked_at = caller.at
        key.save(update_fields=["revoked_at"])
        record_deed(team=caller.team, actor=caller.actor, action="KEY_REVOKED", target=key.public_id)
        tell(team_id=caller.team.id, kind="key.revoked", data={"key_id": key.public_id})
    return key


def _refuse_scopes(caller: Caller, wanted: list[str]) -> None:
    if unknown := [scope for scope in wanted if scope not in GRANTABLE]:
        raise Impossible(
            Code.IMPOSSIBLE, f"There is no scope {unknown[0]!r:.80}.", "scopes", {"allowed": sorted(GRANTABLE)}
        )
    if missing := [scope for scope in wanted if not caller.may(scope)]:
        raise Forbidden(Code.SCOPE_MISSING, f"You cannot give what you do not have: {', '.join(missing)}.", "scopes")


def _store_key(
    caller: Caller,
    name: str,
    scopes: list[str],
    account_id: uuid.UUID | None,
    allowed_ips: list[str],
    expires_at: dt.datetime | None,
) -> tuple[ApiKey, str]:
    minted = keys.mint_api_key()
    key = ApiKey.objects.create(
        team=caller.team,
        name=name,
        key_id=minted.key_id,
        digest=minted.digest,
        pepper_number=minted.pepper_number,
        scopes=scopes,
        account_id=account_id,
        allowed_ips=allowed_ips,
        created_by=caller.user,
        expires_at=expires_at,
    )
    return key, minted.text


def _free_slug(name: str) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50] or "team"
    taken = set(Team.objects.filter(slug__startswith=stem).values_list("slug", flat=True))
    slug, number = stem, 2
    while slug in taken:
        slug, number = f"{stem}-{number}", number + 1
    return slug
