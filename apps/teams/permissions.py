"""Every view says which scope each of its methods needs; a view that does not say is a bug, and closed."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.common.codes import Code
from apps.common.errors import Forbidden, Unauthenticated
from apps.teams.callers import Caller
from apps.teams.scopes import KNOWN


class Scoped(BasePermission):
    """
    Reads the view's `scopes = {"GET": "strategies:read", "POST": ("bots:write", "bots:session")}`.

    One of several is enough; None means anybody known. The caller is also put on `request.caller`.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if not isinstance(caller, Caller):
            raise Unauthenticated(Code.NOT_AUTHENTICATED, "Send a key: `Authorization: Bearer mk_…`, or sign in.")
        request.caller = caller  # type: ignore[attr-defined]
        refuse_without_scope(caller, wanted_scopes(view, request.method or ""))
        return True


def wanted_scopes(view: Any, method: str) -> tuple[str, ...]:
    """
    Return the scopes of which the method needs one; none for OPTIONS, for methods open to anybody known, and for those
    the view does not have (they end as 405).

    :raises ImproperlyConfigured: if the view does not say, or names a scope that does not exist.
    """
    name = "GET" if method == "HEAD" else method
    if method == "OPTIONS" or not hasattr(view, name.lower()):
        return ()
    declared = getattr(view, "scopes", None)
    if declared is None or name not in declared:
        raise ImproperlyConfigured(f"{type(view).__name__} declares no scope for {name}")
    wanted = declared[name]
    wanted = () if wanted is None else (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if unknown := set(wanted) - KNOWN:
        raise ImproperlyConfigured(f"{type(view).__name__} names unknown scopes: {sorted(unknown)}")
    return wanted


def refuse_without_scope(caller: Caller, wanted: tuple[str, ...]) -> None:
    """
    Do nothing for a caller that holds one of the scopes, or where none is needed.

    :raises Forbidden: SCOPE_MISSING.
    """
    if wanted and not any(caller.may(scope) for scope in wanted):
        raise Forbidden(Code.SCOPE_MISSING, f"This needs the scope {' or '.join(wanted)}.", None, {"scopes": wanted})
