"""Studies: parts taken by one worker each, gathered once, cancelled, taken up again."""

from __future__ import annotations

import pytest

from apps.accounts.selectors import get_pack_version
from apps.accounts.services import clone_pack, publish_version
from apps.backtests.models import Chunk, Run, Study
from apps.backtests.services import leases, studying, working
from apps.common.clock import read_at
from apps.common.errors import Conflict, Impossible
from tests import lab


@pytest.fixture
def run(world):
    _, strategy = lab.make_lab(world.team, 900)
    asked = lab.ask(world.team, strategy)
    lab.work_off()
    return Run.objects.select_related("team").get(pk=asked.pk)


def ask(run, kind="CHALLENGE", **settings):
    return studying.ask_study(run=run, actor=lab.ACTOR, kind=kind, settings=settings)


def test_a_challenge_says_how_the_history_fared_and_the_chance_with_its_interval(run):
    study = ask(run, pack="ftmo_2step", size=100_000, paths=50, days=5)
    assert study.settings["size"] == "100000"
    lab.work_off()

    study.refresh_from_db()
    assert (study.status, study.problem, study.work_done) == ("DONE", None, 1)
    first = study.result["report"]["phases"][0]
    assert first["phase"] == "challenge"
    assert first["status"] in ("PASSED", "FAILED", "UNFINISHED")
    odds = study.result["odds"]["passed"]
    assert 0 <= odds["low"] <= odds["share"] <= odds["high"] <= 1
    assert study.headline["firm"] == "FTMO"
    assert study.result["sources"][0]["url"]


def test_a_challenge_is_held_against_the_teams_own_copy_of_a_pack(run):
    platform = get_pack_version(run.team_id, "ftmo_2step", read_at().date())
    own = clone_pack(version=platform, team=run.team, code="ours", actor="test")
    today = read_at().date()
    harder = {**own.document, "max_loss": {**own.document["max_loss"], "pct": 1}}
    publish_version(document=harder, checked=today, valid_from=today, actor="test", team=run.team)

    studies = [ask(run, pack="ours", paths=50, days=5, **told) for told in ({"version": 1}, {})]
    lab.work_off()

    first, second = (Study.objects.get(pk=study.pk) for study in studies)
    assert [(each.settings["pack"], each.settings["version"]) for each in (first, second)] == [("ours", 1), ("ours", 2)]
    assert first.settings["pack_hash"] == platform.content_hash != second.settings["pack_hash"]
    assert (first.status, second.status) == ("DONE", "DONE")
    floors = [each.result["report"]["phases"][0]["approaches"] for each in (first, second)]
    assert floors[0] != floors[1]


def test_a_challenge_keeps_the_version_it_was_asked_with(run):
    study = ask(run, pack="ftmo_2step", paths=50, days=5)
    version = get_pack_version(run.team_id, "ftmo_2step", read_at().date())
    today = read_at().date()
    publish_version(document={**version.document, "breach_on_touch": True}, checked=today, valid_from=today, actor="x")

    lab.work_off()

    study.refresh_from_db()
    assert (study.status, study.settings["version"], study.settings["pack_version"]) == ("DONE", 1, version.public_id)


def test_another_teams_pack_is_not_there(run, world):
    platform = get_pack_version(run.team_id, "ftmo_2step", read_at().date())
    clone_pack(version=platform, team=world.other_team, code="theirs", actor="test")

    with pytest.raises(Impossible) as refused:
        ask(run, pack="theirs")

    assert (refused.value.code, refused.value.field) == ("PACK_INVALID", "settings.pack")
    assert "ftmo_2step" in refused.value.extra["allowed"]


def test_the_same_seed_gives_the_same_chance(run):
    first, second = (ask(run, paths=50, days=5, seed=3) for _ in range(2))
    lab.work_off()
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.result == second.result


