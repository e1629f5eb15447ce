"""
Who asks for approvals: the credentials of a whole batch against the key rows as the deciding transaction sees them.

The rules are those of `apps.teams`, `apps.bots` and `apps.executors`; only the number of statements differs: one a kind.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db import connection

from apps.bots.models import BotSession, BotStatus
from apps.common.codes import Code
from apps.common.errors import Forbidden, Invalid, PlatformError, RateLimited, Unauthenticated
from apps.common.prepared import ONE, Asked, Prepared
from apps.executors.models import ExecutorKey
from apps.teams import keys, limits
from apps.teams.callers import Caller, is_address_allowed, refuse_dead_key
from apps.teams.models import ApiKey, Team
from apps.teams.scopes import BOT_SCOPES, EXECUTOR_SCOPES, GRANTABLE

API, SESSION, EXECUTOR = "api", "session", "executor"
ORIGIN = "origin"  # the API keys from which sessions come
SCOPE = "trades:approve"
_UNKNOWN = "This is not a key we know."
LONGEST_TOKEN = 200

_RowT = TypeVar("_RowT", bound="ApiKey | _Session | _ExecutorKey")


@dataclass(frozen=True, slots=True)
class Credential:
    """What came with a request: its kind, the id to look up, the whole secret text, and from where."""

    kind: str
    key_id: str
    secret: str
    ip: str


class _Session(NamedTuple):
    """A bot's session as judging needs it: hundreds come at once, and a row of three models each is what would cost."""

    token_id: str
    digest: str
    pepper_number: int
    expires_at: dt.datetime
    bot_id: UUID
    bot_name: str
    bot_status: str
    account_id: UUID
    team_id: UUID
    key_id: UUID | None


class _ExecutorKey(NamedTuple):
    """A key of an executor that is not retired."""

    key_id: str
    digest: str
    pepper_number: int
    revoked_at: dt.datetime | None
    expires_at: dt.datetime | None
    executor_id: UUID
    code: str
    account_id: UUID
    team_id: UUID


