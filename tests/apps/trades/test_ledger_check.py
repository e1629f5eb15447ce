"""Our ledger against the terminal's balance: one snapshot proves nothing, two that agree do, to the cent."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.common.clock import read_at
from apps.executors.services.leases import take_lease
from apps.gateway.services.snapshots import take_snapshot
from apps.risk.models import RiskEvent
from apps.trades.models import LedgerCheck
from tests.fleet import BALANCE, make_account, make_executor, snapshot
from tests.fleet import deal as make_deal
from tests.world import browser
from trading.protocol import AccountState

pytestmark = pytest.mark.django_db


class Stand:
    """An account whose snapshots come every ten seconds."""

    def __init__(self, world):
        self.account = make_account(world.team)
        self.executor = make_executor(self.account)
        self.at, self.seq = read_at(), 0
        take_lease(executor=self.executor, instance_id="one", at=self.at)
        self.deals = [make_deal(1, deal_type=BALANCE, position_id=0, profit=Decimal(100_000), symbol="")]

    def see(self, balance: str, *, complete: bool = True, times: int = 1) -> None:
        for _ in range(times):
            self.at, self.seq = self.at + timedelta(seconds=10), self.seq + 1
            money = AccountState(
                balance=Decimal(balance), equity=Decimal(balance), margin=Decimal(0), free_margin=Decimal(0)
            )
            message = snapshot(seq=self.seq, account=money, deals=self.deals, complete=complete)
            take_snapshot(executor=self.executor, message=message, at=self.at)

    def events(self) -> list[str]:
        rows = RiskEvent.objects.filter(account=self.account, event_type__startswith="LEDGER").order_by("at")
        return list(rows.values_list("event_type", flat=True))


@pytest.fixture
def stand(world):
    stand = Stand(world)
    stand.see("100000", times=3)
    return stand


def test_the_opening_balance_is_what_stood_there_before_the_first_deal_we_know(stand):
    check = LedgerCheck.objects.get(account=stand.account)
    assert (check.opening_balance, check.deals_sum, check.difference) == (0, 100_000, 0)


def test_trades_with_all_their_costs_agree_to_the_cent(stand):
    stand.deals += [
        make_deal(2, commission=Decimal("-0.35"), fee=Decimal("-0.01")),
        make_deal(3, entry=1, deal_type=1, profit=Decimal("12.34"), swap=Decimal("-1.02"), commission=Decimal("-0.35")),
        make_deal(4, deal_type=3, position_id=0, profit=Decimal(500), symbol=""),  # a credit stands beside the balance
    ]
    stand.see("100010.61", times=3)

    assert stand.events() == []
    assert LedgerCheck.objects.get(account=stand.account).difference == 0


def test_a_deal_that_never_came_is_a_difference_once_two_snapshots_agree(stand):
    stand.see("99990.00")
    assert stand.events() == []
    stand.see("99990.00", times=3)

    assert stand.events() == ["LEDGER_DIFFERS"]
    event = RiskEvent.objects.get(account=stand.account, event_type="LEDGER_DIFFERS")
    assert (event.severity, event.metrics["difference"]) == ("CRITICAL", "-10.00")


def test_a_balance_read_a_moment_before_its_deal_is_no_difference(stand):
    stand.see("100007.50")
    stand.deals.append(make_deal(2, deal_type=BALANCE, position_id=0, profit=Decimal("7.50"), symbol=""))
    stand.see("100007.50", times=3)

    assert stand.events() == []


def test_a_late_deal_makes_the_ledger_the_terminals_again_and_that_is_told(stand):
    stand.see("99990.00", times=3)
    stand.deals.append(make_deal(2, commission=Decimal(-10)))
    stand.see("99990.00", times=3)

    assert stand.events() == ["LEDGER_DIFFERS", "LEDGER_AGREES"]


def test_what_was_not_read_whole_is_no_evidence(stand):
    stand.see("1.00", complete=False, times=5)
    assert stand.events() == []


def test_over_rest_it_says_whether_it_agrees_and_how_old_that_is(world, stand):
    stand.see("99990.00", times=3)
    body = browser(world.alice).get(f"/api/v1/accounts/{stand.account.code}/ledger").json()

    assert (body["agrees"], body["difference"], body["balance"]) == (False, -10, 99_990)
    assert body["age_s"] is not None
