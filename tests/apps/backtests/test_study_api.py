"""The REST doors of studies, rule packs and the catalogue."""

from __future__ import annotations

import pytest

from apps.backtests.models import Run
from tests import lab
from tests.world import api_client, make_key


@pytest.fixture
def scene(world):
    _, strategy = lab.make_lab(world.team, 400)
    run = lab.ask(world.team, strategy)
    lab.work_off()
    _, key = make_key(world.alice)
    return api_client(key), Run.objects.get(pk=run.pk)


def post(client, path, body=None):
    return client.post(f"/api/v1/{path}", body or {}, format="json")


def test_a_sweep_is_asked_for_watched_and_read_point_by_point(scene):
    client, run = scene
    settings = {"parameters": {"entry.indicators.0.period": {"from": 2, "to": 5}}, "min_trades": 1}
    asked = post(client, "studies", {"backtest": run.public_id, "kind": "sweep", "settings": settings})
    assert asked.status_code == 202, asked.json()
    study = asked.json()["id"]
    assert client.get(f"/api/v1/studies/{study}").json()["progress_fraction"] == 0
    lab.work_off()
    done = client.get(f"/api/v1/studies/{study}").json()
    assert (done["status"], done["work_done"], done["progress_fraction"]) == ("DONE", 4, 1)
    trials = client.get(f"/api/v1/studies/{study}/trials").json()
    assert [one["number"] for one in trials["results"]] == [0, 1, 2, 3]
    assert client.get("/api/v1/studies?kind=sweep").json()["count"] == 1
    assert client.get(f"/api/v1/studies?backtest={run.public_id}").json()["count"] == 1
    assert client.delete(f"/api/v1/studies/{study}").status_code == 204


def test_cancel_and_take_up_again(scene):
    client, run = scene
    study = post(client, "studies", {"backtest": run.public_id, "kind": "MONTE_CARLO"}).json()["id"]
    assert client.delete(f"/api/v1/studies/{study}").status_code == 409
    assert post(client, f"studies/{study}/cancel").json()["status"] == "CANCELLED"
    assert post(client, f"studies/{study}/resume").json()["status"] == "QUEUED"


def test_wrong_settings_are_answered_with_their_path(scene):
    client, run = scene
    for body, status, field in (
        ({"kind": "SWEEP"}, 400, "backtest"),
        ({"backtest": run.public_id, "kind": "GUESS"}, 422, "kind"),
        ({"backtest": run.public_id, "kind": "SWEEP"}, 422, "settings.parameters"),
        ({"backtest": run.public_id, "kind": "CHALLENGE", "settings": {"size": "big"}}, 422, "settings.size"),
        ({"backtest": run.public_id, "kind": "CHALLENGE", "settings": {"size": 1e300}}, 400, None),
        ({"backtest": run.public_id, "kind": "MONTE_CARLO", "settings": {"method": []}}, 422, "settings.method"),
    ):
        answer = post(client, "studies", body)
        assert (answer.status_code, answer.json().get("field")) == (status, field), (body, answer.json())


def test_rule_packs_and_the_catalogue_are_listed(scene):
    client, _ = scene
    packs = {one["id"]: one for one in client.get("/api/v1/rule-packs").json()["results"]}
    assert packs["ftmo_2step"]["is_complete"]
    assert packs["ftmo_2step"]["sources"]
    assert packs["e8_signature"]["gaps"]
    strategies = {one["name"]: one for one in client.get("/api/v1/catalogue").json()["results"]}
    assert len(strategies) >= 14
    assert strategies["RSIStrategy"]["parameters"]
