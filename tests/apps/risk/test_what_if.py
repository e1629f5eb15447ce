"""What-if over an account's own log: the present limits change nothing, others say what they would have done."""

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import EquityPoint
from apps.common.clock import read_at
from apps.common.ids import parse_public_id
from apps.risk.models import Approval, Decision
from apps.trades.models import Trade
from tests.packs import make_pack
from tests.risk import MARKET_AT
from tests.world import api_client, browser, make_key

pytestmark = pytest.mark.django_db


def closed(desk, approval, pnl, minutes=5):
    """Book the trade that came of an approval."""
    Trade.objects.create(
        account=desk.account, bot=desk.bot, position_id=parse_public_id("apr", approval["approval_id"]).int % 2**60,
        approval_id=parse_public_id("apr", approval["approval_id"]), source="MANAGED", symbol="EURUSD", side="BUY",
        volume_lots=1, open_lots=0, opened_at=MARKET_AT, closed_at=MARKET_AT + timedelta(minutes=minutes), entry_price=1,
        pnl=Decimal(pnl), updated_at=read_at(),
    )  # fmt: skip


@pytest.fixture
def traded(desk):
    """Two approved trades of 200 at risk, one lost 150 and one won 90; a third request was denied."""
    closed(desk, desk.ask(requested_lots=1), -150)
    closed(desk, desk.ask(requested_lots=1), 90)
    desk.ask(stop_loss=1.2)
    for minute in range(6):
        EquityPoint.objects.create(
            account=desk.account, at=read_at(), market_at=MARKET_AT + timedelta(minutes=minute), balance=100_000,
            equity=Decimal(100_000 - 100 * minute),
        )  # fmt: skip
    return desk


@pytest.fixture
def ask(traded, world):
    client = api_client(make_key(world.alice)[1])

    def post(**body):
        return client.post(f"/api/v1/accounts/{traded.account.code}/what-if", body, format="json")

    return post


def test_the_limits_in_force_change_nothing(ask):
    answer = ask().json()

    assert (answer["requests"], answer["unreadable"]) == (3, 0)
    assert answer["changes"] == {"same": 3, "denied": 0, "shrunk": 0, "grown": 0, "allowed": 0}
    assert (answer["pnl_then"], answer["pnl_now"], answer["currency"]) == (-60, -60, "USD")
    assert answer["days"][0]["deepest"]["daily"]["used_pct"] == 20  # 500 of 2500
    assert answer["trades"] == []


def test_stricter_limits_say_which_trades_and_what_that_would_have_brought(ask):
    answer = ask(limits={"max_risk_per_trade_fraction": 0.001, "max_daily_risk_fraction": 0.001}).json()

    assert [(one["change"], one["lots_now"], one["reason_now"]) for one in answer["trades"]] == [
        ("shrunk", 0.5, "APPROVED"), ("denied", 0, "DAILY_RISK_LIMIT"),
    ]  # fmt: skip
    assert (answer["pnl_then"], answer["pnl_now"]) == (-60, -75)
    assert (answer["days"][0]["approved_then"], answer["days"][0]["approved_now"]) == (2, 1)
    assert answer["days"][0]["deepest"]["daily_risk"]["used_pct"] == 100
    assert any("not known" in note for note in answer["notes"])


def test_a_firms_pack_may_be_tried(ask):
    make_pack()
    answer = ask(pack="acme-two-step", limits={"max_open_positions": 1}).json()

    assert answer["limits"]["daily_loss_fraction"] == 0.02
    assert (answer["limits"]["max_open_positions"], answer["requests"]) == (1, 3)


def test_nothing_is_changed_by_asking(ask, traded):
    before = (Approval.objects.count(), Decision.objects.count(), traded.risk.chain_head, traded.risk.reserved)
    ask(limits={"max_open_positions": 0})
    assert (Approval.objects.count(), Decision.objects.count(), traded.risk.chain_head, traded.risk.reserved) == before


@pytest.mark.parametrize(
    "body, status, code",
    [
        ({"limits": {"surprise": 1}}, 422, "LIMITS_INVALID"),
        ({"limits": {"daily_loss_fraction": -1}}, 422, "LIMITS_INVALID"),
        ({"from": "2026-03-05", "to": "2026-03-01"}, 400, "PERIOD_INVALID"),
        ({"from": "1999-01-01", "to": "1999-01-02"}, 422, "PERIOD_EMPTY"),
        ({"pack": "nobodys"}, 404, "NOT_FOUND"),
        ({"from": "soon"}, 400, None),
    ],
)
def test_what_cannot_be_tried_is_refused_in_words(ask, body, status, code):
    answer = ask(**body)
    assert answer.status_code == status, answer.content
    assert code in (None, answer.json()["code"])


def test_too_many_requests_are_refused_in_words(ask, monkeypatch):
    monkeypatch.setattr("apps.risk.history.MOST_REQUESTS", 2)
    assert ask().json()["code"] == "PERIOD_TOO_LONG"


def test_limits_in_shadow_say_how_often_they_would_have_refused(desk, world):
    desk.limit(max_daily_risk_fraction="0.003", modes={"daily_risk": "SHADOW"})
    closed(desk, desk.ask(requested_lots=1), 70)
    for pnl in (-50, 20):
        closed(desk, desk.ask(requested_lots=1), pnl)

    answer = browser(world.bob).get(f"/api/v1/accounts/{desk.account.code}/shadow").json()
    assert answer["approved"] == 3
    assert answer["limits"] == [{"code": "DAILY_RISK_LIMIT", "would_refuse": 2, "closed": 2, "pnl": -30}]
