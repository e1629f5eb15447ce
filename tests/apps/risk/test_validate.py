"""`risk/validate`: the same judge, Mikrobot's shape, and no trace of having been asked."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AccountRisk, TradingDay
from apps.common.models import OutboxEvent
from apps.risk.models import Approval, Decision, RiskEvent
from tests.risk import MARKET_AT, make_desk, shown, store_quote
from tests.world import api_client, browser, make_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/risk/validate"
ASKED = {"symbol": "EURUSD", "action": "BUY", "volume": 0.01, "stop_loss_pips": 10, "entry_price": 1.1}


@pytest.fixture
def client(world, desk):
    return api_client(make_key(world.alice, ["risk:read"], account_id=desk.account.pk)[1])


def ask(client, **changes):
    body = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
    return client.post(URL, json.dumps(body), content_type="application/json")


def test_the_specs_example_computed_instead_of_echoed(client):
    answer = ask(client).json()

    assert (answer["success"], answer["errors"]) == (True, [])
    data = answer["data"]
    assert (data["risk_valid"], data["position_size_valid"], data["ftmo_compliant"]) == (True, True, True)
    assert (data["correlation_check"], data["warnings"], data["reason_code"]) == ("PASS", [], "APPROVED")
    assert data["risk_metrics"] == {"estimated_loss": 1, "account_impact": 0.00001, "total_exposure": 1100}
    assert data["risk_percentage"] == 0.00001


def test_the_answer_is_what_an_approval_would_say(desk, client):
    for changes in ({}, {"volume": 9}, {"stop_loss_pips": 600}, {"take_profit": 1.0}):
        opinion = ask(client, **changes).json()["data"]
        pips = changes.get("stop_loss_pips", 10)
        verdict = desk.ask(
            requested_lots=changes.get("volume", 0.01), stop_loss=round(1.1 - pips * 0.0001, 5),
            **{name: value for name, value in changes.items() if name == "take_profit"},
        )  # fmt: skip
        assert (opinion["risk_valid"], opinion["reason_code"]) == (verdict["approved"], verdict["reason_code"])
        assert opinion["adjusted_volume"] == verdict["adjusted_lots"]
        assert [check["check"] for check in opinion["checks"]] == [check["check"] for check in verdict["checks"]]


def test_asking_leaves_no_trace_even_where_a_day_has_ended(desk, client):
    desk.ask()
    desk.limit(forbid_opposite_positions=True, news_before_s=60)
    desk.see(market_at=MARKET_AT + timedelta(days=1))
    kinds = (Approval, Decision, OutboxEvent, RiskEvent, TradingDay)
    before = [kind.objects.count() for kind in kinds], AccountRisk.objects.filter(account=desk.account).values().get()
    ask(client)  # what a key's first use writes is no trace of the question

    with CaptureQueriesContext(connection) as asked:
        answer = ask(client)

    assert answer.status_code == 200
    after = [kind.objects.count() for kind in kinds], AccountRisk.objects.filter(account=desk.account).values().get()
    assert after == before
    risky = [
        one["sql"] for one in asked if "risk_" in one["sql"] or "accounts_" in one["sql"] or "advisory" in one["sql"]
    ]
    assert risky
    assert all(sql.startswith("SELECT") and "FOR " not in sql and "advisory" not in sql for sql in risky)


def test_a_denial_is_an_answer_with_its_reason_first(desk, client):
    AccountRisk.objects.filter(account=desk.account).update(breach_latch="total loss limit broken")

    answer = ask(client)

    data = answer.json()["data"]
    assert (answer.status_code, data["risk_valid"], data["reason_code"]) == (200, False, "HALTED_BREACH")
    assert data["warnings"][0].startswith("HALTED_BREACH: ")
    assert data["ftmo_compliant"] is False
    assert data["risk_metrics"]["estimated_loss"] == 1


def test_without_an_entry_it_is_the_markets_and_without_a_quote_that_is_said(desk, client):
    answer = ask(client, entry_price=None)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "PRICE_UNKNOWN")

    store_quote(desk.account, bid="1.19998", ask="1.20000")
    assert ask(client, entry_price=None).json()["data"]["risk_metrics"]["total_exposure"] == 1200
    sold = ask(client, entry_price=None, action="SELL").json()["data"]["risk_metrics"]
    assert (sold["total_exposure"], sold["estimated_loss"]) == (1199.98, 1)


@pytest.mark.parametrize(
    "side, value, expected",
    [
        ("BUY", None, "WARN"),
        ("BUY", "0.5", "PASS"),
        ("BUY", "0.65", "WARN"),
        ("BUY", "0.75", "FAIL"),
        ("SELL", "0.75", "PASS"),
    ],
)
def test_correlation_is_a_word_and_unknown_is_a_warning(desk, client, side, value, expected):
    from tests.apps.risk.test_surroundings import add_gbpusd, correlate

    add_gbpusd(desk)
    desk.see(positions=[shown(desk, symbol="GBPUSD", side=side, stop_loss="1.09800" if side == "BUY" else "1.10200")])
    if value:
        correlate(desk, value)

    assert ask(client).json()["data"]["correlation_check"] == expected


def test_a_bots_status_and_tags_are_looked_at_and_its_lease_is_not(desk, client):
    desk.bot.tags, desk.bot.managed = ["@scalping"], True
    desk.bot.save()
    assert ask(client, bot_id=desk.bot.bot_id).json()["data"]["reason_code"] == "SPREAD_UNKNOWN"
    store_quote(desk.account)
    assert ask(client, bot_id=desk.bot.bot_id).json()["data"]["risk_valid"]
    desk.bot.status = "QUARANTINE"
    desk.bot.save()
    assert ask(client, bot_id=desk.bot.bot_id).json()["data"]["reason_code"] == "BOT_NOT_ACTIVE"


@pytest.mark.parametrize(
    "changes, code, field",
    [
        ({"symbol": "NOPE"}, "SYMBOL_UNKNOWN", "symbol"),
        ({"action": "HOLD"}, "FIELD_INVALID", "action"),
        ({"volume": 0}, "FIELD_INVALID", "volume"),
        ({"volume": -1}, "FIELD_INVALID", "volume"),
        ({"volume": "NaN"}, "FIELD_INVALID", "volume"),
        ({"volume": "Infinity"}, "FIELD_INVALID", "volume"),
        ({"stop_loss": 1.09}, "FIELD_INVALID", "stop_loss_pips"),
        ({"stop_loss_pips": None}, "FIELD_INVALID", "stop_loss_pips"),
        ({"bot_id": "nobody"}, "NOT_FOUND", "bot_id"),
    ],
)
def test_what_is_wrong_with_the_question_is_said(client, changes, code, field):
    answer = ask(client, **changes)

    assert 400 <= answer.status_code < 500
    (error,) = answer.json()["errors"]
    assert (error["code"], error["field"]) == (code, field)


def test_a_stop_beyond_zero_or_on_the_wrong_side_is_a_denial(client):
    assert ask(client, stop_loss_pips=20_000).json()["data"]["risk_valid"] is False
    wrong = ask(client, stop_loss_pips=None, stop_loss=1.2).json()["data"]
    assert (wrong["risk_valid"], wrong["reason_code"]) == (False, "SL_WRONG_SIDE")


def test_a_viewer_may_ask_and_a_stranger_finds_no_account(world, desk):
    body = json.dumps({**ASKED, "account_id": desk.account.code})

    assert browser(world.bob).post(URL, body, content_type="application/json").status_code == 200
    stranger = browser(world.charlie).post(URL, body, content_type="application/json")
    assert (stranger.status_code, stranger.json()["errors"][0]["code"]) == (404, "NOT_FOUND")
    other = make_desk(world)
    bound = api_client(make_key(world.alice, ["risk:read"], account_id=other.account.pk)[1])
    assert bound.post(URL, body, content_type="application/json").status_code == 404
