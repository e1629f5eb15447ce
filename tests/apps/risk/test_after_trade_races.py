"""Report and view at once: each finding is told once, and the overrun counts once."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection

from apps.accounts.models import Account
from apps.common.clock import read_at
from apps.risk.models import Approval, PositionFlag, RiskEvent
from apps.risk.services import resolve_reservation, settle_after_snapshot
from apps.risk.services.flags import flag_unapproved
from apps.trades.services.orders import OutcomeTold
from tests.risk import MARKET_AT, make_desk, shown

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(transactional_db):
    from tests.world import make_world

    return make_desk(make_world())


def at_once(*deeds):
    """Do everything in threads that start together; what fails, fails the test."""
    barrier = Barrier(len(deeds))

    def work(deed):
        barrier.wait(timeout=60)
        try:
            return deed()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return [future.result() for future in [pool.submit(work, deed) for deed in deeds]]


def test_slippage_that_report_and_views_find_together_is_told_and_counted_once(desk):
    answer = desk.ask()
    approval = Approval.objects.get(tag=answer["tag"])
    desk.see(positions=[shown(desk, answer, entry_price="1.10201")])
    told = OutcomeTold(
        approval_id=approval.pk, bot_id=approval.bot_id, symbol="EURUSD", side="BUY", volume_lots=Decimal("0.1"),
        outcome="DONE", filled_lots=Decimal("0.1"), position_id=77, price=Decimal("1.10201"),
    )  # fmt: skip

    def report():
        return resolve_reservation(approval=approval, told=told, stop_loss=approval.stop_loss, at=read_at())

    def settle():
        return settle_after_snapshot(Account.objects.get(pk=desk.account.pk), read_at())

    at_once(report, settle, report, settle)
    settle()

    assert RiskEvent.objects.filter(event_type="SLIPPAGE_EXCEEDED").count() == 1
    assert PositionFlag.objects.count() == 1
    assert desk.risk.risked_today == Decimal("40.1")
    assert settle() == [{"action": "close", "ticket": 77, "reason": "SLIPPAGE"}]


def test_a_position_without_approval_that_bot_and_views_find_together_is_told_once(desk):
    desk.see(positions=[shown(desk, opened_at=MARKET_AT.replace(hour=3).isoformat())])

    def report():
        given = {"symbol": "EURUSD", "side": "BUY", "volume_lots": Decimal("0.1"), "at": read_at()}
        return flag_unapproved(desk.bot, position_id=77, **given)

    def settle():
        return settle_after_snapshot(Account.objects.get(pk=desk.account.pk), read_at())

    at_once(report, settle, report, settle)

    assert RiskEvent.objects.filter(event_type="UNAPPROVED_POSITION").count() == 1
    assert PositionFlag.objects.get().told_at is not None


def test_reports_of_one_account_that_come_together_free_all_that_is_theirs_and_no_more(desk):
    """Each adds to and takes from the same two counters: none may write over what another has just written."""
    asked = [Approval.objects.get(tag=desk.ask()["tag"]) for _ in range(6)]
    assert desk.risk.reserved == 120

    def rejected(approval):
        told = OutcomeTold(
            approval_id=approval.pk, bot_id=approval.bot_id, symbol="EURUSD", side="BUY", volume_lots=Decimal("0.1"),
            outcome="REJECTED",
        )  # fmt: skip
        return lambda: resolve_reservation(approval=approval, told=told, stop_loss=None, at=read_at())

    def filled(approval, position_id):
        told = OutcomeTold(
            approval_id=approval.pk, bot_id=approval.bot_id, symbol="EURUSD", side="BUY", volume_lots=Decimal("0.1"),
            outcome="DONE", filled_lots=Decimal("0.1"), position_id=position_id, price=Decimal("1.10100"),
        )  # fmt: skip
        return lambda: resolve_reservation(approval=approval, told=told, stop_loss=approval.stop_loss, at=read_at())

    at_once(*map(rejected, asked[:3]), *(filled(one, 80 + n) for n, one in enumerate(asked[3:])))

    assert desk.risk.reserved == 90  # 300 points to the stop instead of 200
    assert desk.risk.risked_today == 90
