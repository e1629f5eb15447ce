"""One view, one rendering: a whole page for a visit, its live part for htmx."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from apps.common.clock import read_at
from apps.dashboard.selectors.attention import count_attention

SECTIONS = (
    ("overview", "Overview", "t-overview"),
    ("risk", "Risk", "t-risk"),
    ("strategies", "Strategies", "t-strategies"),
    ("backtests", "Backtests", ""),
    ("data", "Data", ""),
    ("bots", "Bots", ""),
    ("fleet", "Fleet", "t-fleet"),
    ("trades", "Trades", ""),
)


@dataclass(frozen=True, slots=True)
class NavItem:
    name: str
    url: str
    icon: str
    current: bool
    count: int = 0


def wants_fragment(request: HttpRequest) -> bool:
    """Say whether htmx asks for the live part only."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted


def render_page(
    request: Any,
    page: str,
    fragment: str | None,
    context: dict[str, Any],
    *,
    section: str = "",
    at: datetime | None = None,
    status: int = 200,
) -> HttpResponse:
    """
    Return the page, or its fragment where htmx asks for it.

    :param fragment: the template of the live part; the page includes the same one. None where nothing lives.
    :param at: the wall clock the context was read at; the caller's if not given.
    """
    viewer = getattr(request, "viewer", None)
    template = fragment if fragment is not None and wants_fragment(request) else page
    whole = template == page
    seen_at = at or (viewer.at if viewer else read_at())
    full = {"viewer": viewer, "at": seen_at, "whole": whole, **context}
    if whole:
        full["nav"] = make_nav(viewer, section, seen_at) if viewer else []
    response = render(request, template, full, status=status)
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "private, no-store"
    return response


def describe_picks(request: Any, name: str) -> dict[str, Any]:
    """
    Return which rows of a list are ticked (parameter ``name``), and the address under which its live part is fetched anew.

    The live part asks with the ticks, so a refresh keeps them; they are no part of the address itself, or one could never be
    taken back.
    """
    query = request.GET.copy()
    picked = query.pop(name, [])
    return {"picked": picked, "pick_name": name, "live_url": request.path + (f"?{query.urlencode()}" if query else "")}


def make_nav(viewer: Any, section: str, at: datetime) -> list[NavItem]:
    """Return the main navigation with the counts of what needs a person."""
    counts = count_attention(viewer.team, at)
    return [
        NavItem(name, reverse(f"dashboard:{key}"), icon, key == section, counts.get(key, 0))
        for key, name, icon in SECTIONS
    ]
