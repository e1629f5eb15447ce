"""Reserved risk counts until it is proven that it need not."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from apps.bots.services import register_bot
from apps.common.clock import read_at
from apps.risk.models import Approval, Reservation, RiskEvent
from apps.risk.services import decide, resolve_reservation, settle_account, settle_after_snapshot
from apps.risk.services.fact_rows import OPEN_RESERVATIONS
from apps.risk.services.facts import load_facts
from apps.risk.services.matching import find_approval_for
from apps.risk.services.reservations import load_held, mark_unresolved, settle_reservations
from apps.trades.models import Trade
from apps.trades.services.orders import OutcomeTold
from tests.risk import MARKET_AT, shown

pytestmark = pytest.mark.django_db
LATER = timedelta(seconds=16)


def told(approval, outcome="DONE", **more):
    given = {
        "approval_id": approval.pk,
        "bot_id": approval.bot_id,
        "symbol": approval.symbol,
        "side": approval.side,
        "volume_lots": approval.adjusted_lots,
        "outcome": outcome,
        "filled_lots": approval.adjusted_lots if outcome == "DONE" else Decimal(0),
        "position_id": 77 if outcome in ("DONE", "PARTIAL") else None,
        "price": Decimal("1.10000") if outcome in ("DONE", "PARTIAL") else None,
    }
    return OutcomeTold(**{**given, **more})


def resolve(approval, outcome="DONE", stop_loss=Decimal("1.09800"), **more):
    return resolve_reservation(
        approval=approval, told=told(approval, outcome, **more), stop_loss=stop_loss, at=read_at()
    )


def granted(desk, **changes):
    answer = desk.ask(**changes)
    assert answer["approved"]
    return answer, Approval.objects.get(tag=answer["tag"])


def reservation_of(approval):
    return Approval.objects.get(pk=approval.pk).reservation


@pytest.mark.parametrize("outcome", ["REJECTED", "NOT_SENT"])
def test_a_definitive_no_frees_the_reservation_and_the_days_risk(desk, outcome):
    _, approval = granted(desk)

    assert resolve(approval, outcome)["action"] == "none"
    assert resolve(approval, outcome)["action"] == "none"  # told twice

    risk = desk.risk
    assert reservation_of(approval) == Reservation.VOID
    assert (risk.reserved, risk.risked_today) == (0, 0)


def test_an_unresolved_order_goes_on_counting(desk):
    _, approval = granted(desk)

    resolve(approval, "UNRESOLVED")

    assert reservation_of(approval) == Reservation.HELD
    assert desk.risk.reserved == 20


def test_time_alone_never_frees_a_reservation(desk):
    _, approval = granted(desk)

    settle_account(desk.account, read_at() + timedelta(days=3))

    assert reservation_of(approval) == Reservation.UNRESOLVED
    assert desk.risk.reserved == 20
    assert RiskEvent.objects.filter(event_type="RESERVATION_UNRESOLVED").count() == 1


def test_a_reported_fill_counts_as_reserved_until_a_view_shows_the_position(desk):
    answer, approval = granted(desk)

    resolve(approval)
    assert (reservation_of(approval), desk.risk.reserved) == (Reservation.HELD, 20)

    desk.see(positions=[shown(desk, answer)])
    settle_after_snapshot(desk.account, read_at())
    assert (reservation_of(approval), desk.risk.reserved) == (Reservation.POSTED, 0)
    assert desk.risk.risked_today == 20


def test_an_incomplete_view_frees_nothing(desk):
    answer, _approval = granted(desk)
    later = read_at() + LATER
    desk.see(complete=False, taken_at=later, positions=[shown(desk, answer)])

    settle_account(desk.account, later)

    assert desk.risk.reserved == 20


def test_a_complete_view_without_the_tag_frees_only_after_validity_and_ten_seconds(desk):
    _, approval = granted(desk)
    due = approval.valid_until + timedelta(seconds=10)

    desk.see(taken_at=due)
    settle_account(desk.account, due)
    assert desk.risk.reserved == 20

    desk.see(taken_at=due + timedelta(milliseconds=1))
    settle_account(desk.account, due + timedelta(milliseconds=1))
    assert (reservation_of(approval), desk.risk.reserved) == (Reservation.VOID, 0)


def test_an_old_view_frees_nothing_however_late_it_is_looked_at(desk):
    _, _approval = granted(desk)

    settle_account(desk.account, read_at() + timedelta(hours=1))

    assert desk.risk.reserved == 20


def test_a_trade_that_came_and_went_between_two_views_is_posted(desk):
    _, approval = granted(desk)
    Trade.objects.create(
        account=desk.account, position_id=77, bot=desk.bot, approval_id=approval.pk, source="REPORTED",
        symbol="EURUSD", side="BUY", volume_lots=1, open_lots=0, opened_at=MARKET_AT, closed_at=MARKET_AT,
        entry_price=1, updated_at=read_at(),
    )  # fmt: skip
    desk.see()

    settle_account(desk.account, read_at())

    assert (reservation_of(approval), desk.risk.reserved) == (Reservation.POSTED, 0)


def test_a_trade_that_the_deals_know_and_the_positions_do_not_yet_show_is_held(desk):
    _, approval = granted(desk)
    Trade.objects.create(
        account=desk.account, position_id=77, bot=desk.bot, approval_id=approval.pk, source="REPORTED",
        symbol="EURUSD", side="BUY", volume_lots=1, open_lots=1, opened_at=MARKET_AT, entry_price=1, updated_at=read_at(),
    )  # fmt: skip
    later = read_at() + LATER
    desk.see(taken_at=later)

    settle_account(desk.account, later)

    assert desk.risk.reserved == 20


def test_one_position_answers_for_one_approval_only(desk):
    _, first = granted(desk)
    _, second = granted(desk)
    desk.see(positions=[shown(desk)])  # the broker dropped the comment

    settle_account(desk.account, read_at())

    assert [reservation_of(first), reservation_of(second)] == [Reservation.POSTED, Reservation.HELD]


def test_slippage_beyond_twice_the_plan_closes_the_position_and_is_told_once(desk):
    _, approval = granted(desk)

    answer = resolve(approval, price=Decimal("1.10201"))  # 401 of 200 points
    again = resolve(approval, price=Decimal("1.10201"))

    assert answer == {"action": "close", "ticket": 77, "lots": 0.1}
    assert again == answer
    assert RiskEvent.objects.filter(event_type="SLIPPAGE_EXCEEDED", severity="CRITICAL").count() == 1
    assert desk.risk.reserved == Decimal("40.1")  # the true risk counts at once


def test_slippage_up_to_twice_the_plan_is_kept(desk):
    _, approval = granted(desk)

    assert resolve(approval, price=Decimal("1.10200"))["action"] == "none"
    assert desk.risk.reserved == 40


def test_a_partial_fill_is_held_to_its_share_of_the_plan(desk):
    _, approval = granted(desk)

    kept = resolve(approval, "PARTIAL", filled_lots=Decimal("0.05"), price=Decimal("1.10200"))
    closed = resolve(approval, "PARTIAL", filled_lots=Decimal("0.05"), price=Decimal("1.10201"))

    assert kept["action"] == "none"
    assert closed == {"action": "close", "ticket": 77, "lots": 0.05}


def test_a_report_that_comes_late_does_not_hold_what_is_posted_again(desk):
    answer, approval = granted(desk)
    desk.see(positions=[shown(desk, answer)])
    settle_account(desk.account, read_at())

    resolve(approval)

    assert (reservation_of(approval), desk.risk.reserved) == (Reservation.POSTED, 0)


def find(desk, **more):
    given = {
        "account_id": desk.account.pk,
        "magic": desk.bot.magic,
        "symbol": "EURUSD",
        "side": "BUY",
        "volume_lots": Decimal("0.10"),
        "opened_at": MARKET_AT,
    }
    return find_approval_for(**{**given, **more})


def test_a_position_is_matched_by_request_id_then_tag_then_likeness(desk):
    answer, approval = granted(desk)

    assert find(desk, magic=1, request_id=answer["request_id"]) == approval
    assert find(desk, magic=1, comment=answer["tag"]) == approval
    assert find(desk) == approval
    assert find(desk, volume_lots=Decimal("0.05")) == approval


def test_an_approval_clears_one_position_however_it_is_named(desk):
    answer, approval = granted(desk)
    Approval.objects.filter(pk=approval.pk).update(position_id=77)

    for name in ({"request_id": answer["request_id"]}, {"comment": answer["tag"]}, {}):
        assert find(desk, position_id=77, **name) == approval
        assert find(desk, position_id=78, **name) is None
        assert find(desk, **name) is None


@pytest.mark.parametrize("other", [{"symbol": "GBPUSD"}, {"side": "SELL"}])
def test_naming_an_approval_does_not_stretch_it_to_another_trade(desk, other):
    answer, _ = granted(desk)

    assert find(desk, request_id=answer["request_id"], **other) is None
    assert find(desk, comment=answer["tag"], **other) is None


@pytest.mark.parametrize(
    "change",
    [
        {"magic": 1},
        {"symbol": "GBPUSD"},
        {"side": "SELL"},
        {"volume_lots": Decimal("0.11")},
        {"opened_at": MARKET_AT + timedelta(seconds=16)},
        {"opened_at": MARKET_AT - timedelta(seconds=11)},
    ],
)
def test_what_is_not_alike_has_no_approval(desk, change):
    granted(desk)

    assert find(desk, **change) is None


def outcomes_of(desk, held, at):
    """Return what becomes of all reservations where these are settled, and take it back."""
    with transaction.atomic():
        mark = transaction.savepoint()
        facts = load_facts([desk.risk], {desk.account.pk: desk.account})[desk.account.pk]
        mark_unresolved(facts, settle_reservations(facts, held, at), at)
        found = dict(Approval.objects.values_list("pk", "reservation")), facts.risk.reserved
        transaction.savepoint_rollback(mark)
    return found


def all_held(desk):
    rows = Approval.objects.filter(account=desk.account, reservation__in=OPEN_RESERVATIONS)
    return list(rows.order_by("at", "pk"))


@pytest.mark.parametrize("later_s", [0, 12, 16, 30])
def test_what_is_not_looked_at_would_have_stayed_open(desk, later_s):
    tagged, _ = granted(desk)
    granted(desk), granted(desk, requested_lots=0.02)
    (_, known), (_, gone), (_, traded), (_, open_trade) = granted(desk), granted(desk), granted(desk), granted(desk)
    granted(desk, direction="SELL", stop_loss=1.10200), granted(desk), granted(desk)
    Approval.objects.filter(pk=known.pk).update(position_id=90)
    Approval.objects.filter(pk=gone.pk).update(position_id=91)
    for number, (approval, ended) in enumerate([(traded, MARKET_AT), (open_trade, None)]):
        Trade.objects.create(
            account=desk.account, position_id=95 + number, bot=desk.bot, approval_id=approval.pk, source="REPORTED",
            symbol="EURUSD", side="BUY", volume_lots=1, open_lots=0, opened_at=MARKET_AT, closed_at=ended,
            entry_price=1, updated_at=read_at(),
        )  # fmt: skip
    at = read_at() + timedelta(seconds=later_s)
    positions = [
        shown(desk, tagged),
        shown(desk, position_id=78, ticket=78),
        shown(desk, position_id=90, ticket=90, comment="another's"),
        shown(desk, position_id=79, ticket=79, magic=1),
    ]
    orders = [
        {
            **shown(desk, ticket=80, volume_lots="0.02"),
            "order_type": "BUY_LIMIT",
            "price": "1.1",
            "placed_at": MARKET_AT.isoformat(),
        }
    ]
    snapshot = desk.see(positions=positions, orders=orders, taken_at=at)
    snapshot.refresh_from_db()

    assert outcomes_of(desk, load_held(desk.account.pk, snapshot, at), at) == outcomes_of(desk, all_held(desk), at)


def test_a_burst_that_is_in_flight_is_not_looked_at_under_the_lock(desk, world):
    desk.limit(max_open_positions=None, mode="SHADOW")
    other = register_bot(account=desk.account, actor="test", bot_id="another", guild="ANALYST")
    answers = decide([desk.request(bot_id="another", idempotency_key=f"k{n}") for n in range(60)], read_at())
    assert all(answer.approved for answer in answers)
    snapshot = desk.see(positions=[shown(desk)])
    snapshot.refresh_from_db()

    assert load_held(desk.account.pk, snapshot, read_at()) == []
    assert Approval.objects.filter(bot=other, reservation=Reservation.HELD).count() == 60
