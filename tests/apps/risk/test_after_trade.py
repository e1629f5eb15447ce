"""After the trade: what was filled is held against what was planned, and what nobody approved is found."""

from datetime import time, timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import Account
from apps.bots.models import Bot
from apps.bots.services import set_bot_status
from apps.common.clock import read_at
from apps.common.errors import Conflict, Forbidden
from apps.common.models import OutboxEvent
from apps.risk.models import Approval, BotBreaker, PositionFlag, RiskEvent
from apps.risk.services import resolve_reservation, settle_account, settle_after_snapshot
from apps.risk.services.breakers import lift_breaker, review_closed
from apps.trades.models import Order, OrderOutcome, Trade
from apps.trades.services.orders import OutcomeTold, record_outcome
from tests.risk import MARKET_AT, make_desk, shown

pytestmark = pytest.mark.django_db
D = Decimal
SECOND = timedelta(seconds=1)


def granted(desk, **changes):
    answer = desk.ask(**changes)
    assert answer["approved"], answer
    return answer, Approval.objects.get(tag=answer["tag"])


def fill(approval, position_id=77, price="1.10201", outcome="DONE", **more):
    told = OutcomeTold(
        approval_id=approval.pk, bot_id=approval.bot_id, symbol=approval.symbol, side=approval.side,
        volume_lots=approval.adjusted_lots, outcome=outcome, filled_lots=approval.adjusted_lots,
        position_id=position_id if outcome == "DONE" else None, price=D(price), **more,
    )  # fmt: skip
    record_outcome(account=approval.account, told=told, at=read_at())
    return resolve_reservation(approval=approval, told=told, stop_loss=approval.stop_loss, at=read_at())


def view(desk, *positions, after_s=0, **more):
    """Show the account's positions and settle; return what the agent is asked to do."""
    at = read_at() + after_s * SECOND
    desk.see(positions=list(positions), taken_at=at, **more)
    return settle_after_snapshot(Account.objects.get(pk=desk.account.pk), at)


def events(kind):
    return RiskEvent.objects.filter(event_type=kind)


# --- slippage ---------------------------------------------------------------------------------------------------------


def test_an_overrun_counts_against_the_day_at_once_and_once(desk):
    _, approval = granted(desk)  # 20 are planned

    fill(approval)
    fill(approval)

    assert desk.risk.risked_today == D("40.1")
    assert PositionFlag.objects.get().action == "CLOSE"
    assert events("SLIPPAGE_EXCEEDED").count() == 1


def test_a_slipped_position_is_asked_to_be_closed_with_every_view_until_it_is_gone(desk):
    answer, approval = granted(desk)
    fill(approval)
    row = shown(desk, answer, entry_price="1.10201")

    assert view(desk, row) == [{"action": "close", "ticket": 77, "reason": "SLIPPAGE"}]
    assert view(desk, row) == [{"action": "close", "ticket": 77, "reason": "SLIPPAGE"}]
    assert view(desk) == []
    assert PositionFlag.objects.get().cleared_by == "CLOSED"
    assert view(desk, row) != []  # a view may have missed it


def test_a_view_from_before_the_fill_clears_nothing(desk):
    _, approval = granted(desk)
    before = read_at()
    fill(approval)

    desk.see(taken_at=before)
    settle_account(desk.account, read_at())

    assert PositionFlag.objects.get().cleared_at is None


def test_a_close_that_is_not_done_in_a_minute_is_told_once(desk):
    answer, approval = granted(desk)
    fill(approval)
    row = shown(desk, answer, entry_price="1.10201")

    view(desk, row, after_s=59)
    assert not events("CLOSE_NOT_DONE")
    view(desk, row, after_s=61)
    view(desk, row, after_s=90)
    assert events("CLOSE_NOT_DONE").count() == 1


def test_a_fill_that_nobody_reported_is_judged_by_the_view_that_shows_it(desk):
    answer, approval = granted(desk)

    assert view(desk, shown(desk, answer, entry_price="1.10201")) != []

    approval.refresh_from_db()
    assert (approval.actual_risk, approval.reservation) == (D("40.1"), "POSTED")
    assert desk.risk.risked_today == D("40.1")
    assert events("SLIPPAGE_EXCEEDED").count() == 1


@pytest.mark.parametrize("stop, closes", [("1.10100", False), ("1.09700", False), ("1.09590", True), (None, False)])
def test_a_stop_moved_up_since_hides_no_slippage_and_one_set_wider_shows_it(desk, stop, closes):
    answer, _ = granted(desk)

    assert bool(view(desk, shown(desk, answer, stop_loss=stop))) is closes


def test_a_position_is_told_once_though_report_and_view_both_show_it(desk):
    answer, approval = granted(desk)

    view(desk, shown(desk, answer, entry_price="1.10201"))
    fill(approval)

    assert events("SLIPPAGE_EXCEEDED").count() == 1
    assert desk.risk.risked_today == D("40.1")


