"""A position that somebody added to without asking: on a netting account only the volume tells."""

from datetime import timedelta

import pytest

from apps.accounts.models import Account
from apps.common.clock import read_at
from apps.risk.models import PositionFlag
from apps.trades.models import Deal
from tests.apps.risk.test_after_trade import events, fill, granted, view
from tests.risk import MARKET_AT, shown

pytestmark = pytest.mark.django_db
ADDED = {"volume_lots": "0.25"}


@pytest.fixture
def netted(desk):
    """A netting account whose one position of 0.10 lots is approved."""
    Account.objects.filter(pk=desk.account.pk).update(margin_mode="NETTING")
    answer, approval = granted(desk)
    fill(approval, price="1.1")
    desk.row = shown(desk, answer)
    assert view(desk, desk.row) == []
    return desk


def close_some(desk, lots, ticket=9):
    Deal.objects.create(
        account=desk.account, ticket=ticket, position_id=77, deal_type=1, entry=1, symbol="EURUSD", volume_lots=lots,
        time_raw_ms=0, market_at=MARKET_AT, received_at=read_at(),
    )  # fmt: skip


def test_an_addition_nobody_asked_for_is_told_when_it_is_seen_again(netted):
    assert view(netted, {**netted.row, **ADDED}) == []
    assert not events("UNAPPROVED_VOLUME")
    assert view(netted, {**netted.row, **ADDED}, after_s=11) == []
    view(netted, {**netted.row, **ADDED}, after_s=20)

    (event,) = events("UNAPPROVED_VOLUME")
    assert (event.severity, event.bot_id) == ("CRITICAL", netted.bot.pk)
    assert (event.metrics["unapproved_lots"], event.metrics["volume_lots"]) == ("0.15", "0.25")
    assert "0.15 of them have no approval. It is not closed" in event.message
    assert PositionFlag.objects.get().kind == "EXCESS"


def test_the_policy_to_close_closes_the_whole_position_until_it_is_gone(netted):
    Account.objects.filter(pk=netted.account.pk).update(unapproved="CLOSE")
    added = {**netted.row, **ADDED}
    assert view(netted, added) == []
    for after_s in (11, 20):
        assert view(netted, added, after_s=after_s) == [{"action": "close", "ticket": 77, "reason": "EXCESS"}]
    assert view(netted, after_s=30) == []
    assert PositionFlag.objects.get().cleared_by == "CLOSED"


def test_what_was_approved_in_two_steps_is_no_excess(netted):
    _, second = granted(netted)
    fill(second, price="1.1")
    for after_s in (0, 11, 30):
        assert view(netted, {**netted.row, "volume_lots": "0.20"}, after_s=after_s) == []
    assert not PositionFlag.objects.exists()


def test_lots_that_were_closed_do_not_pay_for_new_ones(netted):
    close_some(netted, "0.05")
    view(netted, netted.row)
    view(netted, netted.row, after_s=11)
    assert events("UNAPPROVED_VOLUME").get().metrics["unapproved_lots"] == "0.05"


def test_a_view_older_than_a_closing_deal_raises_a_doubt_that_the_next_one_clears(netted):
    close_some(netted, "0.05")
    view(netted, netted.row)
    assert PositionFlag.objects.get().told_at is None
    view(netted, {**netted.row, "volume_lots": "0.05"}, after_s=11)
    assert PositionFlag.objects.get().cleared_by == "APPROVED"
    assert not events("UNAPPROVED_VOLUME")


def test_a_second_addition_after_the_first_is_gone_is_told_again(netted):
    for start in (0, 60):
        view(netted, {**netted.row, **ADDED}, after_s=start)
        view(netted, {**netted.row, **ADDED}, after_s=start + 11)
        view(netted, netted.row, after_s=start + 30)
    assert events("UNAPPROVED_VOLUME").count() == 2


def test_closing_deals_of_the_other_side_belong_to_what_stood_before_it_turned_over(netted):
    Deal.objects.create(
        account=netted.account, ticket=5, position_id=77, deal_type=0, entry=1, symbol="EURUSD", volume_lots="0.10",
        time_raw_ms=0, market_at=MARKET_AT - timedelta(hours=1), received_at=read_at(),
    )  # fmt: skip
    view(netted, netted.row)
    assert not PositionFlag.objects.exists()


def test_a_tagged_position_larger_than_its_approval_is_found_on_a_hedging_account_too(desk):
    answer, _ = granted(desk)
    row = {**shown(desk, answer), "volume_lots": "0.30"}
    view(desk, row)
    view(desk, row, after_s=11)
    assert events("UNAPPROVED_VOLUME").count() == 1