def test_what_cannot_be_studied_is_refused_with_the_setting(run):
    for code, field, kind, settings in (
        ("FIELD_INVALID", "kind", "HOROSCOPE", {}),
        ("PACK_INVALID", "settings.pack", "CHALLENGE", {"pack": "nobodys"}),
        ("PACK_INCOMPLETE", "settings.phases.0.profit_target_pct", "CHALLENGE", {"pack": "e8_signature"}),
        ("PACK_INCOMPLETE", "settings.size", "CHALLENGE", {"pack": "topstep_combine", "size": 12_345}),
        ("FIELD_INVALID", "settings.paths", "CHALLENGE", {"paths": 10**7}),
        ("FIELD_INVALID", "settings.days", "CHALLENGE", {"days": 2.5}),
        ("FIELD_INVALID", "settings.luck", "CHALLENGE", {"luck": 1}),
    ):
        with pytest.raises(Impossible) as refused:
            ask(run, kind, **settings)
        assert (refused.value.code, refused.value.field) == (code, field)
    assert not Study.objects.exists()


def test_a_study_needs_a_result(run):
    Run.objects.update(status="RUNNING")
    run.refresh_from_db()
    with pytest.raises(Conflict) as refused:
        ask(run)
    assert refused.value.code == "NOT_DONE"


def test_a_killed_workers_part_is_taken_over_and_written_once(run):
    study = ask(run, paths=50, days=5)
    dead = leases.claim(Chunk.objects.filter(is_ready=True).select_related("study__run"), read_at())
    assert lab.work_off() == 0, "its lease is in force"
    lab.let_lease_run_out(dead)
    assert lab.work_off() == 1

    with pytest.raises(leases.LeaseLost):
        working.compute_chunk(dead, lambda progress: None)
    study.refresh_from_db()
    assert (study.status, study.work_done) == ("DONE", 1)


def test_a_cancelled_study_keeps_nothing_of_the_worker_that_had_it_and_can_be_taken_up(run):
    study = ask(run, paths=50, days=5)
    held = leases.claim(Chunk.objects.filter(is_ready=True).select_related("study__run"), read_at())
    studying.cancel_study(study=study, actor=lab.ACTOR, at=read_at())
    with pytest.raises(leases.LeaseLost):
        working.compute_chunk(held, lambda progress: None)
    study.refresh_from_db()
    assert (study.status, study.result) == ("CANCELLED", {})

    studying.resume_study(study=study, actor=lab.ACTOR)
    lab.work_off()
    study.refresh_from_db()
    assert study.status == "DONE"
    with pytest.raises(Conflict):
        studying.resume_study(study=study, actor=lab.ACTOR)


def test_a_part_that_cannot_be_computed_ends_the_study_with_its_reason(run):
    from django.core.files.storage import default_storage

    study = ask(run, paths=50, days=5)
    default_storage.delete(run.data_file)
    lab.work_off()
    study.refresh_from_db()
    assert study.status == "FAILED"
    assert study.problem["code"] == "INTERNAL"


SPACE = {
    "parameters": {
        "entry.indicators.0.period": {"from": 2, "to": 6},
        "entry.indicators.1.period": {"from": 5, "to": 11, "step": 3},
    },
    "constraints": [{"left": "entry.indicators.0.period", "is": "<", "right": "entry.indicators.1.period"}],
    "min_trades": 1,
}


def test_a_sweep_tries_every_point_once_and_doubts_its_best(run):
    study = ask(run, "SWEEP", **SPACE)
    assert study.work_total == 13, "15 points, two of which break the constraint"
    lab.work_off()

    study.refresh_from_db()
    assert (study.status, study.problem) == ("DONE", None)
    assert list(study.trials.order_by("number").values_list("number", flat=True)).__len__() == 13
    result = study.result
    assert result["tried"] == 13
    assert sum(result["skipped"].values()) == 2
    scores = [one["score"] for one in result["top"]]
    assert scores == sorted(scores, reverse=True)
    assert result["warnings"], "thirteen tries on a random walk prove nothing, and that is said"
    surface = result["surface"]
    assert (len(surface["x_values"]), len(surface["y_values"])) == (5, 3)
    assert max(score for row in surface["cells"] for score in row if score is not None) == scores[0]