def slip(desk, times, first=100):
    for number in range(first, first + times):
        _, approval = granted(desk)
        fill(approval, position_id=number)


def test_slipping_three_times_in_a_day_is_quarantine_and_refuses_new_risk(desk):
    slip(desk, 2)
    assert Bot.objects.get().status == "ACTIVE"
    slip(desk, 1, first=200)

    assert Bot.objects.get().status == "QUARANTINE"
    assert events("BOT_QUARANTINED").count() == 1
    assert desk.ask()["reason_code"] == "BOT_NOT_ACTIVE"


def test_how_often_a_bot_may_slip_is_a_setting(desk):
    desk.limit(max_slippages_per_day=None)
    slip(desk, 4)
    assert Bot.objects.get().status == "ACTIVE"
    desk.limit(max_slippages_per_day=5)
    slip(desk, 1, first=200)
    assert Bot.objects.get().status == "QUARANTINE"


def test_only_a_person_ends_a_quarantine(desk):
    set_bot_status(bot_id=desk.bot.pk, actor="system:risk", status="QUARANTINE")

    for status in ("ACTIVE", "PAUSED"):
        with pytest.raises(Forbidden) as refused:
            set_bot_status(bot_id=desk.bot.pk, actor="key:one", status=status)
        assert refused.value.code == "PERSON_REQUIRED"
    set_bot_status(bot_id=desk.bot.pk, actor="user:alice", status="ACTIVE", by_person=True)
    assert desk.ask()["approved"]


# --- positions without approval ---------------------------------------------------------------------------------------


def test_a_position_without_approval_is_told_when_it_is_seen_again_and_counted_from_the_first_view(desk):
    desk.limit(max_open_positions=1)
    row = shown(desk, magic=0, entry_price="1.10000")

    view(desk, row)
    assert not events("UNAPPROVED_POSITION")
    assert desk.ask()["reason_code"] == "MAX_POSITIONS"
    assert view(desk, row, after_s=11) == []  # the policy is to tell
    view(desk, row, after_s=20)

    (event,) = events("UNAPPROVED_POSITION")
    assert (event.severity, event.metrics["source"], event.metrics["action"]) == ("CRITICAL", "EXTERNAL", "NONE")
    told = OutboxEvent.objects.get(kind="risk.event", data__event_type="unapproved_position")
    assert told.data["account_id"] == desk.account.public_id


def test_the_policy_to_close_asks_the_agent_once_it_is_sure(desk):
    Account.objects.filter(pk=desk.account.pk).update(unapproved="CLOSE")
    row = shown(desk, opened_at=(MARKET_AT - timedelta(hours=1)).isoformat())

    assert view(desk, row) == []
    assert view(desk, row, after_s=11) == [{"action": "close", "ticket": 77, "reason": "UNAPPROVED"}]
    assert events("UNAPPROVED_POSITION").get().metrics["source"] == "UNAPPROVED"  # it carries the bot's magic


def test_a_policy_that_changes_closes_nothing_that_was_told_before(desk):
    row = shown(desk, magic=0)
    view(desk, row)
    view(desk, row, after_s=11)
    Account.objects.filter(pk=desk.account.pk).update(unapproved="CLOSE")

    assert view(desk, row, after_s=20) == []


def test_a_position_that_an_approval_stands_behind_is_never_flagged(desk):
    Account.objects.filter(pk=desk.account.pk).update(unapproved="CLOSE")
    answer, _ = granted(desk)
    row = shown(desk, answer)

    for after_s in (0, 11, 30):
        assert view(desk, row, after_s=after_s) == []
    assert not PositionFlag.objects.exists()


def test_a_report_that_comes_late_clears_the_doubt(desk):
    _, approval = granted(desk)
    row = shown(desk, opened_at=(MARKET_AT + timedelta(hours=1)).isoformat(), comment="broker's own")
    view(desk, row)
    assert PositionFlag.objects.get().told_at is None
    fill(approval, price="1.1")

    view(desk, row, after_s=11)

    assert PositionFlag.objects.get().cleared_by == "APPROVED"
    assert not events("UNAPPROVED_POSITION")


# --- circuit breakers -------------------------------------------------------------------------------------------------


def close_trade(desk, pnl, number, closed_at=MARKET_AT, bot=None):
    trade = Trade.objects.create(
        account=desk.account, position_id=number, bot=bot or desk.bot, source="REPORTED", symbol="EURUSD", side="BUY",
        volume_lots=1, open_lots=0, opened_at=closed_at, closed_at=closed_at + number * SECOND, entry_price=1, pnl=pnl,
        updated_at=read_at(),
    )  # fmt: skip
    review_closed(desk.account, [trade], read_at())


def lose(desk, *results, first=1, **more):
    for number, pnl in enumerate(results, first):
        close_trade(desk, pnl, number, **more)


