"""Flattening an account: latched first, proven by a snapshot, lifted by a person; and many things asked at once."""

from __future__ import annotations

import json

import pytest

from apps.accounts.models import AccountRisk
from apps.assignments.models import Assignment
from apps.assignments.services import activate, pause
from apps.common.clock import read_at
from apps.executors.models import Command
from apps.executors.services.commands import settle_command
from apps.executors.services.leases import take_lease
from apps.gateway.services.snapshots import take_snapshot
from apps.risk.services.flatten import flatten_account
from apps.risk.services.latches import lift_account
from tests.fleet import lease_now, make_account, make_executor, make_strategy, pending_order, position, race, snapshot
from tests.world import api_client, make_key, make_world

pytestmark = pytest.mark.django_db


class Scene:
    def __init__(self, team):
        self.account = make_account(team)
        self.executor = make_executor(self.account, online=True)
        self.lease = take_lease(executor=self.executor, instance_id="one", at=read_at())
        self.seq = 0

    def flatten(self):
        return flatten_account(account=self.account, reason="test", actor="user:alice", at=read_at())

    def say_done(self):
        (command,) = lease_now(self.executor)
        assert settle_command(
            executor=self.executor, command_id=command.pk, lease_token=str(command.lease_token), state="EXECUTED",
            result={}, at=read_at(),
        )  # fmt: skip
        return command

    def see(self, **more):
        self.seq += 1
        message = snapshot(seq=self.seq, fence=self.lease.fence, **more)
        take_snapshot(executor=self.executor, message=message, at=read_at())
        return Command.objects.get(executor=self.executor, kind="FLATTEN_ACCOUNT").state


@pytest.fixture
def scene(world):
    return Scene(world.team)


def test_it_is_latched_and_paused_in_the_same_commit_as_it_is_asked(world, scene):
    (row,) = activate(strategy=make_strategy(world.team), references=[scene.executor.code], actor="test", at=read_at())
    done = scene.flatten()
    assert [each.pk for each in done.paused] == [row.pk]
    assert AccountRisk.objects.get().account_latch == "flattened: test"
    assert Assignment.objects.get().desired == "PAUSED"
    assert [command.kind for command in done.commands] == ["FLATTEN_ACCOUNT"]
    assert done.commands[0].expires_at is None


def test_the_agents_word_is_not_enough_and_a_flat_snapshot_before_it_is_not_either(scene):
    scene.flatten()
    assert scene.see() == "PENDING"
    scene.say_done()
    assert Command.objects.get().state == "ACKNOWLEDGED"
    assert scene.see(complete=False) == "ACKNOWLEDGED"
    assert scene.see(age_ms=60_000) == "ACKNOWLEDGED"
    assert scene.see() == "EXECUTED"
    command = Command.objects.get()
    assert command.result["proven_by"] == scene.executor.public_id


@pytest.mark.parametrize("left", [{"positions": [position(7)]}, {"orders": [pending_order(8)]}])
def test_what_is_still_there_is_swept_again_at_once(scene, left):
    scene.flatten()
    first = scene.say_done()
    assert scene.see(**left) == "ACKNOWLEDGED"
    (again,) = lease_now(scene.executor)
    assert (again.pk, again.attempts) == (first.pk, 2)
    assert scene.see() == "ACKNOWLEDGED", "the word was of before"
    Command.objects.update(lease_until=read_at())
    scene.say_done()
    assert scene.see() == "EXECUTED"


def test_an_account_proven_flat_is_so_for_the_executor_that_is_away_too(scene):
    make_executor(scene.account)
    assert len(scene.flatten().commands) == 2
    scene.say_done()
    scene.see()
    assert set(Command.objects.values_list("state", flat=True)) == {"EXECUTED"}


def test_asked_again_while_it_is_under_way_it_is_the_same(scene):
    first, second = scene.flatten(), scene.flatten()
    assert [one.pk for one in first.commands] == [one.pk for one in second.commands]


def test_after_the_halt_is_lifted_the_strategies_wait_for_a_person(world, scene):
    activate(strategy=make_strategy(world.team), references=[scene.executor.code], actor="test", at=read_at())
    scene.flatten()
    lift_account(account=scene.account, actor="user:alice", at=read_at())
    assert Assignment.objects.get().desired == "PAUSED"


def test_an_account_nobody_serves_is_halted_all_the_same(world):
    account = make_account(world.team)
    done = flatten_account(account=account, reason="test", actor="test", at=read_at())
    assert (done.commands, AccountRisk.objects.get().account_latch) == ([], "flattened: test")


# --- over the API -------------------------------------------------------------------------------------------------


