"""From a request to its Caller: `request.auth` (and `request.caller`) in REST framework, `find_page_caller` for pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Invalid, PlatformError, RateLimited, Unauthenticated
from apps.common.requests import client_ip
from apps.teams import limits
from apps.teams.callers import Caller, get_bearer_caller, get_user_caller

CHALLENGE = 'Bearer realm="mikrobot"'
TEAM_HEADER = "X-Team"
TEAM_IN_SESSION = "team_id"


class BearerKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer <API key or bot session token>`; looked up anew for every request."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        token = read_bearer(request)
        if token is None:
            return None
        caller = get_bearer_caller_limited(token, ip=client_ip(request._request))
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class BrowserSessionAuthentication(SessionAuthentication):
    """The session cookie of a signed-in person, with CSRF on everything that changes something."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        return user, get_user_caller(user, team_ref=chosen_team(request._request), at=read_at())

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(str(error.detail), code=Code.CSRF_FAILED) from None


def caller_of(request: Request) -> Caller:
    """Return who asks, for a request that `Scoped` let through."""
    caller: Any = request.auth
    assert isinstance(caller, Caller)
    return caller


def read_bearer(request: Request | HttpRequest) -> str | None:
    """
    Return the bearer token of the Authorization header, or None if there is no such header.

    :raises Invalid: MALFORMED, if the header is not of the form `Bearer <token>`.
    """
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        return None
    token = token.strip()
    if not token or len(token) > 200 or not token.isascii() or " " in token:
        raise Invalid(Code.MALFORMED, "The header must be `Authorization: Bearer <key>`.", "Authorization")
    return token


def get_bearer_caller_limited(token: str, *, ip: str) -> Caller:
    """
    Return who stands behind a bearer token; an address that keeps failing is refused before the database is asked.

    :raises RateLimited: after too many failures from this address.
    :raises Unauthenticated: as `get_bearer_caller`.
    """
    wait_s = limits.peek("failures", ip)
    if wait_s > 0:
        raise RateLimited(
            Code.RATE_LIMITED, "Too many wrong keys from this address.", None, {"retry_after_s": int(wait_s) + 1}
        )
    try:
        return get_bearer_caller(token, ip=ip)
    except Unauthenticated:
        limits.take("failures", ip)
        raise


def chosen_team(request: HttpRequest) -> str | None:
    """Return the team that the request names: by header, else the one kept in the session."""
    session = getattr(request, "session", None)
    return request.headers.get(TEAM_HEADER) or (session.get(TEAM_IN_SESSION) if session is not None else None)


def get_page_caller(request: HttpRequest) -> Caller:
    """
    Return the caller of a page: the signed-in person, for the team chosen in the session.

    A team they have left since is forgotten, and their first team is taken.

    :raises Unauthenticated: if nobody is signed in.
    :raises Forbidden: NO_TEAM.
    """
    if not request.user.is_authenticated:
        raise Unauthenticated(Code.NOT_AUTHENTICATED, "Sign in first.")
    at = read_at()
    try:
        return get_user_caller(request.user, team_ref=chosen_team(request), at=at)
    except PlatformError:
        if TEAM_IN_SESSION not in request.session:
            raise
        del request.session[TEAM_IN_SESSION]
        return get_user_caller(request.user, team_ref=request.headers.get(TEAM_HEADER), at=at)
