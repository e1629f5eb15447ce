"""
Who asks for approvals: the credentials of a whole batch against the key rows as the deciding transaction sees them.

The rules are those of `apps.teams`, `apps.bots` and `apps.executors`; only the number of statements differs: one a kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from apps.bots.models import BotSession, BotStatus
from apps.common.codes import Code
from apps.common.errors import Forbidden, Invalid, PlatformError, RateLimited, Unauthenticated
from apps.executors.models import ExecutorKey
from apps.teams import keys, limits
from apps.teams.callers import Caller, is_address_allowed, refuse_dead_key
from apps.teams.models import ApiKey, Team
from apps.teams.scopes import BOT_SCOPES, EXECUTOR_SCOPES, GRANTABLE

API, SESSION, EXECUTOR = "api", "session", "executor"
SCOPE = "trades:approve"
_UNKNOWN = "This is not a key we know."
LONGEST_TOKEN = 200


@dataclass(frozen=True, slots=True)
class Credential:
    """What came with a request: its kind, the id to look up, the whole secret text, and from where."""

    kind: str
    key_id: str
    secret: str
    ip: str


class _Session(NamedTuple):
    """A bot's session as judging needs it: hundreds come at once, and a row of three models each is what would cost."""

    digest: str
    pepper_number: int
    expires_at: dt.datetime
    bot_id: UUID
    bot_name: str
    bot_status: str
    account_id: UUID
    key_id: UUID | None
    origin: ApiKey | None
    team: Team


_SESSION_COLUMNS = (
    "token_id", "digest", "pepper_number", "expires_at", "bot_id", "bot__bot_id", "bot__status", "bot__account_id",
    "key_id", "bot__team_id",
)  # fmt: skip


def read_credential(headers: Mapping[str, str], *, ip: str) -> Credential:
    """
    Return the credential of a request; junk is turned away before the database is asked.

    :param headers: names in lower case.
    :raises Unauthenticated: NOT_AUTHENTICATED without any, KEY_INVALID for junk.
    :raises Invalid: MALFORMED for an Authorization header of another form.
    :raises RateLimited: for an address that keeps failing.
    """
    wait_s = limits.peek("failures", ip)
    if wait_s > 0:
        message = "Too many wrong keys from this address."
        raise RateLimited(Code.RATE_LIMITED, message, None, {"retry_after_s": int(wait_s) + 1})
    try:
        return _read_credential(headers, ip)
    except Unauthenticated as refused:
        if refused.code == Code.KEY_INVALID:
            limits.take("failures", ip)
        raise


def _read_credential(headers: Mapping[str, str], ip: str) -> Credential:
    header = headers.get("authorization")
    if header is not None:
        scheme, _, token = header.strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN or " " in token:
            raise Invalid(Code.MALFORMED, "The header must be `Authorization: Bearer <key>`.", "Authorization")
        if key_id := keys.parse_api_key(token):
            return Credential(API, key_id, token, ip)
        if token_id := keys.parse_session_token(token):
            return Credential(SESSION, token_id, token, ip)
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    key_id, secret = headers.get("x-api-key", ""), headers.get("x-api-secret", "")
    if key_id or secret:
        if keys.is_executor_pair(key_id, secret):
            return Credential(EXECUTOR, key_id, key_id + secret, ip)
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    raise Unauthenticated(Code.NOT_AUTHENTICATED, "Send a key: `Authorization: Bearer mk_…`, or an executor's pair.")


def load_callers(credentials: Iterable[Credential], at: dt.datetime) -> dict[Credential, Caller | PlatformError]:
    """Return who stands behind each credential now, or why nobody does, in at most four statements."""
    wanted = set(credentials)
    found: dict[Credential, Caller | PlatformError] = {}
    rows: dict[str, Mapping[str, ApiKey | _Session | ExecutorKey]] = {
        kind: _LOADERS[kind]({c.key_id for c in wanted if c.kind == kind}) for kind in {c.kind for c in wanted}
    }
    for credential in wanted:
        try:
            found[credential] = _caller_of(credential, rows[credential.kind].get(credential.key_id), at)
        except PlatformError as refused:
            found[credential] = refused
            if isinstance(refused, Unauthenticated):
                limits.take("failures", credential.ip)
    return found


def _caller_of(credential: Credential, row: ApiKey | _Session | ExecutorKey | None, at: dt.datetime) -> Caller:
    if row is None or not keys.is_secret(credential.secret, row.digest, row.pepper_number):
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    if isinstance(row, ApiKey):
        caller = _of_key(row, credential.ip, at)
    else:
        caller = _of_session(row, at) if isinstance(row, _Session) else _of_executor(row, at)
    caller.refuse_without(SCOPE)
    return caller


def _of_key(key: ApiKey, ip: str, at: dt.datetime) -> Caller:
    refuse_dead_key(revoked_at=key.revoked_at, expires_at=key.expires_at, at=at)
    if not is_address_allowed(ip, key.allowed_ips):
        raise Forbidden(Code.ADDRESS_NOT_ALLOWED, "This key may not be used from your address.")
    scopes = frozenset(key.scopes) & GRANTABLE
    return Caller(team=key.team, actor=f"key:{key.public_id}", scopes=scopes, at=at, account_id=key.account_id, key=key)


def _of_session(session: _Session, at: dt.datetime) -> Caller:
    origin = session.origin
    dead = session.expires_at <= at or session.bot_status == BotStatus.RETIRED
    if dead or (session.key_id is not None and origin is None):
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    if origin is not None and any(end is not None and end <= at for end in (origin.revoked_at, origin.expires_at)):
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    return Caller(
        team=session.team,
        actor=f"bot:{session.bot_name}",
        scopes=BOT_SCOPES,
        at=at,
        account_id=session.account_id,
        bot_id=session.bot_id,
    )


def _of_executor(key: ExecutorKey, at: dt.datetime) -> Caller:
    refuse_dead_key(revoked_at=key.revoked_at, expires_at=key.expires_at, at=at)
    executor = key.executor
    return Caller(
        team=executor.team,
        actor=f"executor:{executor.code}",
        scopes=EXECUTOR_SCOPES,
        at=at,
        account_id=executor.account_id,
        executor_id=executor.pk,
    )


def _load_keys(ids: set[str]) -> dict[str, ApiKey]:
    return {row.key_id: row for row in ApiKey.objects.select_related("team").filter(key_id__in=ids)}


def _load_sessions(ids: set[str]) -> dict[str, _Session]:
    rows = list(BotSession.objects.filter(token_id__in=ids).values_list(*_SESSION_COLUMNS))
    origins = ApiKey.objects.in_bulk({row[-2] for row in rows if row[-2] is not None})
    # A burst of bots is of few teams: one object each, which reads the rest only if somebody asks it.
    teams = {team_id: Team.from_db(connection.alias, ["id"], [team_id]) for team_id in {row[-1] for row in rows}}
    return {row[0]: _Session._make([*row[1:-1], origins.get(row[-2]), teams[row[-1]]]) for row in rows}


def _load_executors(ids: set[str]) -> dict[str, ExecutorKey]:
    rows = ExecutorKey.objects.select_related("executor__team")
    return {row.key_id: row for row in rows.filter(key_id__in=ids, executor__retired_at__isnull=True)}


_LOADERS: dict[str, Callable[[set[str]], Mapping[str, Any]]] = {
    API: _load_keys,
    SESSION: _load_sessions,
    EXECUTOR: _load_executors,
}
