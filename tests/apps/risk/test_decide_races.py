"""Many at once: never more than there is room for, never one more day, never a neighbour's wait."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier, Event

import pytest
from django.db import connection, transaction

from apps.accounts.models import AccountRisk, TradingDay
from apps.common.clock import read_at
from apps.risk.models import Approval, Reservation
from apps.risk.services import decide, halt_account, settle_account, verify_chain
from tests.fleet import race
from tests.risk import MARKET_AT, make_desk

pytestmark = pytest.mark.django_db(transaction=True)
ROOM = 7


@pytest.fixture
def desk(transactional_db):
    from tests.world import make_world

    return make_desk(make_world())


def ask_at_once(desk, requests, threads=6):
    """Decide each request in a call of its own, from many threads that start together."""
    barrier = Barrier(threads)

    def work(part):
        barrier.wait(timeout=60)
        try:
            return [answer_until_decided(request) for request in part]
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(work, [requests[n::threads] for n in range(threads)])
        return [answer for part in parts for answer in part]


def answer_until_decided(request):
    """BUSY is a refusal that may be asked again, and here it is."""
    while True:
        (answer,) = decide([request], read_at())
        if answer.reason_code != "BUSY":
            return answer


def test_of_200_at_once_exactly_as_many_are_approved_as_there_is_room_for(desk):
    desk.limit(max_daily_risk_fraction=None)
    desk.see(equity=Decimal(100_000) - (2500 - ROOM * 240))  # 200 each, and 95 % of the limit is never reached
    requests = [desk.request(requested_lots=1) for _ in range(200)]

    answers = ask_at_once(desk, requests)

    room = (ROOM * 240) // 200
    assert sum(answer.approved for answer in answers) == room
    assert Approval.objects.filter(approved=True, reservation=Reservation.HELD).count() == room
    assert desk.risk.reserved == room * 200
    assert verify_chain(desk.account.pk) == []
    assert desk.risk.chain_number == 201  # the day, and 200 verdicts


def test_one_key_asked_by_many_at_once_is_judged_once(desk):
    request = desk.request(idempotency_key="one")

    answers = ask_at_once(desk, [request] * 32)

    assert len({answer.body for answer in answers}) == 1
    assert Approval.objects.count() == 1
    assert desk.risk.reserved == 20


def test_an_account_that_is_held_is_busy_and_its_neighbours_are_decided(desk):
    from tests.world import World, make_key

    other = make_desk(World(desk.owner, None, None, None, desk.account.team, None))
    make_key(desk.owner)
    held, done = Event(), Event()

    def hold():
        try:
            with transaction.atomic():
                AccountRisk.objects.select_for_update().get(account=desk.account)
                held.set()
                done.wait(timeout=60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(timeout=60)
        answers = decide([desk.request(idempotency_key="k"), other.request()], read_at())
        done.set()
        holding.result(timeout=60)

    assert [answer.reason_code for answer in answers] == ["BUSY", "APPROVED"]
    assert (answers[0].status, answers[0].approved) == (200, False)
    assert desk.answer(idempotency_key="k").approved  # nothing was kept under the key


def test_the_day_turns_once_however_many_need_it(desk):
    desk.ask()
    desk.see(market_at=MARKET_AT.replace(day=6))

    asking = [lambda: answer_until_decided(desk.request()) for _ in range(6)]
    settling = [lambda: settle_account(desk.account, read_at()) for _ in range(2)]
    outcomes = race(*asking, *settling)

    assert not [one for one in outcomes if isinstance(one, Exception)]
    days = list(TradingDay.objects.filter(account=desk.account).order_by("day").values_list("day", flat=True))
    assert [day.day for day in days] == [4, 5, 6]
    assert set(Approval.objects.exclude(day=days[0]).values_list("day", flat=True)) == {days[2]}


def test_nothing_is_approved_after_a_halt_was_committed(desk):
    def halt():
        halt_account(account=desk.account, reason="now", actor="test", at=read_at())
        return Approval.objects.filter(approved=True).count()

    outcomes = race(halt, *[lambda: answer_until_decided(desk.request()) for _ in range(8)])

    assert Approval.objects.filter(approved=True).count() == outcomes[0]


def test_accounts_asked_for_in_any_order_never_deadlock(desk):
    from tests.world import World

    desks = [desk, *(make_desk(World(desk.owner, None, None, None, desk.account.team, None)) for _ in range(5))]

    def ask_all(order):
        requests = [desks[n].request() for n in order]
        return lambda: decide(requests, read_at())

    orders = [range(6), range(5, -1, -1), [3, 0, 5, 1, 4, 2], [2, 4, 1, 5, 0, 3]]
    outcomes = race(*[ask_all(order) for order in orders])

    assert not [one for one in outcomes if isinstance(one, Exception)]
    reasons = {answer.reason_code for answers in outcomes for answer in answers}
    assert reasons <= {"APPROVED", "BUSY"}
    for one in desks:
        held = Approval.objects.filter(account=one.account, approved=True).count()
        assert one.risk.reserved == held * 20


def test_a_database_that_refuses_one_row_spoils_only_that_request(desk):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION refuse_marked() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.client_key = 'poison' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER poison BEFORE INSERT ON risk_approval FOR EACH ROW EXECUTE FUNCTION refuse_marked();
            """
        )
    try:
        keys = ["a", "poison", "b"]
        answers = decide([desk.request(idempotency_key=key) for key in keys], read_at())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON risk_approval; DROP FUNCTION refuse_marked()")

    assert [answer.status for answer in answers] == [200, 503, 200]
    assert [answer.approved for answer in answers] == [True, False, True]
    assert Approval.objects.count() == 2
    assert desk.risk.reserved == 40
    assert verify_chain(desk.account.pk) == []
