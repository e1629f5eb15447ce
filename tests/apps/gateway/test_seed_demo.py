"""The demo is made once, found afterwards, and never takes back what a person changed."""

from __future__ import annotations

import json
import tomllib
from io import StringIO

import pytest
from django.core.management import call_command

from apps.accounts.models import Account
from apps.assignments.models import Assignment
from apps.executors.authentication import get_executor_caller
from apps.executors.models import ExecutorKey
from apps.teams.models import ApiKey, User
from tests.world import api_client

pytestmark = pytest.mark.django_db


def seed(folder, *words):
    said = StringIO()
    call_command("seed_demo", "--data-dir", str(folder), "--json", *words, stdout=said)
    return json.loads(said.getvalue())


def test_the_demo_can_sign_in_call_the_api_and_run_an_agent(tmp_path, client):
    made = seed(tmp_path)

    assert client.login(username=made["email"], password=made["password"])
    me = api_client(made["api_key"]).get("/api/v1/teams/me").json()
    assert me["team"]["tier"] == "TOP"
    assert "risk:write" in me["scopes"]
    config = tomllib.loads((tmp_path / "agent.toml").read_text())
    caller = get_executor_caller(config["server"]["api_key"], config["server"]["api_secret"])
    assert config["server"]["executor_id"] == made["executor_id"]
    assert caller.account_id == Account.objects.get(code="paper-1").pk
    assert (config["terminal"]["login"], config["terminal"]["password"]) == (5000001, made["simulator_password"])


def test_secrets_are_for_their_owner_only(tmp_path):
    seed(tmp_path)

    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("demo.json", "agent.toml")} == {0o600}


def test_a_second_start_finds_everything_again(tmp_path):
    first = seed(tmp_path, "--strategy")
    config = (tmp_path / "agent.toml").read_text()

    assert seed(tmp_path, "--strategy") == first
    assert (tmp_path / "agent.toml").read_text() == config
    assert (User.objects.count(), ApiKey.objects.count(), ExecutorKey.objects.count()) == (1, 1, 1)
    assert Assignment.objects.count() == 1


def test_a_changed_password_stays_and_is_not_shown(tmp_path, client):
    made = seed(tmp_path)
    user = User.objects.get(email=made["email"])
    user.set_password("my own password")
    user.save()

    assert seed(tmp_path)["password"] is None
    assert client.login(username=made["email"], password="my own password")


def test_a_lost_folder_gets_keys_that_open(tmp_path):
    first = seed(tmp_path / "a")

    second = seed(tmp_path / "b")

    assert second["api_key"] != first["api_key"]
    config = tomllib.loads((tmp_path / "b" / "agent.toml").read_text())
    assert get_executor_caller(config["server"]["api_key"], config["server"]["api_secret"])
    assert (second["password"], second["account_id"]) == (None, first["account_id"])


def test_a_torn_note_is_written_anew(tmp_path):
    seed(tmp_path)
    (tmp_path / "demo.json").write_text("{")
    (tmp_path / "agent.toml").write_text("[server\n")

    made = seed(tmp_path)

    assert api_client(made["api_key"]).get("/api/v1/teams/me").status_code == 200


def test_a_strategy_that_was_stopped_stays_stopped(tmp_path):
    seed(tmp_path, "--strategy")
    Assignment.objects.update(desired="STOPPED", generation=5)

    seed(tmp_path, "--strategy")

    assert list(Assignment.objects.values_list("desired", "generation")) == [("STOPPED", 5)]