_KEYS = Prepared(lambda: ApiKey.objects.filter(key_id__any=ONE))
_SESSIONS = Prepared(
    lambda: BotSession.objects.filter(token_id__any=ONE).values_list(
        "token_id", "digest", "pepper_number", "expires_at", "bot_id", "bot__bot_id", "bot__status", "bot__account_id",
        "bot__team_id", "key_id",
    )
)  # fmt: skip
_ORIGINS = Prepared(lambda: ApiKey.objects.filter(pk__in=BotSession.objects.filter(token_id__any=ONE).values("key_id")))
_EXECUTORS = Prepared(
    lambda: ExecutorKey.objects.filter(key_id__any=ONE, executor__retired_at__isnull=True).values_list(
        "key_id", "digest", "pepper_number", "revoked_at", "expires_at", "executor_id", "executor__code",
        "executor__account_id", "executor__team_id",
    )
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


def ask_callers(credentials: Iterable[Credential]) -> dict[str, Asked[Any]]:
    """Return what is to be read for `find_callers`, by names of our own: one or two statements for each kind of credential."""
    ids: dict[str, set[str]] = {}
    for one in credentials:
        ids.setdefault(one.kind, set()).add(one.key_id)
    asked: dict[str, Asked[Any]] = {kind: _STATEMENTS[kind](list(names)) for kind, names in ids.items()}
    if SESSION in ids:
        asked[ORIGIN] = _ORIGINS(list(ids[SESSION]))
    return asked


def find_callers(
    credentials: Iterable[Credential], rows: Mapping[str, list[Any]], at: dt.datetime
) -> dict[Credential, Caller | PlatformError]:
    """
    Return who stands behind each credential now, or why nobody does.

    :param rows: what was read of `ask_callers`, by its names.
    """
    known = _Known(rows)
    found: dict[Credential, Caller | PlatformError] = {}
    for credential in set(credentials):
        try:
            found[credential] = known.find(credential, at)
        except PlatformError as refused:
            found[credential] = refused
            if isinstance(refused, Unauthenticated):
                limits.take("failures", credential.ip)
    return found


class _Known:
    """The rows behind a batch's credentials."""

    def __init__(self, rows: Mapping[str, list[Any]]) -> None:
        self._keys: dict[str, ApiKey] = {row.key_id: row for row in rows.get(API, ())}
        self._sessions = {values[0]: _Session._make(values) for values in rows.get(SESSION, ())}
        self._executors = {values[0]: _ExecutorKey._make(values) for values in rows.get(EXECUTOR, ())}
        self._origins: dict[UUID, ApiKey] = {row.pk: row for row in rows.get(ORIGIN, ())}
        self._teams: dict[UUID, Team] = {}

    def find(self, credential: Credential, at: dt.datetime) -> Caller:
        """:raises PlatformError: where nobody may ask with it."""
        if credential.kind == API:
            key = _check_secret(self._keys.get(credential.key_id), credential)
            caller = _of_key(key, self._team(key.team_id), credential.ip, at)
        elif credential.kind == SESSION:
            session = _check_secret(self._sessions.get(credential.key_id), credential)
            origin = self._origins.get(session.key_id) if session.key_id is not None else None
            caller = _of_session(session, origin, self._team(session.team_id), at)
        else:
            pair = _check_secret(self._executors.get(credential.key_id), credential)
            caller = _of_executor(pair, self._team(pair.team_id), at)
        caller.refuse_without(SCOPE)
        return caller

    def _team(self, team_id: UUID) -> Team:
        """Return the team, of which the rest is read only if somebody asks it: a burst of bots is of few teams."""
        if team_id not in self._teams:
            self._teams[team_id] = Team.from_db(connection.alias, ["id"], [team_id])
        return self._teams[team_id]


def _check_secret(row: _RowT | None, credential: Credential) -> _RowT:
    if row is None or not keys.is_secret(credential.secret, row.digest, row.pepper_number):
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    return row


def _of_key(key: ApiKey, team: Team, ip: str, at: dt.datetime) -> Caller:
    refuse_dead_key(revoked_at=key.revoked_at, expires_at=key.expires_at, at=at)
    if not is_address_allowed(ip, key.allowed_ips):
        raise Forbidden(Code.ADDRESS_NOT_ALLOWED, "This key may not be used from your address.")
    scopes = frozenset(key.scopes) & GRANTABLE
    return Caller(team=team, actor=f"key:{key.public_id}", scopes=scopes, at=at, account_id=key.account_id, key=key)


def _of_session(session: _Session, origin: ApiKey | None, team: Team, at: dt.datetime) -> Caller:
    dead = session.expires_at <= at or session.bot_status == BotStatus.RETIRED
    if dead or (session.key_id is not None and origin is None):
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    if origin is not None and any(end is not None and end <= at for end in (origin.revoked_at, origin.expires_at)):
        raise Unauthenticated(Code.KEY_INVALID, _UNKNOWN)
    return Caller(
        team=team,
        actor=f"bot:{session.bot_name}",
        scopes=BOT_SCOPES,
        at=at,
        account_id=session.account_id,
        bot_id=session.bot_id,
    )


def _of_executor(pair: _ExecutorKey, team: Team, at: dt.datetime) -> Caller:
    refuse_dead_key(revoked_at=pair.revoked_at, expires_at=pair.expires_at, at=at)
    return Caller(
        team=team,
        actor=f"executor:{pair.code}",
        scopes=EXECUTOR_SCOPES,
        at=at,
        account_id=pair.account_id,
        executor_id=pair.executor_id,
    )


_STATEMENTS: dict[str, Prepared[Any]] = {API: _KEYS, SESSION: _SESSIONS, EXECUTOR: _EXECUTORS}
