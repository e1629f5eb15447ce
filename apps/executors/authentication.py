"""Executors show `X-API-Key: exe_…` and `X-API-Secret`. Looked up anew for every request, so a revocation counts at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.common.clock import ClockTimestamp
from apps.common.codes import Code
from apps.common.errors import RateLimited, Unauthenticated
from apps.common.requests import client_ip
from apps.executors.models import Executor, ExecutorKey
from apps.teams import keys, limits
from apps.teams.callers import Caller, refuse_dead_key
from apps.teams.scopes import EXECUTOR_SCOPES

USED_EVERY = timedelta(minutes=1)


class ExecutorKeyAuthentication(BaseAuthentication):
    """Authenticates an agent; `request.auth` is its Caller, `request.user` nobody."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        key_id, secret = request.headers.get("X-API-Key"), request.headers.get("X-API-Secret")
        if not key_id and not secret:
            return None
        ip = client_ip(request._request)
        return AnonymousUser(), get_executor_caller_limited(key_id or "", secret or "", ip=ip)

    def authenticate_header(self, request: Request) -> str:
        return 'ExecutorKey realm="mikrobot"'


def get_executor_caller_limited(key_id: str, secret: str, *, ip: str) -> Caller:
    """
    Return the executor behind a key and secret; an address that keeps failing is refused before the database is asked.

    :raises RateLimited: after too many failures from this address.
    :raises Unauthenticated: as `get_executor_caller`.
    """
    wait_s = limits.peek("failures", ip)
    if wait_s > 0:
        message = "Too many wrong keys from this address."
        raise RateLimited(Code.RATE_LIMITED, message, None, {"retry_after_s": int(wait_s) + 1})
    try:
        return get_executor_caller(key_id, secret)
    except Unauthenticated:
        limits.take("failures", ip)
        raise


def get_executor_caller(key_id: str, secret: str) -> Caller:
    """
    Return the caller of an executor's key and secret, as the database has it now.

    :raises Unauthenticated: KEY_INVALID, KEY_EXPIRED or KEY_REVOKED.
    """
    key = _find_key(key_id, secret)
    if key is None:
        raise Unauthenticated(Code.KEY_INVALID, "This is not an executor's key and secret we know.")
    at: datetime = key.at  # type: ignore[attr-defined]
    refuse_dead_key(revoked_at=key.revoked_at, expires_at=key.expires_at, at=at)
    _note_use(key, at)
    executor: Executor = key.executor
    return Caller(
        team=executor.team,
        actor=f"executor:{executor.code}",
        scopes=EXECUTOR_SCOPES,
        at=at,
        account_id=executor.account_id,
        executor_id=executor.pk,
    )


def find_executors(pairs: Sequence[tuple[str, str]]) -> list[Executor | None]:
    """
    Return the executor of each key and secret, with its account and risk row, in one statement; None for what opens nothing.

    Who may not pass is not told why: the doors that say it are `get_executor_caller_limited`'s.
    """
    known = {key_id for key_id, secret in pairs if keys.is_executor_pair(key_id, secret)}
    rows = ExecutorKey.objects.select_related("executor__account__risk").annotate(at=ClockTimestamp())
    found = {row.key_id: row for row in rows.filter(key_id__in=known, executor__retired_at__isnull=True)}
    return [_open(found.get(key_id), key_id, secret) for key_id, secret in pairs]


def _open(key: ExecutorKey | None, key_id: str, secret: str) -> Executor | None:
    if key is None or not keys.is_secret(key_id + secret, key.digest, key.pepper_number):
        return None
    try:
        at: datetime = key.at  # type: ignore[attr-defined]
        refuse_dead_key(revoked_at=key.revoked_at, expires_at=key.expires_at, at=at)
    except Unauthenticated:
        return None
    _note_use(key, at)
    return key.executor


def _note_use(key: ExecutorKey, at: datetime) -> None:
    if key.last_used_at is None or key.last_used_at < at - USED_EVERY:
        ExecutorKey.objects.filter(pk=key.pk, last_used_at=key.last_used_at).update(last_used_at=at)


def _find_key(key_id: str, secret: str) -> ExecutorKey | None:
    if not keys.is_executor_pair(key_id, secret):
        return None
    rows = ExecutorKey.objects.select_related("executor__team").annotate(at=ClockTimestamp())
    key = rows.filter(key_id=key_id, executor__retired_at__isnull=True).first()
    if key is None or not keys.is_secret(key_id + secret, key.digest, key.pepper_number):
        return None
    return key