def test_a_point_of_a_sweep_equals_the_backtest_of_its_document(run, world):
    study = ask(run, "SWEEP", **SPACE)
    lab.work_off()
    study.refresh_from_db()
    best = study.result["top"][0]
    again = lab.ask(world.team, run.strategy, rules=study.result["document"], costs=run.costs)
    lab.work_off()
    again.refresh_from_db()
    assert again.headline["trades"] == best["values"]["trades"]
    assert again.headline["final_balance"] == best["values"]["final_balance"]


def test_a_sweep_taken_up_again_keeps_what_is_done_and_ends_with_the_same(run, monkeypatch):
    from apps.backtests import search_plans

    whole = ask(run, "SWEEP", **SPACE)
    lab.work_off()
    monkeypatch.setattr(search_plans, "BARS_A_PART", 4 * 900)
    study = ask(run, "SWEEP", **SPACE)
    assert study.chunks.filter(stage="WORK").count() == 4
    lab.work_off(2)
    studying.cancel_study(study=study, actor=lab.ACTOR, at=read_at())
    assert study.trials.count() == 8
    assert lab.work_off() == 0

    studying.resume_study(study=study, actor=lab.ACTOR)
    assert lab.work_off() == 3, "two parts were left, and the gathering"
    study.refresh_from_db()
    whole.refresh_from_db()
    assert study.work_done == 13
    assert study.result["top"] == whole.result["top"]


def test_a_search_by_suggestions_is_repeatable_round_by_round(run):
    first, second = (ask(run, "OPTUNA", **SPACE, count=16) for _ in range(2))
    lab.work_off()
    points = [list(one.trials.order_by("number").values_list("number", "score")) for one in (first, second)]
    assert points[0] == points[1]
    assert 10 <= len(points[0]) <= 16


def test_a_walk_forward_chooses_on_one_stretch_and_trades_the_next(run):
    study = ask(run, "WALK_FORWARD", **SPACE, train_days=0.3, test_days=0.1)
    lab.work_off()
    study.refresh_from_db()
    assert (study.status, study.problem) == ("DONE", None)
    windows = study.result["windows"]
    assert len(windows) == study.work_total >= 2
    for window in windows:
        assert window["train_to"] <= window["test_from"], "nothing was chosen on what it was tested on"
    assert study.result["equity"]["at"]
    assert study.result["stability"]


def test_monte_carlo_says_how_deep_other_orders_would_have_fallen(run):
    study = ask(run, "MONTE_CARLO", paths=200, method="shuffle")
    lab.work_off()
    study.refresh_from_db()
    falls = study.result["max_drawdown_fraction"]
    assert falls["5"] <= falls["50"] <= falls["95"]
    assert 0 <= study.headline["ruin"]["low"] <= study.headline["ruin"]["high"] <= 1


def test_a_sweep_of_a_million_points_is_answered_clearly(run):
    wide = {"from": 2, "to": 101}
    space = {"entry.indicators.0.period": wide, "entry.indicators.1.period": wide, "exit.stopLoss": wide}
    with pytest.raises(Impossible) as refused:
        ask(run, "SWEEP", parameters=space)
    assert "1,000,000 points are too many" in refused.value.message
    assert refused.value.field == "settings.parameters"
    with pytest.raises(Impossible) as refused:
        ask(run, "SWEEP", parameters={"exit.stopLos": {"from": 1, "to": 2}})
    assert refused.value.field == "settings.parameters.exit.stopLos"


def test_as_many_studies_wait_as_the_tier_allows(run):
    type(run.team).objects.filter(pk=run.team_id).update(tier="FREE")
    run.team.refresh_from_db()
    ask(run, paths=50, days=5)
    with pytest.raises(Conflict) as refused:
        ask(run, paths=50, days=5)
    assert refused.value.extra == {"open": 1, "limit": 1}
