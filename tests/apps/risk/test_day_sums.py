"""What an ended day brought: summed up once it has turned, anew for late deals, and added up over a phase."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import EquityPoint, TradingDay
from apps.common.clock import read_at
from apps.risk.services import settle_account
from apps.risk.services.day_sums import begin_phase, list_accounts_to_sum_up, sum_up_days
from apps.risk.tasks import roll_trading_days
from apps.trades.models import Deal, Trade
from tests.risk import MARKET_AT

pytestmark = pytest.mark.django_db
NEXT = datetime.fromisoformat("2026-03-05T00:00:00+00:00")
D = Decimal


def book(desk, ticket, profit, *, market_at=MARKET_AT, entry=1, deal_type=1, received_at=None):
    Deal.objects.create(
        account=desk.account, ticket=ticket, deal_type=deal_type, entry=entry, profit=profit, commission=D("-1"),
        time_raw_ms=0, market_at=market_at, received_at=received_at or read_at(),
    )  # fmt: skip


def close(desk, position_id, pnl, closed_at=MARKET_AT):
    Trade.objects.create(
        account=desk.account, position_id=position_id, source="EXTERNAL", symbol="EURUSD", side="BUY",
        volume_lots=1, open_lots=0, opened_at=MARKET_AT, closed_at=closed_at, entry_price=1, pnl=pnl, updated_at=read_at(),
    )  # fmt: skip


def turn(desk, market_at, **view):
    desk.see(market_at=market_at, **view)
    settle_account(desk.account, read_at())


def test_an_ended_day_knows_its_trades_its_money_and_its_deepest_fall(desk):
    desk.ask()
    book(desk, 1, D(0), entry=0)
    book(desk, 2, D(300))
    book(desk, 3, D(-120))
    book(desk, 4, D(5000), deal_type=2)  # paid in: no result of trading
    close(desk, 1, D(298)), close(desk, 2, D(-121)), close(desk, 3, D(9), closed_at=NEXT)
    for hour, equity in enumerate((100_400, 99_900, 100_200, 100_050)):
        moment = MARKET_AT + timedelta(hours=hour)
        EquityPoint.objects.create(
            account=desk.account, at=read_at(), market_at=moment, balance=D(100_000), equity=D(equity)
        )

    turn(desk, NEXT + timedelta(seconds=2))

    day = TradingDay.objects.get(account=desk.account, day=MARKET_AT.date())
    assert (day.entries, day.trades_count, day.wins, day.losses) == (1, 2, 1, 1)
    assert (day.total_pnl, day.max_drawdown) == (D(177), D(500))
    assert (desk.risk.total_profit, desk.risk.best_day, desk.risk.days_traded) == (D(177), D(177), 1)
    assert list_accounts_to_sum_up(read_at()) == []


def test_a_day_that_an_approval_turned_is_summed_up_by_the_schedule(desk):
    desk.ask()
    book(desk, 1, D(50))
    desk.see(market_at=NEXT + timedelta(seconds=2))

    desk.ask()

    assert desk.risk.total_profit == 0
    roll_trading_days()
    assert desk.risk.total_profit == 49


def test_a_late_deal_sums_its_day_up_anew(desk):
    desk.ask()
    turn(desk, NEXT + timedelta(seconds=2))
    assert desk.risk.total_profit == 0

    book(desk, 9, D(-200))

    assert list_accounts_to_sum_up(read_at()) == [desk.account.pk]
    assert sum_up_days(desk.account.pk, read_at()) == 1
    assert (desk.risk.total_profit, desk.risk.best_day) == (D(-201), D(0))
    assert sum_up_days(desk.account.pk, read_at()) == 0


def test_a_new_phase_counts_from_its_own_day_on(desk):
    desk.ask()
    book(desk, 1, D(0), entry=0)
    book(desk, 2, D(900))
    turn(desk, NEXT + timedelta(seconds=2))
    assert desk.risk.days_traded == 1

    begin_phase(desk.account.pk)

    assert (desk.risk.total_profit, desk.risk.best_day, desk.risk.days_traded) == (0, 0, 0)
    book(desk, 3, D(40), market_at=NEXT + timedelta(hours=3))
    turn(desk, NEXT + timedelta(days=1, seconds=2))
    assert (desk.risk.total_profit, desk.risk.days_traded) == (D(39), 0)


def test_the_highest_boundary_of_missed_days_is_the_mark_of_a_trailing_floor(desk):
    desk.limit(drawdown_mode="TRAILING_EOD")
    desk.ask()
    book(desk, 1, D(-3000), market_at=MARKET_AT + timedelta(days=2))

    turn(desk, MARKET_AT + timedelta(days=4), balance=D(100_000), equity=D(100_000))

    assert desk.risk.peak_balance == D(103_001)
