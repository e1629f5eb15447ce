"""A broker changes a symbol: told, held against what was accepted, and nothing is approved in it before a person has seen it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.selectors import tell_connection_loss
from apps.accounts.services import change_account
from apps.common.clock import read_at
from apps.common.errors import Conflict
from apps.common.models import OutboxEvent
from apps.executors.services.leases import take_lease
from apps.gateway.services.greeting import greet
from apps.gateway.services.symbols import take_symbols
from apps.market.models import SymbolCertificate, SymbolSpecification
from apps.market.services import accept_specification, store_specifications
from apps.risk.models import RiskEvent
from apps.strategies.services import change_strategy
from tests.fleet import hello, make_account, make_executor, make_strategy, symbol_spec
from tests.world import browser
from trading.protocol import SymbolProbe, SymbolsMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(world):
    return make_account(world.team)


@pytest.fixture
def executor(account):
    return make_executor(account, online=True)


def probe(**more: Any) -> SymbolProbe:
    given: dict[str, Any] = {
        "symbol": "EURUSD",
        "margin_mode": "HEDGING",
        "trade_allowed": True,
        "clock_skew_ms": 12,
        "filling": "IOC",
        "check_retcode": 0,
        "history": {"M1": 500},
        "history_wanted": {"M1": 200},
    }
    return SymbolProbe(**{**given, **more})


def told(account, **more: Any) -> SymbolSpecification:
    store_specifications(account=account, specs=[symbol_spec(**more)], at=read_at())
    return SymbolSpecification.objects.get(account=account, symbol="EURUSD")


def test_what_is_told_first_is_accepted(account):
    row = told(account)
    assert (row.drift, row.accepted) == ({}, row.document)


@pytest.mark.parametrize(
    "change",
    [
        {"volume_step": Decimal("0.10"), "volume_min": Decimal("0.10")},
        {"stops_level_points": 50},
        {"freeze_level_points": 20},
        {"contract_size": Decimal(10_000)},
        {"filling_mode": 2},
        {"broker_symbol": "EURUSD.r"},
        {"tick_value_loss": Decimal("1.01")},
    ],
    ids=str,
)
def test_a_change_stands_until_a_person_has_seen_it_also_where_it_is_taken_back(account, change):
    told(account)
    assert set(told(account, **change).drift) == set(change)
    assert set(told(account).drift) == set(change)

    accept_specification(account=account, symbol="EURUSD", actor="alice", at=read_at())
    row = told(account)
    assert (row.drift, row.accepted_by) == ({}, "alice")


@pytest.mark.parametrize("change", [{"trade_mode": 3}, {"margin_per_lot": Decimal(1000)}], ids=str)
def test_what_the_session_or_the_rates_move_is_no_change_of_the_contract(account, change):
    told(account)
    assert told(account, **change).drift == {}


def test_a_tick_value_in_another_currency_may_follow_the_rate_from_day_to_day_but_not_jump(world):
    account = make_account(world.team, mode="PERSONAL")
    yen = {"currency_profit": "JPY", "tick_value": Decimal("0.67"), "tick_value_loss": Decimal("0.67")}
    told(account, **yen)
    for day, value in enumerate(("0.70", "0.74", "0.78"), start=1):
        spec = symbol_spec(**{**yen, "tick_value": Decimal(value), "tick_value_loss": Decimal(value)})
        store_specifications(account=account, specs=[spec], at=read_at() + timedelta(days=day))
    row = SymbolSpecification.objects.get(account=account)
    assert row.drift == {}

    assert "tick_value_loss" in told(account, **{**yen, "tick_value_loss": Decimal("7.8")}).drift


def test_a_simulated_market_may_play_months_in_a_minute(account):
    yen = {"currency_profit": "JPY", "tick_value": Decimal("0.67"), "tick_value_loss": Decimal("0.67")}
    told(account, **yen)
    assert told(account, **{**yen, "tick_value_loss": Decimal("0.90")}).drift == {}


def test_a_change_is_one_critical_event_however_often_it_is_told(account, executor):
    for spec in (symbol_spec(), symbol_spec(volume_step=Decimal("0.05")), symbol_spec(volume_step=Decimal("0.05"))):
        take_symbols(executor=executor, message=SymbolsMessage(symbols=[spec]), at=read_at())

    events = RiskEvent.objects.filter(account=account, event_type="SPEC_CHANGED")
    assert [(event.severity, event.metrics["symbol"]) for event in events] == [("CRITICAL", "EURUSD")]
    assert OutboxEvent.objects.filter(kind="symbol.drifted").count() == 1


def test_the_certificate_says_what_was_tried_and_stays_with_later_specifications(account, executor):
    take_symbols(
        executor=executor, message=SymbolsMessage(symbols=[symbol_spec(loss_per_lot_check=Decimal(1000))], probes=[probe()]), at=read_at()
    )  # fmt: skip
    told(account, loss_per_lot_check=Decimal(1000))
    certificate = SymbolCertificate.objects.get(account=account)
    assert certificate.result == "PASS", certificate.checks
    assert {check["name"] for check in certificate.checks} == {
        "symbol_map", "trade_mode", "volume", "levels", "tick_value", "margin_mode", "filling", "algo_trading", "clock", "history",
    }  # fmt: skip


def test_a_failed_certificate_refuses_activation_by_name(world, account, executor):
    from apps.assignments.services import activate

    message = SymbolsMessage(symbols=[symbol_spec(loss_per_lot_check=Decimal(2000))], probes=[probe()])
    take_symbols(executor=executor, message=message, at=read_at())
    strategy = make_strategy(world.team)
    with pytest.raises(Conflict) as refusal:
        activate(strategy=strategy, references=[executor.code], actor="alice", at=read_at())
    assert refusal.value.code == "PREFLIGHT_FAILED"
    assert OutboxEvent.objects.filter(kind="certificate.failed").count() == 1


def test_a_failed_certificate_refuses_to_move_a_strategy_to_that_symbol_but_no_other_update(world, account, executor):
    from apps.assignments.services import activate, update

    strategy = make_strategy(world.team)
    (row,) = activate(strategy=strategy, references=[executor.code], actor="alice", at=read_at())
    wrong = [symbol_spec(name=name, loss_per_lot_check=Decimal(2000)) for name in ("EURUSD", "GBPUSD")]
    take_symbols(executor=executor, message=SymbolsMessage(symbols=wrong), at=read_at())

    update(assignment_ids=[row.pk], actor="alice", at=read_at(), overrides={"maxOpenTrades": 1})
    change_strategy(strategy_id=strategy.pk, actor="alice", changes={"symbol": "GBPUSD"})
    with pytest.raises(Conflict) as refusal:
        update(assignment_ids=[row.pk], actor="alice", at=read_at())
    assert refusal.value.code == "PREFLIGHT_FAILED"


def test_a_netting_account_takes_one_strategy_a_symbol(world):
    from apps.assignments.services import activate

    account = make_account(world.team, margin_mode="NETTING")
    executor = make_executor(account, online=True)
    activate(strategy=make_strategy(world.team), references=[executor.code], actor="alice", at=read_at())
    second = make_strategy(world.team, name="Another")
    with pytest.raises(Conflict) as refusal:
        activate(strategy=second, references=[executor.code], actor="alice", at=read_at())
    assert refusal.value.code == "NETTING_SYMBOL_TAKEN"

    other = make_strategy(world.team, name="Elsewhere", symbol="GBPUSD")
    assert activate(strategy=other, references=[executor.code], actor="alice", at=read_at())


def test_over_rest_the_change_is_shown_seen_and_gone(world, account, executor):
    told(account)
    told(account, volume_step=Decimal("0.05"))
    alice = browser(world.alice)
    where = f"/api/v1/symbols/EURUSD?account_id={account.code}"
    assert alice.get(where).json()["unseen_changes"] == {"volume_step": ["0.01", "0.05"]}

    seen = alice.post(f"/api/v1/symbols/EURUSD/accept?account_id={account.code}")
    assert (seen.status_code, seen.json()["unseen_changes"]) == (200, {})
    assert alice.get(f"/api/v1/certificates?account_id={account.code}").json()["count"] == 1


def test_preflight_says_before_the_start_what_was_found_and_what_a_lost_connection_means(world, account, executor):
    take_lease(executor=executor, instance_id="one", at=read_at())
    strategy = make_strategy(world.team)
    told(account)
    told(account, stops_level_points=50)
    answer = browser(world.alice).get(f"/api/v1/strategies/{strategy.slug}/preflight?executors={executor.code}")
    row = answer.json()["results"][0]

    assert row["may_start"] is True
    assert "SPEC_CHANGED" in {check["code"] for check in row["checks"]}
    assert row["connection_loss"] == "HOLD"
    assert "positions stay with their stops" in row["connection_loss_words"]


def test_what_a_lost_connection_does_is_said_in_words_with_its_time(world):
    account = make_account(world.team, connection_loss="FLATTEN", connection_loss_after_s=60)
    words = tell_connection_loss(account)
    assert "after 75 s the agent closes every position of ours by itself" in words
    assert "at once where the account's day ends within ten minutes" in words

    executor = make_executor(account, online=True)
    strategy = make_strategy(world.team)
    page = browser(world.alice).post(
        f"/strategies/{strategy.slug}/activate", {"executors": [executor.code], "do": "check"}
    )
    assert "after 75 s the agent closes every position" in page.content.decode()


@pytest.mark.parametrize(("mode", "budget"), [("PAPER", 0), ("PROP_FIRM", 2000), ("PERSONAL", 2000)])
def test_only_real_accounts_begin_with_a_budget_of_requests(world, mode, budget):
    assert make_account(world.team, mode=mode).request_budget == budget


def test_the_welcome_carries_the_rule_and_the_budget(world, account, executor):
    change_account(
        account_id=account.pk, actor="alice", changes={"connection_loss": "FLATTEN", "connection_loss_after_s": 90, "request_budget": 500}
    )  # fmt: skip
    executor.account.refresh_from_db()
    welcome = greet(executor=executor, hello=hello(account), at=read_at())
    assert (welcome.connection_loss, welcome.connection_loss_after_s, welcome.request_budget) == ("FLATTEN", 90, 500)
