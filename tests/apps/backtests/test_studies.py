"""Studies: parts taken by one worker each, gathered once, cancelled, taken up again."""

from __future__ import annotations

import pytest

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
