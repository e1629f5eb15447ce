"""A bot's way to its next stage, over REST."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.risk.models import RiskEvent
from apps.trades.models import Trade
from tests.fleet import MARKET_AT
from tests.risk import make_desk
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


def close(bot, results):
    Trade.objects.bulk_create(
        Trade(
            account=bot.account, position_id=number, bot=bot, source="REPORTED", symbol="EURUSD", side="BUY", magic=bot.magic,
            volume_lots=1, open_lots=0, opened_at=MARKET_AT, entry_price=1, updated_at=MARKET_AT, pnl=Decimal(pnl),
            closed_at=MARKET_AT - timedelta(days=number),
        )
        for number, pnl in enumerate(results)
    )  # fmt: skip


def ask(user, bot):
    return api_client(make_key(user)[1]).get(f"/api/v1/bots/{bot.bot_id}/promotion")


def test_a_new_bot_is_told_what_its_first_step_needs(world):
    found = ask(world.alice, make_desk(world).bot).json()
    assert (found["stage"], found["next_stage"], found["is_ready"], found["decline"]) == (
        "PRIMAL",
        "PENDING",
        False,
        [],
    )
    assert {need["name"]: (need["has"], need["needs"], need["is_met"]) for need in found["needs"]} == {
        "trades": (0, 20, False),
        "win_rate": (None, 0.5, False),
        "days": (0, 7, False),
        "critical_events": (0, 0, True),
    }


def test_a_bot_with_a_good_record_is_ready_until_something_critical_happened(world):
    desk = make_desk(world)
    close(desk.bot, ["20"] * 12 + ["-5"] * 4 + ["20"] * 8)
    assert ask(world.alice, desk.bot).json()["is_ready"]
    RiskEvent.objects.create(
        account=desk.account,
        bot=desk.bot,
        event_type="SLIPPAGE_EXCEEDED",
        severity="CRITICAL",
        message="",
        at=MARKET_AT,
    )
    assert not ask(world.alice, desk.bot).json()["is_ready"]


def test_a_bot_in_decline_is_not_ready_and_the_signs_are_named(world):
    desk = make_desk(world)
    close(desk.bot, ["-500"] * 15 + ["20"] * 10)
    found = ask(world.alice, desk.bot).json()
    assert not found["is_ready"]
    assert {sign["name"] for sign in found["decline"]} >= {"win_rate", "losing_days"}


def test_a_strangers_bot_is_not_there(world):
    assert ask(world.charlie, make_desk(world).bot).status_code == 404
