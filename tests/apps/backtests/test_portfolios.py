"""Several finished backtests on one account."""

from __future__ import annotations

from itertools import pairwise

import pytest

from apps.backtests.models import Run, Study
from apps.backtests.services.bars import load_run_bars
from apps.backtests.services.studying import ask_study
from apps.backtests.services.terms import build_costs
from apps.common.errors import Impossible
from tests import lab
from tests.datasets import make_dataset
from tests.fleet import make_strategy
from tests.unit.trading.making import cross_rules, random_bars
from tests.world import api_client, browser, make_key
from trading.backtest.portfolio import Leg, run_portfolio
from trading.model.instrument import Instrument


@pytest.fixture
def runs(world):
    make_dataset(world.team, name="EURUSD", symbol="EURUSD", bars=random_bars(1, 500))
    make_dataset(world.team, name="GBPUSD", symbol="GBPUSD", bars=random_bars(2, 500))
    for symbol in ("EURUSD", "GBPUSD"):
        rules = cross_rules(risk={"lotSize": 2, "maxOpenTrades": 1})
        lab.ask(world.team, make_strategy(world.team, name=f"Cross {symbol}", symbol=symbol, rules=rules))
    lab.work_off()
    found = list(Run.objects.select_related("team").order_by("created_at"))
    assert [run.status for run in found] == ["DONE", "DONE"]
    return found


def ask(runs, **settings):
    given = {"with": [runs[1].public_id], **settings}
    return ask_study(run=runs[0], actor="test", kind="PORTFOLIO", settings=given)


def make_leg(run):
    costs, instrument = build_costs(run.costs), Instrument.from_dict(run.instrument)
    return Leg(name=run.name, bars=load_run_bars(run).bars, document=run.document, instrument=instrument, costs=costs)


def test_all_trade_on_one_account_as_the_engine_says(runs):
    study = ask(runs)
    lab.work_off()

    study.refresh_from_db()
    assert (study.status, study.problem) == ("DONE", None)
    expected = run_portfolio([make_leg(run) for run in runs], runs[0].balance)
    legs = study.result["legs"]
    assert study.result["final_balance"] == expected.final_balance
    assert [leg["trades"] for leg in legs] == [len(trades) for trades in expected.trades.values()]
    assert all(leg["trades"] > 3 for leg in legs)
    assert study.result["trade_count"] == len(study.result["trades"]) == sum(leg["trades"] for leg in legs)
    assert {trade["leg"] for trade in study.result["trades"]} == {0, 1}
    assert study.result["final_balance"] == pytest.approx(10_000 + sum(leg["net_profit"] for leg in legs), abs=0.01)
    assert [leg["alone_trades"] for leg in legs] == [run.headline["trades"] for run in runs]


def test_a_limit_of_positions_holds_for_all_together(runs):
    study = ask(runs, positions_max=1)
    lab.work_off()

    study.refresh_from_db()
    spans = sorted((trade["opened_s"], trade["closed_s"]) for trade in study.result["trades"])
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(spans))
    assert study.result["skipped"]["max_open_trades"] > 0


def test_what_cannot_be_beside_is_refused_with_its_reason(runs, world):
    foreign = Run.objects.create(
        **{
            field.name: getattr(runs[1], field.name)
            for field in Run._meta.concrete_fields
            if field.name not in ("id", "team", "strategy", "version")
        },
        team=world.other_team,
    )
    for named in ([foreign.public_id], ["run_x"], [runs[0].public_id], [], "all", [runs[1].public_id] * 2):
        with pytest.raises(Impossible) as refused:
            ask(runs, **{"with": named})
        assert (refused.value.code, refused.value.field) == ("FIELD_INVALID", "settings.with"), named
    Run.objects.filter(pk=runs[1].pk).update(status="FAILED")
    with pytest.raises(Impossible) as refused:
        ask(runs)
    assert refused.value.code == "NOT_DONE"
    assert not Study.objects.exists()


def test_over_the_api_a_portfolio_is_a_study(runs, world):
    client = api_client(make_key(world.alice)[1])
    body = {"backtest": runs[0].public_id, "kind": "PORTFOLIO", "settings": {"with": [runs[1].public_id]}}

    answer = client.post("/api/v1/studies", body, format="json")
    lab.work_off()

    assert answer.status_code == 202, answer.json()
    found = client.get(f"/api/v1/studies/{answer.json()['id']}").json()
    assert found["status"] == "DONE"
    assert len(found["result"]["legs"]) == 2


def test_the_pages_ask_for_it_and_show_it(runs, world):
    tom = browser(world.tom)
    path = f"/backtests/{runs[0].public_id}/studies/portfolio"
    assert "Cross GBPUSD" in tom.get(path).content.decode()
    assert tom.post(path, {"positions_max": ""}).status_code == 422

    answer = tom.post(path, {"others": [runs[1].public_id], "positions_max": "2"})
    assert answer.status_code == 302, answer.content.decode()
    lab.work_off()

    page = tom.get(answer.headers["Location"]).content.decode()
    assert "Equity of the account" in page
    assert "Cross GBPUSD v1" in page
