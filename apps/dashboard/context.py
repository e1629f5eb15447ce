"""The frame around pages that are not of `dashboard` (allauth's, refusals, errors): the same navigation, the same kill switch."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.common.clock import read_at
from apps.dashboard.access import SESSION_TEAM, Viewer, find_viewer
from apps.dashboard.pages import make_nav


def add_frame(request: HttpRequest) -> dict[str, Any]:
    """Return `viewer`, `nav` and `at` for any template; read only where the template asks, and where the view gave none."""

    def read_viewer() -> Viewer | None:
        viewer: Viewer | None = getattr(request, "viewer", None)
        user = getattr(request, "user", None)  # a request refused at the door has none
        if viewer is not None or user is None or not user.is_authenticated:
            return viewer
        return find_viewer(user, request.session.get(SESSION_TEAM), read_at())

    viewer: Any = SimpleLazyObject(read_viewer)
    return {
        "viewer": viewer,
        "nav": SimpleLazyObject(lambda: make_nav(viewer, "", viewer.at) if viewer else []),
        "at": SimpleLazyObject(read_at),
    }
