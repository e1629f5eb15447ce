"""Who looks at a page: the person, the team of this session, the role. Every view starts here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import Forbidden, NotFound, PlatformError
from apps.teams.callers import Caller, get_user_caller
from apps.teams.models import Role, Team, User

SESSION_TEAM = "team"
_RANK = {Role.VIEWER: 0, Role.TRADER: 1, Role.OWNER: 2}
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person as a member of the team whose pages are open; services get the `caller`."""

    user: User
    caller: Caller
    role: Role

    @property
    def team(self) -> Team:
        return self.caller.team

    @property
    def actor(self) -> str:
        return self.caller.actor

    @property
    def at(self) -> datetime:
        return self.caller.at

    @property
    def may_trade(self) -> bool:
        return _RANK[self.role] >= _RANK[Role.TRADER]

    @property
    def may_manage(self) -> bool:
        return self.role == Role.OWNER

    def require(self, role: Role) -> None:
        """
        Do nothing where the person has at least this role.

        :raises Forbidden: otherwise, in words that name the role needed.
        """
        if _RANK[self.role] < _RANK[role]:
            message = f"This takes the role {role.label}; yours is {self.role.label}. Ask an owner of {self.team.name}."
            raise Forbidden(Code.FORBIDDEN, message)


class PageRequest(HttpRequest):
    """A request whose person and team are known."""

    viewer: Viewer
    user: User
    htmx: Any


def find_viewer(user: User, team_ref: str | None, at: datetime) -> Viewer | None:
    """Return the person in the wanted team, else in the first one joined; None without any team."""
    for wanted in (team_ref, None):
        try:
            caller = get_user_caller(user, team_ref=wanted, at=at)
        except NotFound:
            continue  # no longer a member there
        except Forbidden:
            return None
        return Viewer(user=user, caller=caller, role=Role(caller.role or Role.VIEWER))
    return None


def page(
    role: Role = Role.VIEWER,
) -> Callable[[Callable[Concatenate[Any, P], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """
    Make a view a page of the caller's team: signed in, a member, and for unsafe methods with at least `role`.

    Somebody without a team is led to make one. A view finds rows through `request.viewer.team` only. A refusal that the
    view did not turn into words at its place becomes a page of its own.
    """

    def wrap(view: Callable[Concatenate[Any, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @functools.wraps(view)
        @login_required
        def answer(request: Any, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            viewer = find_viewer(request.user, request.session.get(SESSION_TEAM), read_at())
            if viewer is None:
                return redirect("dashboard:first-team")
            request.viewer = viewer
            try:
                if request.method not in ("GET", "HEAD", "OPTIONS"):
                    viewer.require(role)
                return view(request, *args, **kwargs)
            except PlatformError as refusal:
                return show_refusal(request, refusal)

        return answer

    return wrap


def show_refusal(request: Any, refusal: PlatformError) -> HttpResponse:
    """Return a refusal as a page: what is so, what to do, and the request's id."""
    context = {"refusal": refusal, "at": read_at(), "request_id": getattr(request, "request_id", "")}
    return render(request, "dashboard/refused.html", context, status=refusal.status)