class Api:
    def __init__(self, user, scopes=None):
        _, key = make_key(user) if scopes is None else make_key(user, scopes)
        self.client = api_client(key)

    def post(self, path, body=None, **more):
        return self.client.post(f"/api/v1/{path}", json.dumps(body or {}), content_type="application/json", **more)

    def get(self, path):
        return self.client.get(f"/api/v1/{path}")


@pytest.fixture
def api(world):
    return Api(world.alice)


def test_flattening_over_the_api_answers_what_was_done(world, scene, api):
    answer = api.post(f"accounts/{scene.account.code}/flatten", {"reason": "news"})
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert (body["halted"], [each["kind"] for each in body["commands"]]) == (True, ["FLATTEN_ACCOUNT"])
    refused = api.post(f"executors/{scene.executor.code}/commands", {"kind": "FLATTEN_ACCOUNT"})
    assert refused.status_code == 400


def test_many_are_asked_each_for_itself_and_progress_comes_from_their_commands(world, scene, api):
    other = Scene(world.team)
    strategy = make_strategy(world.team)
    rows = activate(
        strategy=strategy, references=[scene.executor.code, other.executor.code], actor="test", at=read_at()
    )
    pause(assignment_ids=[rows[0].pk], actor="test", at=read_at())
    answer = api.post("bulk", {"act": "PAUSE", "strategies": [strategy.slug]})
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert sorted(item["status"] for item in body["items"]) == ["ASKED", "UNCHANGED"]
    assert (body["counts"], body["is_over"]) == ({"PENDING": 1, "UNCHANGED": 1}, False)
    Command.objects.filter(kind="PAUSE_STRATEGY").update(state="EXECUTED")
    later = api.get(f"bulk/{body['id']}").json()
    assert (later["counts"], later["is_over"]) == ({"EXECUTED": 1, "UNCHANGED": 1}, True)


def test_a_refusal_of_one_leaves_the_others(world, scene, api):
    strategies = [make_strategy(world.team, name=name) for name in ("One", "Two")]
    strategies[0].status = "ARCHIVED"
    strategies[0].save()
    body = api.post(
        "bulk",
        {"act": "ACTIVATE", "strategies": [each.slug for each in strategies], "executors": [scene.executor.code]},
    ).json()
    assert [(item["status"], item["code"]) for item in body["items"]] == [
        ("REFUSED", "STRATEGY_ARCHIVED"),
        ("ASKED", ""),
    ]
    assert Assignment.objects.count() == 1


def test_a_name_of_another_team_asks_nobody(world, scene, api):
    theirs = make_executor(make_account(world.other_team))
    answer = api.post("bulk", {"act": "SNAPSHOT", "executors": [scene.executor.code, theirs.public_id]})
    assert answer.status_code == 404
    assert Command.objects.count() == 0


def test_flattening_many_takes_the_right_to_halt(world, scene):
    refused = Api(world.alice, ["assignments:write"]).post("bulk", {"act": "FLATTEN", "accounts": [scene.account.code]})
    assert refused.json()["code"] == "SCOPE_MISSING"
    taken = Api(world.alice).post("bulk", {"act": "FLATTEN", "executors": [scene.executor.code]})
    assert taken.json()["items"][0]["state"] == "PENDING"
    assert AccountRisk.objects.get().account_latch


@pytest.mark.parametrize(
    "body, code",
    [
        ({"act": "SNAPSHOT"}, "NOTHING_MEANT"),
        ({"act": "DANCE"}, "FIELD_INVALID"),
        ({"act": "STOP", "executor": ["x"]}, "FIELD_INVALID"),
    ],
)
def test_what_means_nothing_is_refused(api, body, code):
    answer = api.post("bulk", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.django_db(transaction=True)
def test_two_that_ask_crosswise_never_wait_for_each_other_for_ever():
    world = make_world()
    scenes = [Scene(world.team) for _ in range(3)]
    strategies = [make_strategy(world.team, name=f"S{number}") for number in range(3)]
    for each in strategies:
        references = [scene.executor.code for scene in scenes]
        activate(strategy=each, references=references, actor="test", at=read_at())
    _, key = make_key(world.alice)

    def ask(act, order):
        body = {"act": act, "strategies": [strategies[number].slug for number in order]}
        client = api_client(key)
        return client.post("/api/v1/bulk", json.dumps(body), content_type="application/json").status_code

    works = [
        lambda: ask("PAUSE", (0, 1)), lambda: ask("RESUME", (1, 2)), lambda: ask("PAUSE", (2, 0)), lambda: ask("STOP", (1, 0))
    ]  # fmt: skip
    assert race(*works) == [202, 202, 202, 202]
