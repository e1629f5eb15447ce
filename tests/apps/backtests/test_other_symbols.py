"""Strategies that look at several symbols, tested from every door."""

from __future__ import annotations

import pytest

from apps.backtests.models import Run, Study
from apps.backtests.services.bars import load_run_bars
from apps.backtests.services.studying import ask_study
from apps.backtests.services.terms import build_costs
from apps.common.errors import Conflict, Impossible
from apps.market.datasets.store import delete_dataset
from tests import lab
from tests.datasets import make_dataset
from tests.fleet import make_account, make_strategy
from tests.unit.trading.making import random_bars
from tests.world import api_client, browser, make_key
from trading.backtest.run import run
from trading.model.instrument import Instrument
from trading.strategies.catalogue import get_spec

PARAMETERS = {"other_symbol": "EURUSD.b", "min_profit_threshold": 0.0002}
CONTENT = {
    "symbol": "EURUSD",
    "timeframe": "M1",
    "rules": get_spec("CrossMarketArbitrageStrategy").document(PARAMETERS),
}


def keep(team, symbol, seed):
    return make_dataset(team, name=f"{symbol} of {seed}", symbol=symbol, bars=random_bars(seed, 600))[0]


@pytest.fixture
def scene(world):
    own, other = keep(world.team, "EURUSD", 1), keep(world.team, "EURUSD.b", 2)
    return world, make_strategy(world.team, name="Two venues", **CONTENT), own, other


@pytest.fixture
def client(scene):
    return api_client(make_key(scene[0].alice)[1])


def post(client, body):
    return client.post("/api/v1/backtests", body, format="json")


def test_one_click_takes_the_bars_of_every_symbol_and_trades_as_the_engine_does(scene):
    world, strategy, _, other = scene
    asked = lab.ask(world.team, strategy)

    lab.work_off()

    done = Run.objects.get(pk=asked.pk)
    assert (done.status, done.problem) == ("DONE", None)
    assert [(row.symbol, row.dataset) for row in done.beside.all()] == [("EURUSD.b", other)]
    costs, loaded = build_costs(done.costs), load_run_bars(done)
    others = {"EURUSD.b": random_bars(2, 600)}
    expected = run(
        loaded.bars, done.document, Instrument.from_dict(done.instrument), costs, done.balance, others=others
    )
    assert done.headline["trades"] == len(expected.trades) > 3
    assert done.headline["final_balance"] == expected.final_balance


def test_bars_of_another_symbol_stay_as_they_were_used(scene):
    world, strategy, _, other = scene
    lab.ask(world.team, strategy)
    lab.work_off()

    with pytest.raises(Conflict) as refused:
        delete_dataset(dataset_id=other.pk, actor="test")

    assert refused.value.code == "DATASET_IN_USE"
    loaded = load_run_bars(Run.objects.get())
    kept, whole = loaded.others["EURUSD.b"], random_bars(2, 600)
    assert kept.close.tolist() == whole.close[: len(kept)].tolist()
    assert kept.time[-1] <= loaded.bars.time[-1] < whole.time[len(kept)]


def test_other_bars_of_the_other_symbol_are_another_result(scene):
    world, strategy, _, other = scene
    third = keep(world.team, "EURUSD.b", 3)
    first = lab.ask(world.team, strategy, others={"EURUSD.b": other})
    second = lab.ask(world.team, strategy, others={"EURUSD.b": third})
    lab.work_off()

    first.refresh_from_db()
    second.refresh_from_db()
    assert second.reused_from is None
    assert first.result_key != second.result_key


def test_stored_bars_of_the_same_account_come_first(world):
    account = make_account(world.team, code="lab-1", name="Lab")
    lab.store_random_bars(account, seed=1)
    lab.store_random_bars(account, symbol="EURUSD.b", seed=2)
    strategy = make_strategy(world.team, name="Two venues", **CONTENT)

    asked = lab.ask(world.team, strategy)

    assert [(row.account, row.dataset) for row in asked.beside.all()] == [(account, None)]
    lab.work_off()
    assert Run.objects.get().status == "DONE"


def test_a_symbol_without_bars_is_said_at_once(world):
    keep(world.team, "EURUSD", 1)
    strategy = make_strategy(world.team, name="Two venues", **CONTENT)

    with pytest.raises(Impossible) as refused:
        lab.ask(world.team, strategy)

    assert (refused.value.code, refused.value.field) == ("NO_BARS", "others.EURUSD.b")
    assert not Run.objects.exists()


def test_over_the_api_a_dataset_is_named_for_each_symbol(scene, client):
    _, strategy, own, other = scene
    body = {"strategy": strategy.slug, "dataset": own.handle, "others": {"EURUSD.b": other.handle}}

    answer = post(client, body)

    assert answer.status_code == 202, answer.json()
    assert answer.json()["others"] == [
        {"symbol": "EURUSD.b", "dataset_id": other.public_id, "account_id": None, "bars_timeframe": "M1"}
    ]


def test_what_cannot_be_beside_is_refused_with_what_can(scene, client):
    world, strategy, own, _ = scene
    body = {"strategy": strategy.slug}

    unknown = post(client, {**body, "others": {"GBPUSD": own.handle}})
    wrong = post(client, {**body, "others": {"EURUSD.b": own.handle}})
    foreign = keep(world.other_team, "EURUSD.b", 9)

    assert (unknown.status_code, unknown.json()["field"]) == (422, "others.GBPUSD")
    assert unknown.json()["extra"]["allowed"] == ["EURUSD.b"]
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["field"]) == (422, "NO_BARS", "others.EURUSD.b")
    assert post(client, {**body, "others": {"EURUSD.b": foreign.public_id}}).status_code == 404


def test_a_sweep_of_it_runs_on_the_same_bars(scene):
    world, strategy, *_ = scene
    asked = lab.ask(world.team, strategy)
    lab.work_off()
    asked.refresh_from_db()
    settings = {"parameters": {"entry.parameters.min_profit_threshold": {"choices": [0.0002, 0.0004]}}}

    ask_study(run=asked, actor="test", kind="SWEEP", settings=settings)
    lab.work_off()

    study = Study.objects.get()
    assert study.status == "DONE", study.problem
    found = {trial.point["entry.parameters.min_profit_threshold"]: trial.values for trial in study.trials.all()}
    assert found[0.0002]["trades"] == asked.headline["trades"]


def test_the_form_has_a_field_for_every_symbol(scene):
    world, strategy, own, other = scene
    tom = browser(world.tom)
    path = f"/strategies/{strategy.slug}/backtest"
    page = tom.get(path).content.decode()
    assert "Bars of EURUSD.b" in page

    bars = f"{own.public_id}|M1"
    answer = tom.post(path, {"bars": bars, "beside_0": other.public_id})

    assert answer.status_code == 302, answer.content.decode()
    assert Run.objects.get().beside.get().dataset == other
