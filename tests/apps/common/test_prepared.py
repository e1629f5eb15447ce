"""Querysets compiled once: the same rows as the ORM's, several in one round trip."""

from __future__ import annotations

import pytest
from django.db import DataError, OperationalError, close_old_connections, connection, transaction
from django.db.models import Count, Sum
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import AccountRisk, LimitSet
from apps.bots.models import Bot
from apps.common.prepared import ONE, TWO, Asked, Prepared, ask_together
from apps.risk.models import Approval
from apps.risk.services.fact_rows import OPEN_RESERVATIONS
from tests.risk import make_desk

pytestmark = pytest.mark.django_db

LIMITS = Prepared(lambda: LimitSet.objects.filter(account_id__any=ONE, in_force=True))
RISKS = Prepared(lambda: AccountRisk.objects.select_for_update(no_key=True).filter(account_id__any=ONE))
RESERVED = Prepared(
    lambda: (
        Approval.objects.filter(account_id__any=ONE, reservation__in=OPEN_RESERVATIONS)
        .order_by()
        .values_list("symbol", "side")
        .annotate(Count("pk"), Sum("reserved"))
    )
)


@pytest.fixture
def desk(world):
    made = make_desk(world)
    made.see()
    return made


def test_a_row_is_the_orms_row_to_every_field(desk):
    ((found,),) = ask_together(LIMITS([desk.account.pk]))

    kept = LimitSet.objects.get(account=desk.account, in_force=True)
    for field in LimitSet._meta.concrete_fields:
        assert getattr(found, field.attname) == getattr(kept, field.attname), field.name
    assert found == kept
    assert not found._state.adding
    assert found.account == desk.account  # what is not read is read when it is asked for


def test_fields_left_out_are_read_when_asked_for(desk):
    names = Prepared(lambda: Bot.objects.only("bot_id").filter(account_id__any=ONE))

    ((bot,),) = ask_together(names([desk.account.pk]))

    assert bot.get_deferred_fields() >= {"tags", "status"}
    assert (bot.bot_id, bot.status) == (desk.bot.bot_id, desk.bot.status)


def test_sums_are_the_orms_sums(desk):
    desk.ask(), desk.ask()

    (rows,) = ask_together(RESERVED([desk.account.pk]))

    asked = Approval.objects.filter(account=desk.account, reservation__in=OPEN_RESERVATIONS)
    assert rows == [("EURUSD", "BUY", 2, sum(one.reserved for one in asked))]


def test_several_are_answered_in_their_order_and_an_empty_list_finds_nothing(desk):
    with transaction.atomic():
        risks, limits, nothing = ask_together(
            RISKS([desk.account.pk]), LIMITS([desk.account.pk, desk.bot.pk]), LIMITS([])
        )

    assert ([one.account_id for one in risks], len(limits), nothing) == ([desk.account.pk], 1, [])


def test_places_may_stand_in_another_order_than_their_parameters(desk):
    named = Prepared(lambda: Bot.objects.filter(bot_id__any=TWO, account_id__any=ONE).values_list("pk"))

    assert ask_together(named([desk.account.pk], [desk.bot.bot_id])) == [[(desk.bot.pk,)]]


def test_what_is_always_the_same_is_written_into_the_statement():
    """Else a partial index is not taken once the server has a plan for all values."""
    assert "IN ('HELD', 'UNRESOLVED')" in RESERVED([]).sql


def test_who_watches_the_statements_sees_each_and_gets_the_same(desk):
    asked = (LIMITS([desk.account.pk]), RESERVED([desk.account.pk]))
    together = ask_together(*asked)

    with CaptureQueriesContext(connection) as captured:
        assert ask_together(*asked) == together

    assert len(captured) == 2


def test_the_first_that_fails_is_raised_as_djangos_error_and_the_transaction_is_broken(desk):
    bad = Asked("SELECT 1 / %s::int", [0])

    with pytest.raises(DataError, match="division by zero"), transaction.atomic():
        ask_together(LIMITS([desk.account.pk]), bad, RESERVED([desk.account.pk]))

    assert ask_together(LIMITS([desk.account.pk]))[0]


@pytest.mark.django_db(transaction=True)
def test_statements_that_were_not_carried_out_are_prepared_anew(desk):
    connection.close()
    bad = Asked("SELECT 1 / %s::int", [0])

    for _ in range(3):
        with pytest.raises(DataError), transaction.atomic():
            ask_together(bad, LIMITS([desk.account.pk]))

    assert len(ask_together(LIMITS([desk.account.pk]), RESERVED([desk.account.pk]))[0]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_cut_is_an_error_once_and_prepared_anew(desk):
    ask_together(LIMITS([desk.account.pk]))
    cut(connection.connection.info.backend_pid)

    with pytest.raises(OperationalError):
        ask_together(LIMITS([desk.account.pk]))
    close_old_connections()

    assert len(ask_together(LIMITS([desk.account.pk]))[0]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_lock_outside_of_a_transaction_is_refused_each_time(desk):
    with transaction.atomic():
        ask_together(RISKS([desk.account.pk]))

    with pytest.raises(TransactionManagementError, match="outside of a transaction"):
        ask_together(RISKS([desk.account.pk]))


def test_a_row_of_several_models_is_refused():
    joined = Prepared(lambda: LimitSet.objects.select_related("account").filter(account_id__any=ONE))

    with pytest.raises(TypeError, match="one by one"):
        joined([])


@pytest.mark.django_db(transaction=True)
def test_a_lock_that_is_not_free_in_time_is_an_operational_error(desk):
    from threading import Event, Thread

    held, done = Event(), Event()

    def hold():
        with transaction.atomic():
            ask_together(RISKS([desk.account.pk]))
            held.set()
            done.wait(20)
        connection.close()

    thread = Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        wait = Asked("SELECT set_config('lock_timeout', '50ms', true)")
        with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
            ask_together(wait, RISKS([desk.account.pk]), LIMITS([desk.account.pk]))
    finally:
        done.set()
        thread.join()


def cut(pid):
    """End a connection of ours as a restart of the server does, over another one."""
    from threading import Thread

    def end():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()

    thread = Thread(target=end)
    thread.start()
    thread.join()
