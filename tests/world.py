"""
The cast of every test of the server: alice owns, tom trades, bob may look, charlie is a stranger with his own team.

Functions make rows as people would (through services); fixtures of `tests/conftest.py` hand them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.test import Client
from rest_framework.test import APIClient

from apps.common.clock import read_at
from apps.teams import services
from apps.teams.callers import Caller, get_user_caller
from apps.teams.models import ApiKey, Membership, Role, Team, Tier, User
from apps.teams.scopes import GRANTABLE

PASSWORD = "correct horse battery staple"


@dataclass
class World:
    """Two teams and their people."""

    alice: User  # owns
    tom: User  # trades
    bob: User  # may look
    charlie: User  # a stranger: owner of another team
    team: Team
    other_team: Team


def make_world() -> World:
    """Return the cast in their teams."""
    alice, tom, bob, charlie = (make_user(name) for name in ("alice", "tom", "bob", "charlie"))
    team = services.create_team(name="Alice Capital", owner=alice, tier=Tier.TOP)
    Membership.objects.create(team=team, user=tom, role=Role.TRADER)
    Membership.objects.create(team=team, user=bob, role=Role.VIEWER)
    other_team = services.create_team(name="Charlie Trading", owner=charlie, tier=Tier.TOP)
    return World(alice, tom, bob, charlie, team, other_team)


def make_user(name: str) -> User:
    """Return a person who can sign in with PASSWORD."""
    return User.objects.create(email=f"{name}@example.com", password=_hashed_password(), name=name.title())


def caller_of(user: User) -> Caller:
    """Return the person as a caller, for calling services."""
    return get_user_caller(user, team_ref=None, at=read_at())


def make_key(user: User, scopes: Iterable[str] = GRANTABLE, **more: Any) -> tuple[ApiKey, str]:
    """Return an API key of the person's team and its text."""
    return services.create_key(caller=caller_of(user), name="test", scopes=scopes, **more)


def api_client(key: str | None = None) -> APIClient:
    """Return a client that sends the key, or nothing. A 5xx comes back as an answer, as it would to anybody."""
    client = APIClient(raise_request_exception=False)
    if key:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def browser(user: User, *, enforce_csrf: bool = False) -> Client:
    """Return a browser in which the person is signed in."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@cache
def _hashed_password() -> str:
    """Hash once: it is slow by design."""
    return make_password(PASSWORD)
