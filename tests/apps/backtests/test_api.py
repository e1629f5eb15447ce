"""The REST doors of backtests."""

from __future__ import annotations

import pytest

from tests import lab
from tests.world import api_client, make_key


@pytest.fixture
def scene(world):
    account, strategy = lab.make_lab(world.team)
    _, key = make_key(world.alice)
    return api_client(key), account, strategy, world


def post(client, path, body=None, **headers):
    return client.post(f"/api/v1/{path}", body or {}, format="json", **headers)


def test_a_backtest_is_asked_for_watched_and_read(scene):
    client, account, strategy, _ = scene
    asked = post(client, "backtests", {"strategy": strategy.slug, "costs": {"spread_pips": 0.8, "slippage_ticks": 1}})
    assert asked.status_code == 202, asked.json()
    body = asked.json()
    assert (body["status"], body["symbol"], body["account_id"]) == ("QUEUED", "EURUSD", account.public_id)
    assert body["costs"] == {"spread_pips": "0.8", "commission_per_lot": "0", "slippage_ticks": 1}

    lab.work_off()
    done = client.get(f"/api/v1/backtests/{body['id']}").json()
    assert done["status"] == "DONE"
    assert done["headline"]["trades"] == done["summary"]["trades"]["trades"] > 5
    assert set(done["summary"]["by"]) == {"month", "weekday", "hour", "symbol", "side", "reason"}

    trades = client.get(f"/api/v1/backtests/{body['id']}/trades?limit=4").json()
    assert trades["count"] == done["headline"]["trades"]
    assert len(trades["results"]) == 4
    second = client.get(f"/api/v1/backtests/{body['id']}/trades?limit=4&cursor={trades['next']}").json()
    assert second["results"][0]["number"] == 5
    assert second["previous"]

    equity = client.get(f"/api/v1/backtests/{body['id']}/equity?points=50").json()
    assert equity["bars"] == 600
    assert len(equity["points"]) <= 52
    assert equity["points"][-1][1] == pytest.approx(done["summary"]["final_balance"], abs=0.01)


def test_the_same_key_asks_once(scene):
    client, _, strategy, _ = scene
    answers = [
        post(client, "backtests", {"strategy": strategy.slug}, HTTP_IDEMPOTENCY_KEY="once").json()["id"]
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert client.get("/api/v1/backtests").json()["count"] == 1


def test_lists_are_filtered_and_the_strategy_has_its_own(scene):
    client, _, strategy, _ = scene
    post(client, f"strategies/{strategy.slug}/backtests")
    assert client.get(f"/api/v1/strategies/{strategy.slug}/backtests").json()["count"] == 1
    assert client.get("/api/v1/backtests?status=queued").json()["count"] == 1
    assert client.get("/api/v1/backtests?status=done").json()["count"] == 0
    refused = client.get("/api/v1/backtests?status=foo")
    assert refused.status_code == 400
    assert "DONE" in refused.json()["extra"]["allowed"]


def test_rules_alone_are_enough_with_symbol_and_timeframe(scene):
    client, *_ = scene
    refused = post(client, "backtests", {"rules": lab.RULES})
    assert (refused.status_code, refused.json()["field"]) == (422, "symbol")
    asked = post(
        client, "backtests", {"rules": lab.RULES, "symbol": "EURUSD", "timeframe": "M5", "bars_timeframe": "M1"}
    )
    assert asked.status_code == 202
    lab.work_off()
    assert client.get(f"/api/v1/backtests/{asked.json()['id']}").json()["status"] == "DONE"


def test_bad_bodies_are_answered_with_the_field(scene):
    client, _, strategy, _ = scene
    for body, status, field in (
        ({}, 422, "strategy"),
        ({"strategy": "nobodys"}, 404, "strategy"),
        ({"strategy": strategy.slug, "version": 9}, 404, "version"),
        ({"strategy": strategy.slug, "balance": -5}, 400, "balance"),
        ({"strategy": strategy.slug, "costs": {"spread_pips": "x"}}, 400, "costs.spread_pips"),
        ({"strategy": strategy.slug, "leverage": 5}, 400, "leverage"),
        (
            {"strategy": strategy.slug, "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
            400,
            "ends_at",
        ),
        ({"strategy": strategy.slug, "starts_at": "2031-01-01T00:00:00Z"}, 422, "dataset"),
        ({"strategy": strategy.slug, "dataset": "none"}, 404, "dataset"),
    ):
        answer = post(client, "backtests", body)
        assert (answer.status_code, answer.json().get("field")) == (status, field), (body, answer.json())


def test_cancel_retry_and_delete(scene):
    client, _, strategy, _ = scene
    made = post(client, "backtests", {"strategy": strategy.slug}).json()["id"]
    assert client.delete(f"/api/v1/backtests/{made}").status_code == 409
    assert post(client, f"backtests/{made}/cancel").json()["status"] == "CANCELLED"
    assert client.get(f"/api/v1/backtests/{made}/trades").json()["code"] == "NOT_DONE"
    assert post(client, f"backtests/{made}/retry").json()["status"] == "QUEUED"
    lab.work_off()
    assert client.delete(f"/api/v1/backtests/{made}").status_code == 204
    assert client.get(f"/api/v1/backtests/{made}").status_code == 404


def test_a_file_that_is_gone_is_said_to_be(scene):
    from django.core.files.storage import default_storage

    from apps.backtests.models import Run

    client, _, strategy, _ = scene
    made = post(client, "backtests", {"strategy": strategy.slug}).json()["id"]
    lab.work_off()
    default_storage.delete(Run.objects.get().columns_file)
    answer = client.get(f"/api/v1/backtests/{made}/equity")
    assert (answer.status_code, answer.json()["code"]) == (503, "DATA_FILE_LOST")
