"""The pages of backtests: one click, the result, studies, comparing; with real results of a small market."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.backtests.models import Run, Study
from apps.backtests.services import studying
from tests import lab
from tests.world import browser


@pytest.fixture(autouse=True)
def _own_files(settings, tmp_path):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}},
    }


@pytest.fixture
def scene(world):
    account, strategy = lab.make_lab(world.team, 400)
    return world, account, strategy


def ask_and_work(world, strategy, **more):
    run = lab.ask(world.team, strategy, **more)
    lab.work_off()
    return Run.objects.select_related("team").get(pk=run.pk)


def read(answer):
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def test_one_click_on_the_strategy_leads_to_the_result(scene):
    world, _, strategy = scene
    tom = browser(world.tom)
    assert 'name="quick"' in read(tom.get(f"/strategies/{strategy.slug}"))

    answer = tom.post(f"/strategies/{strategy.slug}/backtest", {"quick": "1"})
    path = answer["Location"]
    waiting = read(tom.get(path))
    assert "Waiting for a compute worker" in waiting
    assert 'hx-trigger="live from:body"' in waiting

    lab.work_off()
    fragment = tom.get(path, headers={"HX-Request": "true"})
    assert fragment["HX-Refresh"] == "true"
    page = read(tom.get(path))
    for part in (
        "Net return",
        "Largest drawdown",
        "By month",
        "Opposite signal",
        "How it was computed",
        "As recorded"[1:],
    ):
        assert part in page, part
    assert "live from:body" not in page, "what is done is not looked at again and again"
    assert "no interval" in page or " to " in page
    assert read(tom.get(f"/strategies/{strategy.slug}")).count(path) == 1


def test_a_viewer_reads_and_may_not_ask_cancel_or_delete(scene):
    world, _, strategy = scene
    run = ask_and_work(world, strategy)
    bob = browser(world.bob)
    assert "Delete" not in read(bob.get(f"/backtests/{run.public_id}"))
    for path in (
        f"/strategies/{strategy.slug}/backtest",
        f"/backtests/{run.public_id}/delete",
        f"/backtests/{run.public_id}/studies/challenge",
    ):
        assert bob.post(path, {"quick": "1"}).status_code == 403, path


def test_a_result_page_is_strict_and_costs_few_questions(scene):
    world, _, strategy = scene
    run = ask_and_work(world, strategy)
    alice = browser(world.alice)
    alice.get("/")
    for path, most in (
        (f"/backtests/{run.public_id}", 9),
        (f"/backtests/{run.public_id}/equity.json", 5),
        (f"/backtests/{run.public_id}/candles.json", 5),
    ):
        with CaptureQueriesContext(connection) as queries:
            page = read(alice.get(path))
        assert len(queries) <= most, (path, len(queries))
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page), path
    assert len(page) < 200_000


def test_figures_are_the_results_own(scene):
    world, _, strategy = scene
    run = ask_and_work(world, strategy)
    alice = browser(world.alice)
    equity = json.loads(read(alice.get(f"/backtests/{run.public_id}/equity.json")))
    assert equity["points"][-1][1] == pytest.approx(run.headline["final_balance"], abs=0.01)
    candles = json.loads(read(alice.get(f"/backtests/{run.public_id}/candles.json")))
    assert (len(candles["bars"]), candles["total"]) == (400, 400)
    assert len(candles["trades"]) == run.headline["trades"]
    for nonsense in ("-5", "abc", "9" * 40, "%C2%B2"):
        assert alice.get(f"/backtests/{run.public_id}/candles.json?around={nonsense}").status_code == 200


def test_other_bars_and_costs_are_chosen_with_the_form_and_mistakes_stay_at_their_field(scene):
    world, account, strategy = scene
    tom, path = browser(world.tom), f"/strategies/{strategy.slug}/backtest"
    bars = f"{account.public_id}|M1"
    assert bars in read(tom.get(path))

    refused = tom.post(path, {"bars": bars, "spread_pips": "-1", "since": "2026-02-01", "until": "2026-01-01"})
    assert refused.status_code == 422
    assert "must be after" in refused.content.decode()
    late = tom.post(path, {"bars": bars, "since": "2030-01-01"})
    assert (late.status_code, "no bars" in late.content.decode().lower()) == (422, True)

    made = tom.post(path, {"bars": bars, "spread_pips": "2.5", "balance": "5000", "pessimistic": "on"})
    assert made.status_code == 302
    run = Run.objects.get()
    assert (run.costs["spread_pips"], run.balance, run.pessimistic) == ("2.5", 5000, True)


def test_cancel_try_again_and_delete(scene):
    world, _, strategy = scene
    run, tom = lab.ask(world.team, strategy), browser(world.tom)
    tom.post(f"/backtests/{run.public_id}/cancel")
    assert "Cancelled" in read(tom.get(f"/backtests/{run.public_id}"))
    tom.post(f"/backtests/{run.public_id}/retry")
    lab.work_off()
    assert "Net return" in read(tom.get(f"/backtests/{run.public_id}"))
    assert tom.post(f"/backtests/{run.public_id}/delete")["Location"] == "/backtests"
    assert tom.get(f"/backtests/{run.public_id}").status_code == 404


def test_results_are_compared_side_by_side(scene):
    world, _, strategy = scene
    runs = [ask_and_work(world, strategy, costs={"spread_pips": text}) for text in ("0.5", "3")]
    page = read(browser(world.bob).get("/backtests/compare?" + "&".join(f"run={one.public_id}" for one in runs)))
    assert "0.5 pips" in page
    assert "3 pips" in page
    assert page.count("data-line=") == 2
    stranger = browser(world.charlie).get(f"/backtests/compare?run={runs[0].public_id}")
    assert stranger.status_code == 404


def test_a_challenge_is_asked_for_read_and_shown_before_activation(scene):
    world, _, strategy = scene
    run, tom = ask_and_work(world, strategy), browser(world.tom)
    path = f"/backtests/{run.public_id}/studies/challenge"
    assert "FTMO" in read(tom.get(path))
    assert tom.post(path, {"pack": "ftmo_2step", "by": "day", "days": "5", "size": "0"}).status_code == 422

    studying.ask_study(run=run, actor=lab.ACTOR, kind="CHALLENGE", settings={"paths": 50, "days": 5})
    lab.work_off()
    study = Study.objects.get()
    page = read(tom.get(f"/studies/{study.public_id}"))
    for part in ("Chance to pass", "Day by day", "Where the rules were read", "Daily floor", "Nearest to the"):
        assert part in page, part
    assert "Chance to pass" in read(tom.get(f"/strategies/{strategy.slug}/activate"))
    assert "FTMO" in read(tom.get(f"/strategies/{strategy.slug}"))


def test_a_sweep_is_written_in_the_form_and_read_as_a_surface(scene):
    world, _, strategy = scene
    run, tom = ask_and_work(world, strategy), browser(world.tom)
    path = f"/backtests/{run.public_id}/studies/sweep"
    fields = {
        "path_1": "entry.indicators.0.period", "from_1": "2", "to_1": "4", "step_1": "",
        "path_2": "entry.indicators.1.period", "from_2": "6", "to_2": "8", "step_2": "2",
        "objective": "net_profit", "min_trades": "1",
    }  # fmt: skip
    assert "now 3" in read(tom.get(path))
    assert tom.post(path, {**fields, "to_1": ""}).status_code == 422
    answer = tom.post(path, fields)
    assert answer.status_code == 302, answer.content
    lab.work_off()
    page = read(tom.get(answer["Location"]))
    assert "How much of it is luck" in page
    assert page.count('class="best"') >= 1
    assert "first period" in page


@pytest.mark.parametrize("kind", ["walk_forward", "monte_carlo", "optuna"])
def test_every_other_study_has_its_page(scene, kind):
    world, _, strategy = scene
    run, tom = ask_and_work(world, strategy), browser(world.tom)
    space = {"parameters": {"exit.stopLoss": {"from": 8, "to": 12, "step": 2}}, "min_trades": 0}
    settings = {
        "walk_forward": {**space, "train_days": 0.12, "test_days": 0.06},
        "monte_carlo": {"paths": 60},
        "optuna": {**space, "count": 16},
    }[kind]
    assert tom.get(f"/backtests/{run.public_id}/studies/{kind}").status_code == 200
    study = studying.ask_study(run=run, actor=lab.ACTOR, kind=kind.upper(), settings=settings)
    assert "Waiting for a compute worker" in read(tom.get(f"/studies/{study.public_id}"))
    lab.work_off()
    study.refresh_from_db()
    assert study.status == "DONE", study.problem
    page = read(tom.get(f"/studies/{study.public_id}"))
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert browser(world.charlie).get(f"/studies/{study.public_id}").status_code == 404


def test_a_search_by_an_unknown_kind_is_not_there(scene):
    world, _, strategy = scene
    run = ask_and_work(world, strategy)
    assert browser(world.tom).get(f"/backtests/{run.public_id}/studies/horoscope").status_code == 404
