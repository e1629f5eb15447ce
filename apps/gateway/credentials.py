"""
Who is at a socket. A credential is kept for the socket's life and looked up again, so that a revoked key closes it.

A socket is opened with a session cookie (same origin only), an Authorization header, a single-use ticket, or a first
message with the key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Unauthenticated
from apps.executors.authentication import get_executor_caller_limited
from apps.gateway import tickets
from apps.teams.authentication import TEAM_IN_SESSION, get_bearer_caller_limited
from apps.teams.callers import Caller, get_user_caller


@dataclass(frozen=True)
class Credential:
    """A way to find the caller, now and again. `pair`: an executor's key and secret, of which many are looked up at once."""

    look_up: Callable[[], Caller]
    pair: tuple[str, str] | None = None


def bearer_credential(token: str, ip: str) -> Credential:
    """Return the credential of an API key or a bot's session token."""
    return Credential(lambda: get_bearer_caller_limited(token, ip=ip))


def executor_credential(key_id: str, secret: str, ip: str) -> Credential:
    """Return the credential of an executor's key."""
    return Credential(lambda: get_executor_caller_limited(key_id, secret, ip=ip), (key_id, secret))


def cookie_credential(session_key: str, team_ref: str | None) -> Credential:
    """Return the credential of a signed-in browser: it ends with the session, the password, and the membership."""

    def look_up() -> Caller:
        fresh = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
        request = HttpRequest()
        request.session = fresh
        user = get_user(request)
        if not user.is_authenticated:
            raise Unauthenticated(Code.NOT_AUTHENTICATED, "Sign in first.")
        return get_user_caller(user, team_ref=team_ref or fresh.get(TEAM_IN_SESSION), at=read_at())

    return Credential(look_up)


def ticket_credential(text: str) -> Credential:
    """Return the credential of a ticket: redeemed at the first look, then the one who asked for it is looked up."""
    holder: list[tickets.Holder] = []

    def look_up() -> Caller:
        if not holder:
            holder.append(tickets.redeem_ticket(text))
        return tickets.get_holder_caller(holder[0])

    return Credential(look_up)


def find_credential(scope: dict[str, Any]) -> Credential | None:
    """Return the credential that came with the handshake, or None: then the first message must bring it."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope["query_string"].decode("latin-1"))
    ip = ip_of(scope)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return bearer_credential(token.strip()[:200], ip)
    if headers.get("x-api-key"):
        return executor_credential(headers["x-api-key"][:100], headers.get("x-api-secret", "")[:200], ip)
    # RiskMind's dashboard writes `?token=…`: a ticket may stand there, a key never, as addresses end in logs.
    for name in ("ticket", "token"):
        if query.get(name):
            return ticket_credential(query[name][0][:200])
    session = scope.get("session")
    # Only browsers send an Origin, and they always do: a cookie without one is not a page of ours.
    if session is not None and session.session_key and "origin" in headers:
        return cookie_credential(session.session_key, query.get("team", [""])[0] or None)
    return None


def read_first_message(message: dict[str, Any], ip: str) -> Credential:
    """
    Return the credential of a first message: `{"action": "authenticate", "token": …}` or `{"api_key", "api_secret"}`.

    :raises Unauthenticated: if it brings none.
    """
    token, key_id, secret = (message.get(name) for name in ("token", "api_key", "api_secret"))
    if isinstance(token, str) and token:
        return bearer_credential(token[:200], ip)
    if isinstance(key_id, str) and isinstance(secret, str):
        return executor_credential(key_id[:100], secret[:200], ip)
    raise Unauthenticated(Code.NOT_AUTHENTICATED, "The first message must bring a token, or api_key and api_secret.")


def is_origin_allowed(scope: dict[str, Any]) -> bool:
    """Tell whether the Origin, where there is one, is this host or one of CSRF_TRUSTED_ORIGINS."""
    headers = dict(scope["headers"])
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin:
        return True
    host = headers.get(b"host", b"").decode("latin-1")
    return urlsplit(origin).netloc.lower() == host.lower() or origin in settings.CSRF_TRUSTED_ORIGINS


def ip_of(scope: dict[str, Any]) -> str:
    """Return the address of the other side, as `client_ip` does for requests."""
    if settings.BEHIND_PROXY:
        forwarded: str = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode("latin-1")
        if forwarded:
            return forwarded.rsplit(",", 1)[-1].strip()
    return str((scope.get("client") or [""])[0])
