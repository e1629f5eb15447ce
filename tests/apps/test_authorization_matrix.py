"""
Every door × verb × person, found by walking the URLs: a new door is tried the moment it exists.

A door with a new kind of reference in its path fails `test_every_reference_is_known` until REFERENCES can name one of
alice's. Doors that check by themselves, or are open, are listed by hand, with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import get_resolver
from rest_framework.views import APIView

from apps.assignments.services.activation import activate
from apps.common.clock import read_at
from apps.common.ids import new_id, public_id
from apps.risk.models import LogArchive, RiskEvent, WhatIfRun
from apps.teams.models import AuditEntry
from apps.teams.permissions import Scoped
from apps.teams.scopes import scopes_of_role
from tests import fleet, lab
from tests.datasets import make_dataset
from tests.packs import make_pack
from tests.world import api_client, browser, make_key, make_world

VERBS = ("get", "post", "put", "patch", "delete")
MARK = "alices-own"

# Open to everybody: they show nothing of any team.
OPEN = {"api/schema", "api/docs", "healthz", "readyz", "api/v1/evidence/keys"}
# Checked inside the deciding transaction, which reads the key itself; tested as the others are.
SELF_CHECKED = {"ApproveTradeApi": {"POST": "trades:approve"}}
# What a self-checking door reads before it looks at the key.
BODIES = {
    "ApproveTradeApi": {
        "bot_id": "{bot_id}",
        "symbol": "EURUSD",
        "direction": "BUY",
        "entry_price": 1.1,
        "stop_loss": 1.09,
        "requested_lots": 0.1,
    }
}
# What is asked for decides here: an executor may hear its own channel only.
FORBIDS_BY_CONTENT = {"PusherAuthApi"}
# Never by a key, whatever its scopes: a signed-in owner has to be there.
PEOPLE_ONLY = {"DELETE /api/v1/accounts/<str:account_ref>/halt"}
# A reference that is no team's: the account in question is named by header, or by the path beside it.
SHARED = {"symbol", "day"}


@dataclass(frozen=True)
class Door:
    route: str
    view: type[APIView]
    verb: str

    def __str__(self) -> str:
        return f"{self.verb.upper()} /{self.route}"

    @property
    def wanted(self) -> tuple[str, ...]:
        """The scopes of which one is needed."""
        declared: Any = SELF_CHECKED.get(self.view.__name__) or self.view.scopes  # type: ignore[attr-defined]
        wanted = declared[self.verb.upper()]
        return () if wanted is None else (wanted,) if isinstance(wanted, str) else tuple(wanted)

    @property
    def takes_keys(self) -> bool:
        """Whether people and API keys may come here at all."""
        if self.view.__name__ in SELF_CHECKED:
            return True
        return any(kind.__name__ == "BearerKeyAuthentication" for kind in self.view.authentication_classes)

    @property
    def takes_executors(self) -> bool:
        if self.view.__name__ in SELF_CHECKED:
            return True
        return any(kind.__name__ == "ExecutorKeyAuthentication" for kind in self.view.authentication_classes)


def walk(patterns: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern.url_patterns, route)
        else:
            yield route, pattern.callback


def all_doors() -> list[Door]:
    found = []
    for route, callback in walk():
        view = getattr(callback, "cls", None)
        if view is not None and issubclass(view, APIView) and route not in OPEN:
            found += [Door(route, view, verb) for verb in VERBS if hasattr(view, verb)]
    return found


def parameters(route: str) -> list[str]:
    return [part.split(">")[0].split(":")[-1] for part in route.split("<")[1:]]


DOORS = all_doors()


def doors(wanted: Callable[[Door], object] = lambda door: True) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("door", [door for door in DOORS if wanted(door)], ids=str)


every_door = doors()


class Stage:
    """Alice's things, and the people who try to reach them."""

    def __init__(self) -> None:
        self.world = make_world()
        team = self.world.team
        self.account = fleet.make_account(team, code=f"{MARK}-account", name=f"{MARK} account")
        self.executor, self.executor_headers = fleet.make_executor_with_key(self.account)
        self.strategy = fleet.make_strategy(team, name=f"{MARK} strategy")
        (self.assignment,) = activate(
            strategy=self.strategy, references=[self.executor.code], actor="test", at=read_at()
        )
        self.bot = self.assignment.bot
        self.backtest = lab.make_run(team, self.strategy, name=f"{MARK} backtest")
        self.study = lab.make_study(self.backtest)
        self.dataset, self.dataset_import = make_dataset(team, name=f"{MARK} dataset")
        self.pack = make_pack(team, code=f"{MARK}-pack")
        self.batch, self.command, self.file = fleet.make_journal(self.executor)
        self.event = RiskEvent.objects.create(
            account=self.account, event_type="ACCOUNT_STALE", severity="WARNING", message=f"{MARK} event", at=read_at()
        )
        self.what_if = WhatIfRun.objects.create(
            account=self.account,
            first="2026-03-04",
            last="2026-03-04",
            limits={},
            name=f"{MARK} what-if",
            asked_by="test",
        )
        kept = default_storage.save(f"{MARK}.zip", ContentFile(b"PK"))
        self.archive = LogArchive.objects.create(
            account=self.account, month="2026-03-01", part=1, first=1, last=1, head=MARK, file=kept, sha256="0"
        )
        self.key, self.owner_key = make_key(self.world.alice)
        _, self.scopeless_key = make_key(self.world.alice, [])
        _, self.stranger_key = make_key(self.world.charlie)
        self.deeds = AuditEntry.objects.filter(team=team).count()

    def references(self) -> dict[str, str]:
        """One of alice's for every kind of reference."""
        return {
            "key_id": self.key.public_id,
            "account": self.account.public_id,
            "account_ref": self.account.public_id,
            "strategy": self.strategy.public_id,
            "executor": self.executor.public_id,
            "assignment": self.assignment.public_id,
            "bot_id": self.bot.bot_id,
            "symbol": "EURUSD",
            "day": "2026-03-04",
            "backtest": self.backtest.public_id,
            "study": self.study.public_id,
            "dataset": self.dataset.public_id,
            "dataset_import": self.dataset_import.public_id,
            "pack": self.pack.pack.public_id,
            "command": self.command.public_id,
            "batch": self.batch.public_id,
            "file": self.file.public_id,
            "event": self.event.public_id,
            "archive": self.archive.public_id,
            "what_if": self.what_if.public_id,
        }

    def path(self, door: Door, references: dict[str, str] | None = None) -> str:
        path, given = "/" + door.route, references or self.references()
        for name in parameters(door.route):
            path = path.replace(f"<str:{name}>", given[name])
        return path

    def send(self, client: Any, door: Door, *, body: Any = None, references: Any = None, **headers: Any) -> Any:
        headers.setdefault("HTTP_X_ACCOUNT_ID", (references or self.references())["account"])
        usual = json.dumps(BODIES.get(door.view.__name__, {})).replace("{bot_id}", self.bot.bot_id)
        content = {} if door.verb == "get" else {"data": body if body is not None else usual}
        if content:
            content["content_type"] = "application/json"
        return getattr(client, door.verb)(self.path(door, references), **content, **headers)


