"""A point of a search becomes a version of the strategy."""

from __future__ import annotations

import pytest

from apps.backtests.models import Run, Study
from apps.backtests.services.saving import save_point
from apps.backtests.services.studying import ask_study
from apps.common.errors import Conflict, Impossible
from apps.strategies.selectors import get_latest_version
from apps.teams.models import AuditEntry
from tests import lab
from tests.world import api_client, browser, make_key

PATH = "exit.stopLoss"
SETTINGS = {"parameters": {PATH: {"choices": [5, 9, 30]}}, "objective": "net_profit", "min_trades": 1}


@pytest.fixture
def study(world):
    _, strategy = lab.make_lab(world.team, 500)
    run = lab.ask(world.team, strategy)
    lab.work_off()
    ask_study(run=Run.objects.select_related("team").get(pk=run.pk), actor="test", kind="SWEEP", settings=SETTINGS)
    lab.work_off()
    found = Study.objects.select_related("run__strategy", "team").get()
    assert found.status == "DONE", found.problem
    return found


def test_the_best_point_becomes_a_new_version_that_trades_nowhere(study):
    best = study.result["top"][0]

    version = save_point(study=study, actor="test")

    assert (version.strategy, version.number) == (study.run.strategy, 2)
    assert version.rules == study.result["document"]
    assert version.rules["exit"]["stopLoss"] == best["point"][PATH]
    assert version.strategy.status != "ACTIVE"
    assert AuditEntry.objects.get(action="study.saved").detail == {"version": version.public_id}


def test_any_other_point_is_kept_by_its_number_and_once_only(study):
    worst = study.trials.order_by("score").first()

    first = save_point(study=study, actor="test", number=worst.number)
    again = save_point(study=study, actor="test", number=worst.number)

    assert first == again
    assert first.rules["exit"]["stopLoss"] == worst.point[PATH]


def test_what_is_no_point_of_it_is_refused(study):
    with pytest.raises(Impossible) as refused:
        save_point(study=study, actor="test", number=999)
    assert (refused.value.code, refused.value.field) == ("NO_POINT", "number")

    Study.objects.update(result={"top": []})
    study.refresh_from_db()
    with pytest.raises(Impossible, match="no best one"):
        save_point(study=study, actor="test")


@pytest.mark.parametrize(
    ("code", "change"),
    [("NOT_DONE", {"status": "RUNNING"}), ("NOT_A_SEARCH", {"kind": "MONTE_CARLO"})],
)
def test_only_a_finished_search_has_points(study, code, change):
    for name, value in change.items():
        setattr(study, name, value)

    with pytest.raises((Conflict, Impossible)) as refused:
        save_point(study=study, actor="test")

    assert refused.value.code == code


def test_rules_that_belong_to_no_strategy_have_no_versions(study):
    study.run.strategy = None

    with pytest.raises(Conflict) as refused:
        save_point(study=study, actor="test")

    assert refused.value.code == "NO_STRATEGY"


def test_a_point_is_kept_over_the_api(study, world):
    client = api_client(make_key(world.alice)[1])

    answer = client.post(f"/api/v1/studies/{study.public_id}/versions", {}, format="json")

    latest = get_latest_version(study.run.strategy_id)
    assert answer.status_code == 201, answer.json()
    assert answer.json() == {
        "strategy_id": latest.strategy.public_id, "version_id": latest.public_id, "version": 2,
    }  # fmt: skip


def test_the_page_has_a_button_for_every_point_that_counts(study, world):
    tom, bob = browser(world.tom), browser(world.bob)
    path = f"/studies/{study.public_id}"
    assert "Keep the best as a new version" in tom.get(path).content.decode()
    assert "Keep the best" not in bob.get(path).content.decode()

    answer = tom.post(f"{path}/save", {"number": str(study.result["top"][0]["number"])})

    assert answer.headers["Location"] == f"/strategies/{study.run.strategy.slug}"
    assert get_latest_version(study.run.strategy_id).number == 2
    assert bob.post(f"{path}/save", {}).status_code == 403
