"""`decide`: judged, kept and answered in one transaction; repeats, neighbours, reservations, the log."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import AccountRisk, LimitSet
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.market.models import SymbolSpecification
from apps.market.services import accept_specification
from apps.risk.models import Approval, Decision, Reservation
from apps.risk.services import decide, verify_chain
from apps.teams.models import ApiKey
from tests.risk import make_desk, shown, store_quote
from tests.world import make_key

pytestmark = pytest.mark.django_db


def test_an_approval_reserves_its_risk_and_is_kept_with_what_was_answered(desk):
    answer = desk.answer()
    shape = json.loads(answer.body)

    approval = Approval.objects.get()
    assert (answer.status, shape["approved"], shape["reason_code"]) == (200, True, "APPROVED")
    assert (shape["adjusted_lots"], shape["risk_amount"], shape["risk_pct"]) == (0.1, 20, 0.02)
    assert shape["approval_id"] == approval.public_id
    assert shape["tag"] == approval.tag
    assert len(approval.tag) <= 27
    assert shape["valid_for_ms"] == 5000
    assert approval.response.encode() == answer.body
    assert (approval.reservation, approval.reserved) == (Reservation.HELD, Decimal(20))
    risk = desk.risk
    assert (risk.reserved, risk.risked_today, risk.approved_today) == (Decimal(20), Decimal(20), 1)
    assert risk.day is not None


def test_a_denial_is_an_answer_and_reserves_nothing(desk):
    desk.bot.status = "PAUSED"
    desk.bot.save()

    answer = desk.answer()

    shape = json.loads(answer.body)
    assert (answer.status, shape["approved"], shape["reason_code"]) == (200, False, "BOT_NOT_ACTIVE")
    assert shape["rejection_reason"]
    assert shape["adjusted_lots"] == shape["risk_amount"] == 0
    assert shape["tag"] is None
    assert Approval.objects.get().reservation == Reservation.NONE
    assert desk.risk.reserved == 0


def test_each_decision_is_told_and_logged(desk):
    desk.ask()
    desk.ask(stop_loss=1.2)

    told = list(OutboxEvent.objects.filter(kind="approval.decided").order_by("id").values_list("data", flat=True))
    assert [one["reason_code"] for one in told] == ["APPROVED", "SL_WRONG_SIDE"]
    lines = [(line.number, json.loads(line.body)["kind"]) for line in Decision.objects.order_by("number")]
    assert lines == [(1, "day"), (2, "approval"), (3, "approval")]
    assert all(len(line.body) <= 2048 for line in Decision.objects.all())
    assert verify_chain(desk.account.pk) == []


def test_the_same_key_gets_the_same_bytes_and_reserves_once(desk):
    first = desk.answer(idempotency_key="once")
    second = desk.answer(idempotency_key="once")
    third = desk.answer(client_request_id="once")

    assert first.body == second.body == third.body
    assert second.replayed
    assert Approval.objects.count() == 1
    assert desk.risk.reserved == 20


def test_the_same_key_with_another_body_is_refused(desk):
    desk.answer(idempotency_key="once")

    answer = desk.answer(idempotency_key="once", requested_lots=0.2)

    assert (answer.status, answer.reason_code) == (422, "IDEMPOTENCY_CONFLICT")
    assert Approval.objects.count() == 1


def test_without_a_key_each_request_is_judged_anew(desk):
    desk.ask()
    desk.ask()

    assert Approval.objects.count() == 2


def test_repeats_within_one_batch_are_folded(desk):
    requests = [desk.request(idempotency_key="a") for _ in range(5)] + [
        desk.request(idempotency_key="a", requested_lots=0.05)
    ]

    answers = decide(requests, read_at())

    assert len({answer.body for answer in answers[:5]}) == 1
    assert answers[5].status == 422
    assert Approval.objects.count() == 1


def test_one_bad_item_spoils_no_other(world, desk):
    other = make_desk(world)
    LimitSet.objects.filter(account=other.account).update(document={"broken": True})
    stranger = replace(desk.request(), body=replace_bot(desk.request().body, "nobody"))

    answers = decide([stranger, other.request(), desk.request()], read_at())

    assert [answer.status for answer in answers] == [404, 200, 200]
    assert [answer.approved for answer in answers] == [False, False, True]
    assert answers[1].reason_code == "LIMITS_BROKEN"


def replace_bot(body, bot_id):
    import msgspec

    return msgspec.structs.replace(body, bot_id=bot_id)


def test_a_batch_counts_each_trade_against_the_next(desk):
    desk.limit(max_open_positions=3)

    answers = decide([desk.request() for _ in range(10)], read_at())

    assert [answer.approved for answer in answers] == [True] * 3 + [False] * 7
    assert {answer.reason_code for answer in answers[3:]} == {"MAX_POSITIONS"}


def test_a_stale_view_a_missing_view_and_an_unknown_symbol_are_denied(desk):
    desk.see(taken_at=read_at() - timedelta(seconds=16))
    assert desk.ask()["reason_code"] == "ACCOUNT_STALE"

    desk.see()
    assert desk.ask(symbol="GBPUSD")["reason_code"] == "SYMBOL_UNKNOWN"

    desk.see(complete=False)
    assert desk.ask()["reason_code"] == "SNAPSHOT_INCOMPLETE"


def test_a_symbol_the_broker_changed_waits_for_a_person(desk):
    rows = SymbolSpecification.objects.filter(account=desk.account, symbol="EURUSD")
    rows.update(drift={"volume_step": ["0.01", "0.10"]})
    answer = desk.ask()
    assert (answer["approved"], answer["reason_code"]) == (False, "SPEC_CHANGED")
    assert "volume_step" in answer["rejection_reason"]

    accept_specification(account=desk.account, symbol="EURUSD", actor="alice", at=read_at())
    assert desk.ask()["approved"]


@pytest.mark.parametrize("latch", ["account", "team", "platform", "breach", "day"])
def test_any_latch_on_the_row_denies(desk, latch):
    desk.ask()
    AccountRisk.objects.filter(account=desk.account).update(**{f"{latch}_latch": "because"})

    assert desk.ask()["reason_code"] == f"HALTED_{latch.upper()}"


def test_open_positions_count_with_what_they_lose_to_their_stops(desk):
    desk.see(positions=[shown(desk, volume_lots="11.5")])  # 2300 of 2500

    assert desk.ask(requested_lots=1)["approved"]  # 200
    assert desk.ask(requested_lots=0.01)["reason_code"] == "DAILY_LOSS_LIMIT"


def test_a_position_without_a_stop_denies_all_new_risk(desk):
    desk.see(positions=[shown(desk, stop_loss=None)])

    assert desk.ask()["reason_code"] == "POSITION_WITHOUT_STOP"


def test_an_external_bot_is_held_to_the_stored_quote_while_that_is_fresh(desk):
    store_quote(desk.account, bid="1.10500", ask="1.10502")
    assert desk.ask(bid=1.1, ask=1.1)["reason_code"] == "PRICE_OFF_MARKET"

    desk.account.quotes.update(received_at=read_at() - timedelta(seconds=20))
    assert desk.ask()["approved"]


@pytest.mark.parametrize(
    "change, status, code",
    [
        ({"revoked_at": "now"}, 401, "KEY_REVOKED"),
        ({"expires_at": "now"}, 401, "KEY_EXPIRED"),
        ({"scopes": ["trades:read"]}, 403, "SCOPE_MISSING"),
        ({"allowed_ips": ["10.0.0.0/8"]}, 403, "ADDRESS_NOT_ALLOWED"),
        ({"digest": "0" * 64}, 401, "KEY_INVALID"),
    ],
)
def test_the_key_is_read_with_the_decision(desk, change, status, code):
    values = {name: read_at() if value == "now" else value for name, value in change.items()}
    ApiKey.objects.filter(key_id__in=[desk.key.split("_")[2][:8]]).update(**values)

    answer = desk.answer()

    assert (answer.status, answer.reason_code) == (status, code)
    assert not Approval.objects.exists()


def test_a_key_asks_for_its_own_teams_bots_only(world, desk):
    _, foreign = make_key(world.charlie, ["trades:approve"])

    assert desk.answer(key=foreign).status == 404


def test_a_key_bound_to_an_account_asks_for_that_account_only(world, desk):
    other = make_desk(world)
    _, bound = make_key(world.alice, ["trades:approve"], account_id=other.account.pk)

    assert desk.answer(key=bound).status == 404
    assert other.answer(key=bound).approved


def test_decide_takes_at_most_256(desk):
    with pytest.raises(ValueError):
        decide([desk.request()] * 257, read_at())
    assert decide([], read_at()) == []