# Of the right form, and nobody's.
NOBODYS = {
    "key_id": public_id("key", new_id()),
    "account": (nobodys_account := public_id("acc", new_id())),
    "account_ref": nobodys_account,
    "strategy": public_id("str", new_id()),
    "executor": public_id("exr", new_id()),
    "assignment": public_id("asg", new_id()),
    "bot_id": "nobodys-bot",
    "dataset": public_id("dst", new_id()),
    "dataset_import": public_id("dsi", new_id()),
    "symbol": "EURUSD",
    "day": "2026-03-04",
    "backtest": public_id("run", new_id()),
    "study": public_id("sty", new_id()),
    "pack": public_id("pck", new_id()),
    "command": public_id("cmd", new_id()),
    "batch": public_id("bat", new_id()),
    "file": public_id("fil", new_id()),
    "event": public_id("evt", new_id()),
    "what_if": public_id("wif", new_id()),
    "archive": public_id("arc", new_id()),
}


@pytest.fixture(scope="module")
def lasting_stage(django_db_setup, django_db_blocker):
    """Set the stage once; hundreds of tests play on it."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield Stage()
        transaction.set_rollback(True)


@pytest.fixture
def stage(lasting_stage, db):
    """The stage as it was set, whatever the last test did: `db` rolls back to it."""
    return lasting_stage


def code_of(answer: Any) -> tuple[int, str]:
    try:
        body = answer.json()
    except ValueError:
        return answer.status_code, ""
    if not isinstance(body, dict):
        return answer.status_code, ""
    enveloped = body.get("errors") or [{}]  # the families of Mikrobot's spec
    return answer.status_code, body.get("code") or enveloped[0].get("code") or ""


def test_every_reference_is_known(stage):
    unknown = {(door.route, name) for door in DOORS for name in parameters(door.route)} - {
        (door.route, name) for door in DOORS for name in stage.references()
    }

    assert not unknown, f"Stage.references and NOBODYS must know these: {sorted(unknown)}"
    assert set(stage.references()) == set(NOBODYS)


def test_every_door_says_what_it_needs():
    assert len(DOORS) > 30
    for door in DOORS:
        assert door.wanted is not None
        assert door.view.__name__ in SELF_CHECKED or Scoped in door.view.permission_classes, door


@every_door
def test_nobody_is_asked_who_they_are(stage, door):
    answer = stage.send(api_client(), door)

    assert answer.status_code == 401, answer.content[:300]
    assert MARK not in answer.content.decode()


@every_door
def test_a_key_without_scopes_is_refused(stage, door):
    answer = stage.send(api_client(stage.scopeless_key), door)

    if not door.takes_keys:
        assert answer.status_code == 401
    elif door.wanted:
        assert code_of(answer) == (403, "SCOPE_MISSING")
        assert MARK not in answer.content.decode()
    else:
        assert answer.status_code < 500


@doors(lambda door: door.takes_keys and door.view.__name__ not in SELF_CHECKED)
def test_a_viewer_reads_and_changes_nothing(stage, door):
    answer = stage.send(browser(stage.world.bob), door)

    may = not door.wanted or bool(set(door.wanted) & scopes_of_role("VIEWER"))
    assert may or answer.status_code == 403, answer.content[:300]
    assert not may or answer.status_code not in (401, 403), answer.content[:300]
    assert answer.status_code < 500
    assert may or AuditEntry.objects.filter(team=stage.world.team).count() == stage.deeds


@doors(lambda door: door.takes_keys)
def test_the_owner_is_let_in_and_nothing_breaks(stage, door):
    client = browser(stage.world.alice) if str(door) in PEOPLE_ONLY else api_client(stage.owner_key)

    for body in ("{}", '{"a": {"b": [1, "x", null]}}', "[]", "{", "null", '"x"', '{"a": NaN}', "\x00"):
        answer = stage.send(client, door, body=body)
        assert answer.status_code < 500, (body, answer.content[:300])
        assert answer.status_code not in (401, 403), (body, answer.content[:300])
        if door.verb != "post":
            break


@doors(lambda door: door.takes_keys and set(parameters(door.route)) - SHARED)
def test_a_strangers_answer_is_the_same_as_for_what_does_not_exist(stage, door):
    client = api_client(stage.stranger_key)

    foreign, absent = stage.send(client, door), stage.send(client, door, references=NOBODYS)

    assert code_of(foreign) == code_of(absent)
    assert 400 <= foreign.status_code < 500
    assert foreign.status_code not in (401, 403)
    said = foreign.content.decode()
    for reference in stage.references().values():  # what they sent may be said back to them
        said = said.replace(reference, "")
    assert MARK not in said
    assert AuditEntry.objects.filter(team=stage.world.team).count() == stage.deeds


@doors(lambda door: door.takes_keys and door.verb == "get" and not parameters(door.route))
def test_a_strangers_lists_hold_nothing_of_ours(stage, door):
    client = api_client(stage.stranger_key)
    queries = ["", *(f"?{name}={value}" for name, value in stage.references().items())]

    for query in queries:
        answer = client.get(f"/{door.route}{query}")
        assert answer.status_code < 500
        assert MARK not in answer.content.decode().replace(stage.bot.bot_id, "")
        if answer.status_code == 200:
            for thing in (stage.account, stage.executor, stage.strategy, stage.assignment, stage.bot, stage.key):
                assert thing.public_id not in answer.content.decode()


@every_door
def test_an_executors_key_opens_executors_doors_only(stage, door):
    answer = stage.send(api_client(), door, **stage.executor_headers)

    if door.takes_executors:
        assert answer.status_code != 401
        assert answer.status_code != 403 or door.view.__name__ in FORBIDS_BY_CONTENT
        assert answer.status_code < 500
    else:
        assert answer.status_code == 401


@doors(lambda door: door.verb != "get")
def test_a_foreign_page_cannot_use_a_signed_in_browser(stage, door):
    answer = stage.send(browser(stage.world.alice, enforce_csrf=True), door)

    assert answer.status_code in (401, 403)
    assert AuditEntry.objects.filter(team=stage.world.team).count() == stage.deeds


@every_door
def test_a_verb_the_door_does_not_have_is_refused(stage, door):
    missing = next(verb for verb in ("patch", "put", "delete", "get", "post") if not hasattr(door.view, verb))
    if door.takes_keys and door.view.__name__ not in SELF_CHECKED:
        client, headers = api_client(stage.owner_key), {}
    elif door.takes_executors or door.view.__name__ in SELF_CHECKED:
        client, headers = api_client(), stage.executor_headers
    else:  # a door for signed-in people only
        client, headers = browser(stage.world.alice), {}
    answer = stage.send(client, Door(door.route, door.view, missing), **headers)

    assert code_of(answer)[0] == 405


PAGES = [
    route
    for route, callback in walk()
    if getattr(callback, "cls", None) is None
    and route not in OPEN
    and not route.startswith(("accounts/", "admin/"))  # their own tests walk them
]


@pytest.mark.parametrize("route", PAGES)
def test_a_page_sends_visitors_to_the_sign_in(stage, route):
    path = "/" + route
    for name in parameters(route):
        path = path.replace(f"<str:{name}>", stage.references().get(name, "x"))

    answer = api_client().get(path)

    assert answer.status_code in (302, 401, 403, 404, 405), path
    if answer.status_code == 302:
        # The administration sends to its own door first, which leads to the same sign-in.
        assert answer["Location"].startswith(("/accounts/", "/admin/")), answer["Location"]
