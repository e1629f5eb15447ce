"""What was asked, over the API: one-shots of every kind, the team's commands, the timeline of an assignment."""

from __future__ import annotations

from collections import Counter

import pytest

from apps.assignments.models import Assignment
from apps.assignments.services import apply_observed
from apps.common.clock import read_at
from apps.executors.models import Command
from apps.executors.services.leases import take_lease
from apps.gateway.services.desired import build_desired_set
from tests.fleet import make_account, make_executor, make_strategy, status
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(world):
    return api_client(make_key(world.alice)[1])


def post(client, path, body=None):
    return client.post(f"/api/v1/{path}", body or {}, format="json")


def test_the_askers_own_id_makes_it_the_same_command_for_ever(world, alice):
    executor = make_executor(make_account(world.team))
    path = f"executors/{executor.code}/commands"
    body = {"kind": "CLOSE_POSITION", "payload": {"ticket": 7}, "client_request_id": "mine-1"}
    first = post(alice, path, body).json()
    Command.objects.update(state="EXECUTED")
    assert post(alice, path, body).json()["id"] == first["id"]
    other = post(alice, path, {**body, "payload": {"ticket": 8}})
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert Command.objects.count() == 1


@pytest.mark.parametrize(
    "kind, payload, kept",
    [
        ("CLOSE_BOT", {"magic": "1000001"}, {"magic": 1_000_001}),
        ("CANCEL_PENDINGS", {}, {}),
        ("PULL_HISTORY", {"days": 30}, {"days": 30}),
        ("PREFLIGHT", {"symbols": ["EURUSD"]}, {"symbols": ["EURUSD"]}),
        ("UPGRADE", {"version": "0.2.0"}, {"version": "0.2.0"}),
        ("SEND_JOURNAL", {}, {}),
    ],
)
def test_each_one_shot_has_its_payload(world, alice, kind, payload, kept):
    executor = make_executor(make_account(world.team))
    path = f"executors/{executor.code}/commands"
    asked = post(alice, path, {"kind": kind, "payload": payload})
    assert (asked.status_code, asked.json()["payload"]) == (202, kept)
    assert post(alice, path, {"kind": kind, "payload": {"nonsense": 1}}).status_code == 400


def test_the_team_reads_what_was_asked_of_whom_and_how_it_went(world, alice):
    executor = make_executor(make_account(world.team), online=True)
    strategy = make_strategy(world.team)
    post(alice, f"strategies/{strategy.slug}/activate", {"executors": [executor.code]})
    post(alice, f"executors/{executor.code}/commands", {"kind": "SNAPSHOT"})
    everything = alice.get("/api/v1/commands").json()
    assert [row["kind"] for row in everything["results"]] == ["SNAPSHOT", "START_STRATEGY"]
    assert everything["results"][1]["payload"]["strategyId"] == strategy.public_id
    for query, kinds in (
        (f"strategy={strategy.slug}", ["START_STRATEGY"]),
        (f"executor={executor.code}&kind=snapshot", ["SNAPSHOT"]),
        (f"account={executor.account.code}&state=PENDING", ["SNAPSHOT", "START_STRATEGY"]),
        ("state=EXECUTED", []),
    ):
        assert [row["kind"] for row in alice.get(f"/api/v1/commands?{query}").json()["results"]] == kinds, query
    assert alice.get("/api/v1/commands?kind=DANCE").status_code == 400


def test_the_timeline_says_when_a_wish_was_asked_pulled_acknowledged_and_proven(world, alice):
    executor = make_executor(make_account(world.team), online=True)
    strategy = make_strategy(world.team)
    post(alice, f"strategies/{strategy.slug}/activate", {"executors": [executor.code]})
    take_lease(executor=executor, instance_id="one", at=read_at())
    build_desired_set(executor_id=executor.pk, instance_id="one", at=read_at())
    row = Assignment.objects.get()
    for observed in ("STARTING", "RUNNING"):
        apply_observed(
            executor_id=executor.pk, statuses=[status(row.public_id, observed, 1)], held_magics=Counter(),
            ordered_magics=Counter(), at=read_at(),
        )  # fmt: skip
    (wish,) = alice.get(f"/api/v1/assignments/{row.public_id}/timeline").json()["results"]
    assert [step["name"] for step in wish["steps"]] == ["ASKED", "PULLED", "ACKNOWLEDGED", "PROVEN"]
    assert [step["after_s"] for step in wish["steps"]] == sorted(step["after_s"] for step in wish["steps"])
    assert alice.get(f"/api/v1/commands/{wish['id']}").json()["steps"] == wish["steps"]


def test_all_of_a_bot_is_closed_by_its_magic(world, alice):
    executor = make_executor(make_account(world.team), online=True)
    post(alice, f"strategies/{make_strategy(world.team).slug}/activate", {"executors": [executor.code]})
    row = Assignment.objects.get()
    asked = post(alice, f"assignments/{row.public_id}/close")
    assert (asked.status_code, asked.json()["kind"]) == (202, "CLOSE_BOT")
    assert asked.json()["payload"] == {"magic": row.bot.magic}
