"""Mikrobot's `risk/status` and `risk/limits`, the days of an account, and the calendar of news, over HTTP."""

import json
from datetime import timedelta

import pytest

from apps.accounts.models import AccountRisk, AccountSnapshot, TradingDay, TradingDayCorrection
from apps.common.clock import read_at
from apps.market.models import NewsRelease
from tests.risk import MARKET_AT, shown
from tests.world import PASSWORD, api_client, browser, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(world, desk):
    return api_client(make_key(world.alice, account_id=desk.account.pk)[1])


def data_of(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()["data"] if "success" in answer.json() else answer.json()


def test_the_status_counts_what_is_lost_and_what_is_open(desk, client):
    before = data_of(client.get("/api/v1/risk/status"))
    assert (before["daily_risk_used"], before["ftmo_compliant"]) == (0, True), (
        "its day begins as an approval would begin it"
    )

    desk.ask()  # 20 at risk
    desk.see(equity=99_500, positions=[shown(desk)])  # 500 lost, and 20 to the stop
    status = data_of(client.get("/api/v1/risk/status"))

    assert (status["daily_risk_used"], status["daily_risk_limit"]) == (0.0054, 0.025)
    assert (status["max_drawdown"], status["drawdown_limit"]) == (0.005, 0.05)
    assert (status["position_count"], status["position_limit"]) == (1, 20)
    assert (status["correlation_risk"], status["correlation_limit"]) == (0, None)
    assert (status["risk_level"], status["ftmo_compliant"]) == ("LOW", True)
    assert 0 <= status["age_s"] < 60

    unknown = [shown(desk), shown(desk, symbol="GBPUSD", position_id=78, ticket=78, profit="5")]
    desk.see(positions=unknown)
    assert data_of(client.get("/api/v1/risk/status"))["correlation_risk"] == 1, "a pair nobody knows counts as one"
    desk.see(positions=[shown(desk, stop_loss=None)])
    assert data_of(client.get("/api/v1/risk/status"))["daily_risk_used"] is None, "it may lose anything"


def test_a_latch_shows_in_the_status(desk, client):
    desk.ask()
    AccountRisk.objects.filter(account=desk.account).update(breach_latch="gone")
    status = data_of(client.get("/api/v1/risk/status"))
    assert (status["risk_level"], status["ftmo_compliant"]) == ("CRITICAL", False)


def test_limits_change_under_mikrobots_names_and_loosen_with_the_persons_password_only(desk, client, world):
    shown_limits = data_of(client.get("/api/v1/risk/limits"))
    assert (shown_limits["daily_risk_limit"], shown_limits["position_limit"], shown_limits["number"]) == (0.025, 20, 1)

    def put(caller, **body):
        return caller.put(
            "/api/v1/risk/limits?account_id=" + desk.account.code, json.dumps(body), content_type="application/json"
        )

    tightened = data_of(put(client, daily_risk_limit=0.02, position_limit=5, trailing_stop_fraction=0.01))
    assert (tightened["daily_risk_limit"], tightened["position_limit"], tightened["number"]) == (0.02, 5, 2)
    assert tightened["limits"]["trailing_stop_fraction"] == 0.01

    refused = put(client, daily_risk_limit=0.03)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "LOOSENING_NEEDS_PERSON")
    alice = browser(world.alice)
    assert put(alice, position_limit=6).json()["errors"][0]["code"] == "LOOSENING_NEEDS_PASSWORD"
    assert data_of(put(alice, position_limit=6, password=PASSWORD))["position_limit"] == 6
    twice = put(client, position_limit=3, max_open_positions=3)
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (400, "position_limit")


def test_days_are_listed_with_their_sums_and_their_bases_as_corrected(desk, client, world):
    desk.ask()
    day = TradingDay.objects.get(account=desk.account)
    TradingDay.objects.filter(pk=day.pk).update(provisional=True, wins=3, losses=1, total_pnl=50)
    TradingDayCorrection.objects.create(trading_day=day, balance_base=99_000, equity_base=99_100, source="snapshot")

    (row,) = data_of(client.get(f"/api/v1/accounts/{desk.account.code}/days"))["results"]

    assert (row["day"], row["wins"], row["losses"], row["total_pnl"]) == (day.day.isoformat(), 3, 1, 50)
    assert (row["balance_base"], row["equity_base"], row["provisional"]) == (99_000, 99_100, False)
    stranger = api_client(make_key(world.charlie)[1])
    assert stranger.get(f"/api/v1/accounts/{desk.account.public_id}/days").status_code == 404


def test_the_calendar_is_read_by_time_currency_and_impact(desk, client):
    for hours, currency, impact in ((1, "USD", "HIGH"), (2, "EUR", "LOW"), (30, "USD", "HIGH")):
        at = MARKET_AT + timedelta(hours=hours)
        NewsRelease.objects.create(at=at, currency=currency, impact=impact, title=f"{hours}", imported_at=read_at())

    def titles(**asked):
        return [row["title"] for row in data_of(client.get("/api/v1/news", asked))["results"]]

    assert titles() == ["1", "2", "30"]
    assert titles(until=(MARKET_AT + timedelta(hours=5)).isoformat()) == ["1", "2"]
    assert titles(currency="usd", impact="high", since=(MARKET_AT + timedelta(hours=5)).isoformat()) == ["30"]
    assert client.get("/api/v1/news", {"since": "yesterday"}).status_code == 400


def test_an_account_nobody_has_seen_says_so(desk, client):
    AccountSnapshot.objects.all().delete()
    status = data_of(client.get("/api/v1/risk/status"))
    assert (status["position_count"], status["correlation_risk"], status["seen_at"]) == (None, None, None)
