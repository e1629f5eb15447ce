"""Paper beside live of the same strategy: win rate, expectancy in R, slippage, each with its count."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import AccountMode
from apps.bots.services import register_bot
from apps.common.ids import new_id
from apps.risk.models import Approval
from apps.trades.models import Trade
from tests.fleet import MARKET_AT, make_account, make_strategy
from tests.world import api_client, make_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def strategy(world):
    return make_strategy(world.team)


def make_bot(world, strategy, mode, number=1, **more):
    account = make_account(world.team, mode=mode, **more)
    return register_bot(
        account=account,
        actor="test",
        bot_id=f"{mode.lower()}-{number}",
        guild="EXECUTOR",
        managed=True,
        strategy=strategy,
    )


def add(bot, number, pnl, *, risk="20", asked="1.10000", fill="1.10000", side="BUY", approved=True):
    """Keep a closed trade, and the approval it was placed under."""
    stop = Decimal("1.09800") if side == "BUY" else Decimal("1.10200")
    approval = None
    if approved:
        key = new_id()
        approval = Approval.objects.create(
            id=key, account=bot.account, bot=bot, body_hash="0" * 64, at=MARKET_AT, market_at=MARKET_AT, symbol="EURUSD",
            side=side, entry_price=Decimal(asked), stop_loss=stop, requested_lots=1, approved=True, adjusted_lots=1,
            reason_code="APPROVED", risk_amount=Decimal(risk), tag=key.hex[:27], response="{}",
        )  # fmt: skip
    Trade.objects.create(
        account=bot.account, position_id=number, bot=bot, strategy_id=bot.strategy_id, source="MANAGED", symbol="EURUSD",
        side=side, magic=bot.magic, volume_lots=1, open_lots=0, opened_at=MARKET_AT, entry_price=Decimal(fill),
        closed_at=MARKET_AT + timedelta(minutes=number), pnl=Decimal(pnl), updated_at=MARKET_AT,
        planned_risk=Decimal(risk) if approved else None, approval_id=approval.pk if approval else None,
    )  # fmt: skip


def ask(user, path):
    return api_client(make_key(user)[1]).get(f"/api/v1/{path}/comparison")


def test_both_sides_are_counted_and_compared(world, strategy):
    paper, live = make_bot(world, strategy, AccountMode.PAPER), make_bot(world, strategy, AccountMode.PROP_FIRM)
    for number, pnl in enumerate(["40", "40", "-20", "40"], 1):
        add(paper, number, pnl)
    add(live, 1, "30", fill="1.10020")  # bought 20 points dearer, of 200 to the stop
    add(live, 2, "-22", fill="1.09990", side="SELL", asked="1.10000")  # sold 10 points cheaper

    found = ask(world.alice, f"strategies/{strategy.slug}").json()

    assert (found["paper"]["trades"], found["live"]["trades"], found["is_enough"]) == (4, 2, False)
    assert (found["paper"]["win_rate"], found["live"]["win_rate"], found["difference"]["win_rate"]) == (
        0.75,
        0.5,
        -0.25,
    )
    assert (found["paper"]["expectancy_r"], found["live"]["expectancy_r"]) == (1.25, 0.2)
    assert found["difference"]["expectancy_r"] == pytest.approx(-1.05)
    assert (found["paper"]["slippage_fraction"], found["live"]["slippage_fraction"]) == (0, 0.075)
    assert (found["live"]["slippage_worst_fraction"], found["live"]["slippage_trades"]) == (0.1, 2)
    assert found["live"]["net_pnl"] == {"USD": 8}
    low, high = found["paper"]["win_rate_interval"]
    assert low < 0.75 < high
    assert ask(world.alice, f"bots/{live.bot_id}").json() == found


def test_a_side_without_trades_is_null_and_so_is_every_difference(world, strategy):
    add(make_bot(world, strategy, AccountMode.PAPER), 1, "40")
    found = ask(world.alice, f"strategies/{strategy.slug}").json()
    assert found["live"]["trades"] == found["live"]["bots"] == 0
    assert {found["live"][name] for name in ("win_rate", "expectancy_r", "slippage_fraction", "win_rate_interval")} == {
        None
    }
    assert set(found["difference"].values()) == {None}


def test_a_trade_without_an_approval_counts_as_won_or_lost_but_not_in_r(world, strategy):
    bot = make_bot(world, strategy, AccountMode.PAPER)
    add(bot, 1, "40", approved=False)
    paper = ask(world.alice, f"bots/{bot.bot_id}").json()["paper"]
    assert (paper["trades"], paper["wins"], paper["risked_trades"], paper["slippage_trades"]) == (1, 1, 0, 0)
    assert paper["expectancy_r"] is None


def test_money_is_never_added_across_currencies(world, strategy):
    add(make_bot(world, strategy, AccountMode.PERSONAL), 1, "10")
    add(make_bot(world, strategy, AccountMode.PERSONAL, 2, currency="EUR"), 1, "7")
    assert ask(world.alice, f"strategies/{strategy.slug}").json()["live"]["net_pnl"] == {"USD": 10, "EUR": 7}


def test_external_bots_are_compared_by_their_strategy_type(world):
    bots = []
    for mode in (AccountMode.PAPER, AccountMode.PERSONAL):
        account = make_account(world.team, mode=mode)
        bot = register_bot(
            account=account, actor="test", bot_id=f"ea-{mode.lower()}", guild="ANALYST", strategy_type="RSI"
        )
        add(bot, 1, "10")
        bots.append(bot)
    found = ask(world.alice, "bots/ea-paper").json()
    assert (found["paper"]["bots"], found["live"]["bots"]) == (1, 1)


def test_thirty_a_side_are_enough(world, strategy):
    for mode in (AccountMode.PAPER, AccountMode.PERSONAL):
        bot = make_bot(world, strategy, mode)
        for number in range(1, 31):
            add(bot, number, "1")
    assert ask(world.alice, f"strategies/{strategy.slug}").json()["is_enough"] is True


def test_a_stranger_and_a_key_bound_elsewhere_see_nothing(world, strategy):
    paper, live = make_bot(world, strategy, AccountMode.PAPER), make_bot(world, strategy, AccountMode.PERSONAL)
    add(paper, 1, "1")
    add(live, 1, "1")
    assert ask(world.charlie, f"strategies/{strategy.slug}").status_code == 404
    assert ask(world.charlie, f"bots/{live.bot_id}").status_code == 404
    bound = api_client(make_key(world.alice, account_id=paper.account_id)[1])
    assert bound.get(f"/api/v1/bots/{paper.bot_id}/comparison").json()["live"]["trades"] == 0
    assert bound.get(f"/api/v1/bots/{live.bot_id}/comparison").status_code == 404