def test_losses_in_a_row_stop_the_bot_until_the_next_day(desk):
    desk.limit(max_consecutive_losses=3)
    desk.ask()
    lose(desk, -1, -1)
    assert desk.ask()["approved"]
    lose(desk, -1, first=3)

    answer = desk.ask()
    assert (answer["reason_code"], "in a row" in answer["rejection_reason"]) == ("BOT_BREAKER", True)
    event = events("CONSECUTIVE_LOSSES").get()
    assert event.metrics["losses"] == 3
    lose(desk, -1, first=4)
    assert events("CONSECUTIVE_LOSSES").count() == 1

    desk.see(market_at=MARKET_AT.replace(day=5))
    assert desk.ask()["approved"]


@pytest.mark.parametrize(
    ("zone", "resets", "hour", "moved_to"),
    [("America/Chicago", time(17), 23, ""), ("UTC", time(), 2, "America/Los_Angeles")],
)
def test_losses_in_a_row_are_counted_on_the_day_in_force_however_it_turns(desk, zone, resets, hour, moved_to):
    """At 17:00 in Chicago the next date's day begins; a zone that was moved counts from the next day on only."""
    Account.objects.filter(pk=desk.account.pk).update(zone=zone, reset_time=resets)
    desk.limit(max_consecutive_losses=2)
    ended_at = MARKET_AT.replace(hour=hour, minute=30)
    desk.see(market_at=ended_at)
    desk.ask()
    if moved_to:
        Account.objects.filter(pk=desk.account.pk).update(zone=moved_to)
    desk.account.refresh_from_db()

    lose(desk, -1, -1, closed_at=ended_at)

    assert desk.ask()["reason_code"] == "BOT_BREAKER"
    desk.see(market_at=MARKET_AT.replace(day=7))
    assert desk.ask()["approved"]


def test_a_win_or_another_day_breaks_the_row(desk):
    desk.limit(max_consecutive_losses=3)
    desk.ask()
    lose(desk, -1, -1, 5, -1, -1)
    lose(desk, -1, -1, first=10, closed_at=MARKET_AT.replace(day=5))

    assert not BotBreaker.objects.exists()


def test_the_breaker_is_one_bots_and_off_where_no_limit_is_set(world, desk):
    lose(desk, *[-1] * 9)
    assert not BotBreaker.objects.exists()

    other = make_desk(world)
    other.limit(max_consecutive_losses=1)
    other.ask()
    lose(other, -1)
    assert (desk.ask()["approved"], other.ask()["reason_code"]) == (True, "BOT_BREAKER")


def test_a_person_closes_the_breaker_and_the_count_begins_anew(desk):
    desk.limit(max_consecutive_losses=2)
    desk.ask()
    lose(desk, -1, -1)
    lift_breaker(bot=desk.bot, actor="user:alice", at=read_at())

    assert desk.ask()["approved"]
    with pytest.raises(Conflict):
        lift_breaker(bot=desk.bot, actor="user:alice", at=read_at())
    lose(desk, -1, first=10)
    assert desk.ask()["approved"]
    lose(desk, -1, first=11)
    assert desk.ask()["reason_code"] == "BOT_BREAKER"


def test_watched_limits_tell_of_losses_and_stop_nobody(desk):
    desk.limit(max_consecutive_losses=1, mode="SHADOW")
    desk.ask()
    lose(desk, -1, -1)

    assert events("CONSECUTIVE_LOSSES").count() == 1
    assert desk.ask()["approved"]


def reject(desk):
    _, approval = granted(desk)
    fill(approval, outcome="REJECTED")


def test_orders_that_the_broker_goes_on_rejecting_stop_the_bot(desk):
    desk.limit(max_order_errors_per_hour=2)
    reject(desk)
    reject(desk)

    assert desk.ask()["reason_code"] == "BOT_BREAKER"
    assert events("ORDER_ERRORS").get().metrics == {"bot_id": desk.bot.bot_id, "errors": 2, "limit": 2}
    assert not events("EXECUTOR_ERRORS")


def test_errors_of_several_bots_are_the_executors(desk):
    from apps.bots.services import register_bot

    desk.limit(max_order_errors_per_hour=3)
    reject(desk)
    reject(desk)
    first, desk.bot = desk.bot, register_bot(account=desk.account, actor="test", bot_id="second", guild="ANALYST")
    reject(desk)

    assert events("EXECUTOR_ERRORS").count() == 1
    assert desk.ask()["approved"]
    assert desk.ask(bot_id=first.bot_id)["approved"]


def test_errors_of_an_hour_ago_are_forgotten(desk):
    desk.limit(max_order_errors_per_hour=2)
    reject(desk)
    Order.objects.filter(outcome=OrderOutcome.REJECTED).update(at=read_at() - timedelta(hours=1))
    reject(desk)

    assert desk.ask()["approved"]
