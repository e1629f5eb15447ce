"""The Strategy Execution guide's own paths: what they answer is true."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from apps.assignments.models import Assignment
from apps.assignments.services import activate
from apps.common.clock import read_at
from apps.executors.models import Command
from tests.fleet import make_account, make_executor_with_key, make_strategy
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


class Guide:
    """An executor written by the guide, and its owner's dashboard."""

    def __init__(self, world):
        self.account = make_account(world.team)
        self.executor, headers = make_executor_with_key(self.account)
        self.strategy = make_strategy(world.team)
        self.client = APIClient(raise_request_exception=True)
        self.client.credentials(**headers)
        self.dashboard = api_client(make_key(world.alice)[1])

    def start(self):
        (row,) = activate(strategy=self.strategy, references=[self.executor.code], actor="test", at=read_at())
        return row

    def beat(self):
        return self.client.post(f"/api/executor/{self.executor.public_id}/heartbeat", {}, format="json")

    def tell(self, command_id, status):
        body = {"commandId": command_id, "status": status, "result": {"success": True}}
        return self.client.patch(f"/api/executor/{self.executor.public_id}/command", body, format="json")


@pytest.fixture
def guide(world):
    return Guide(world)


def test_a_heartbeat_shows_what_is_asked_with_the_guides_parameters(guide):
    guide.start()
    (command,) = guide.beat().json()["pendingCommands"]
    assert command["command"] == "START_STRATEGY"
    assert set(command["parameters"]) == {"strategyId", "strategyName", "symbol", "timeframe", "rules", "settings"}
    guide.executor.refresh_from_db()
    assert guide.executor.reported_state == "ONLINE"


def test_an_executors_word_ends_the_command_and_proves_no_assignment(guide):
    guide.start()
    (command,) = guide.beat().json()["pendingCommands"]
    assert guide.tell(command["id"], "executed").json()["command"]["status"] == "executed"
    assert guide.tell(command["id"], "executed").status_code == 200
    assert guide.tell(command["id"], "failed").status_code == 409
    assert guide.beat().json()["pendingCommands"] == []
    assert (Command.objects.get().state, Assignment.objects.get().observed) == ("EXECUTED", "UNKNOWN")


def test_another_executors_paths_and_commands_are_not_found(guide, world):
    other, _ = make_executor_with_key(make_account(world.team))
    assert guide.client.post(f"/api/executor/{other.public_id}/heartbeat", {}, format="json").status_code == 404
    command = Command.objects.create(executor=other, kind="SNAPSHOT", asked_by="test")
    assert guide.tell(command.public_id, "executed").status_code == 404


def test_a_trade_report_is_the_bots_and_unapproved_without_an_approval(guide):
    guide.start()
    body = {
        "strategyId": guide.strategy.public_id,
        "ticket": "77",
        "symbol": "EURUSD",
        "type": "BUY",
        "lots": 0.1,
        "openPrice": 1.1,
    }
    answer = guide.client.post("/api/trade", body, format="json")
    assert answer.status_code == 201
    assert answer.json()["trade"] == {"id": None, "ticket": "77", "status": "open", "action": "none"}
    assert guide.client.post("/api/trade", {**body, "lots": "NaN"}, format="json").status_code == 400


def test_the_guides_activation_and_deactivation(guide):
    path = f"/api/strategy/{guide.strategy.public_id}"
    assert guide.dashboard.post(f"{path}/activate", {}, format="json").status_code == 400
    started = guide.dashboard.post(f"{path}/activate", {"executorId": guide.executor.public_id}, format="json")
    assert started.status_code == 202
    assert started.json()["assignments"][0]["desired"] == "RUNNING"
    kept = guide.dashboard.post(f"{path}/deactivate", {"closePositions": False}, format="json")
    assert (kept.status_code, kept.json()["code"]) == (422, "STOP_CLOSES_POSITIONS")
    stopped = guide.dashboard.post(f"{path}/deactivate", {}, format="json")
    assert stopped.json()["assignments"][0]["desired"] == "STOPPED"


def test_push_is_signed_for_the_own_channel_only(guide, settings):
    channel = f"private-executor-{guide.executor.public_id}"
    ask = {"socket_id": "1.2", "channel_name": channel}
    assert guide.client.post("/api/pusher/auth", ask, format="json").json()["code"] == "PUSH_OFF"
    settings.PUSHER = {"APP_ID": "1", "KEY": "key", "SECRET": "secret", "CLUSTER": "eu", "HOST": ""}
    assert guide.client.post("/api/pusher/auth", ask, format="json").json()["auth"].startswith("key:")
    foreign = {**ask, "channel_name": "private-executor-other"}
    assert guide.client.post("/api/pusher/auth", foreign, format="json").status_code == 404
    assert "secret" not in guide.client.get("/api/executor/config").content.decode()
