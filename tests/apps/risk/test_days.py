"""Trading days: exactly one row a day, contiguous, with a base that can be explained."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from apps.accounts.models import Account, AccountRisk, EquityPoint, TradingDay, TradingDayCorrection
from apps.assignments.services import activate
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.executors.selectors import get_desired_version
from apps.gateway.services.desired import read_facts
from apps.risk.models import RiskEvent
from apps.risk.services import settle_account
from apps.risk.services.settling import list_due_accounts
from apps.trades.models import Deal
from tests.fleet import make_executor, make_strategy
from tests.risk import MARKET_AT

pytestmark = pytest.mark.django_db
NEXT = datetime.fromisoformat("2026-03-05T00:00:00+00:00")


def book(desk, ticket, market_at, profit, deal_type=1):
    Deal.objects.create(
        account=desk.account, ticket=ticket, deal_type=deal_type, entry=1, profit=profit, time_raw_ms=0,
        market_at=market_at, received_at=read_at(),
    )  # fmt: skip


def saw(desk, market_at, equity):
    EquityPoint.objects.create(account=desk.account, at=read_at(), market_at=market_at, balance=equity, equity=equity)


def days_of(desk):
    return list(TradingDay.objects.filter(account=desk.account).order_by("starts_at"))


def test_the_first_request_begins_the_first_day(desk):
    desk.ask()

    (day,) = days_of(desk)
    assert (day.day, day.balance_base, day.equity_base, day.provisional) == (date(2026, 3, 4), 100_000, 100_000, False)
    assert desk.risk.day_ends_at == NEXT


def test_the_balance_base_leaves_out_what_trading_booked_since_and_keeps_what_was_paid_in(desk):
    book(desk, 1, MARKET_AT - timedelta(hours=1), Decimal("-300"))
    book(desk, 2, MARKET_AT - timedelta(hours=1), Decimal(100_000), deal_type=2)
    book(desk, 3, MARKET_AT - timedelta(hours=13), Decimal(50))  # yesterday
    desk.see(balance=Decimal(99_700))

    desk.ask()

    assert days_of(desk)[0].balance_base == 100_000


def test_the_day_turns_and_starts_its_counters_anew(desk):
    desk.ask()
    AccountRisk.objects.filter(account=desk.account).update(day_latch="paused")
    saw(desk, NEXT - timedelta(seconds=3), Decimal(100_400))
    desk.see(market_at=NEXT + timedelta(seconds=2), balance=Decimal(100_400), equity=Decimal(100_300))

    assert desk.ask()["approved"]

    first, second = days_of(desk)
    assert first.ends_at == second.starts_at
    assert (second.balance_base, second.equity_base, second.provisional) == (100_400, 100_400, False)
    assert (first.end_balance, first.end_equity) == (100_400, 100_400)
    risk = desk.risk
    assert (risk.risked_today, risk.approved_today, risk.day_latch) == (20, 1, "")
    assert risk.reserved == 40  # what is not resolved counts over midnight


def test_a_day_that_an_approval_turns_is_told_like_any_other(desk):
    executor = make_executor(desk.account)
    desk.ask()
    told, version = OutboxEvent.objects.filter(kind="day.started").count(), get_desired_version(executor.pk)
    desk.see(market_at=NEXT + timedelta(seconds=2))

    desk.ask()
    desk.ask()

    assert OutboxEvent.objects.filter(kind="day.started").count() == told + 1
    assert get_desired_version(executor.pk) == version + 1


def test_a_base_that_becomes_final_reaches_the_agents(desk):
    executor = make_executor(desk.account)
    (assignment,) = activate(
        strategy=make_strategy(desk.account.team), references=[executor.code], actor="test", at=read_at()
    )
    desk.ask()
    desk.see(market_at=NEXT + timedelta(hours=5), complete=False)
    desk.ask()
    assert desk.risk.day_provisional
    first, version = read_facts(assignment, desk.risk), get_desired_version(executor.pk)

    desk.see(market_at=NEXT + timedelta(hours=5), balance=Decimal(99_000), equity=Decimal(99_000))
    settle_account(desk.account, read_at())

    final = read_facts(assignment, desk.risk)
    assert final.day_start_equity != first.day_start_equity
    assert final.number > first.number
    assert get_desired_version(executor.pk) == version + 1


def test_all_missed_days_are_there_in_order(desk):
    desk.ask()
    desk.see(market_at=MARKET_AT + timedelta(days=9))

    settle_account(desk.account, read_at())

    days = days_of(desk)
    assert [day.day for day in days] == [date(2026, 3, 4) + timedelta(days=n) for n in range(10)]
    assert all(one.ends_at == two.starts_at for one, two in pairwise(days))


def test_a_base_nobody_saw_is_the_higher_view_provisional_told_once_and_corrected_by_a_row(desk):
    desk.ask()
    saw(desk, NEXT - timedelta(hours=2), Decimal(100_900))
    desk.see(market_at=NEXT + timedelta(hours=1), balance=Decimal(100_100), equity=Decimal(100_000), complete=False)

    settle_account(desk.account, read_at())

    day = days_of(desk)[1]
    assert (day.provisional, day.equity_base) == (True, 100_900)
    assert desk.risk.day_provisional
    assert RiskEvent.objects.filter(event_type="DAY_BASE_PROVISIONAL").count() == 1

    book(desk, 1, NEXT + timedelta(minutes=1), Decimal(-200))
    desk.see(market_at=NEXT + timedelta(hours=1), balance=Decimal(100_100))
    settle_account(desk.account, read_at())

    correction = TradingDayCorrection.objects.get()
    assert correction.trading_day == day
    assert correction.balance_base == desk.risk.day_balance_base == 100_300
    assert not desk.risk.day_provisional
    assert days_of(desk)[1].balance_base == 100_100  # what was decided by stays as it was


def test_market_time_never_goes_back(desk):
    desk.see(market_at=NEXT + timedelta(hours=1))
    desk.ask()
    desk.see(market_at=MARKET_AT)

    desk.ask()

    assert [day.day for day in days_of(desk)] == [date(2026, 3, 5)]


def test_a_real_account_goes_by_the_wall_clock(world):
    from tests.risk import make_desk

    desk = make_desk(world, mode="PERSONAL")
    desk.ask()

    assert days_of(desk)[0].day == read_at().date()


@pytest.mark.parametrize(
    ("zone", "last_ends_at", "told"),
    [
        ("America/New_York", "2026-03-07T05:00:00+00:00", "2026-03-04 of {} ends at 05 Mar 05:00, not at 05 Mar 00:00"),
        ("Asia/Tokyo", "2026-03-06T15:00:00+00:00", "2026-03-05 of {} began at 05 Mar 00:00, not at 04 Mar 15:00"),
    ],
)
def test_a_changed_zone_counts_from_the_next_day_without_a_gap_and_that_is_told(desk, zone, last_ends_at, told):
    desk.ask()
    Account.objects.filter(pk=desk.account.pk).update(zone=zone)
    desk.account.refresh_from_db()
    for hours in (12, 17, 30, 45):
        desk.see(market_at=MARKET_AT + timedelta(hours=hours))
        settle_account(desk.account, read_at())

    days = days_of(desk)
    assert all(one.ends_at == two.starts_at for one, two in pairwise(days))
    assert days[-1].ends_at == datetime.fromisoformat(last_ends_at)
    assert len({day.day for day in days}) == len(days)
    (event,) = RiskEvent.objects.filter(event_type="DAY_MOVED")
    assert event.message.startswith(told.format(desk.account.code))


def test_an_idle_account_is_due_when_its_day_has_ended(world, desk):
    desk.ask()
    assert desk.account.pk not in list_due_accounts(read_at())

    desk.see(market_at=NEXT)
    assert desk.account.pk in list_due_accounts(read_at())
