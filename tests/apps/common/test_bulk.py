"""Rows that go in by COPY, or by prepared inserts in one round trip, are the rows that the ORM would have made."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.common.bulk import copy_rows, insert_rows, new_row, update_rows
from apps.common.ids import new_id
from apps.common.models import OutboxEvent
from apps.common.prepared import one_round_trip
from apps.risk.models import Approval, Decision

pytestmark = pytest.mark.django_db
ODD = 'a "quote", a\ttab, a\nline, \\N, \\., ö, 漢, 😀'


def insert_together(rows) -> None:
    with one_round_trip():
        insert_rows(rows)


both_ways = pytest.mark.parametrize("put", [copy_rows, insert_together], ids=["copy", "insert"])


def make_event(**changes) -> OutboxEvent:
    return OutboxEvent(**{"team_id": new_id(), "kind": "test", "data": {"n": 1}, **changes})


@both_ways
def test_values_come_back_as_they_went_in_and_the_database_gives_its_defaults(put):
    event = make_event(kind="odd", data={"text": ODD, "list": [1, 0.5, None, True], "deep": {"x": []}})

    put([event, make_event(account_id=new_id())])

    kept = OutboxEvent.objects.get(kind="odd")
    assert (kept.event_id, kept.team_id, kept.account_id) == (event.event_id, event.team_id, None)
    assert kept.data == json.loads(json.dumps(event.data))
    assert kept.created_at is not None
    assert kept.pk > 0


def test_many_rows_are_one_statement_and_none_are_no_statement():
    with CaptureQueriesContext(
        connection,
    ) as captured:
        copy_rows([])
        copy_rows([make_event() for _ in range(300)])

    assert len(captured) == 1
    assert OutboxEvent.objects.count() == 300


@both_ways
def test_a_constraint_holds_for_all_or_nothing(put):
    event = make_event()
    twin = make_event(event_id=event.event_id)

    with pytest.raises(IntegrityError), transaction.atomic():
        put([make_event(), event, twin])

    assert not OutboxEvent.objects.exists()


@both_ways
def test_a_decimal_has_no_place_in_a_json_column(put):
    with pytest.raises(TypeError), transaction.atomic():
        put([make_event(data={"lots": Decimal("0.1")})])


@pytest.mark.parametrize("model", [OutboxEvent, Approval, Decision])
def test_a_new_row_is_the_row_that_the_constructor_makes(model):
    given = {"account_id": new_id(), **({"event_id": new_id()} if model is OutboxEvent else {"at": None})}
    if model is Approval:
        given["id"] = new_id()

    quick, slow = new_row(model, **given), model(**given)

    names = [field.attname for field in model._meta.concrete_fields if not field.has_db_default()]
    assert [getattr(quick, name) for name in names] == [getattr(slow, name) for name in names]
    assert (quick._state.adding, quick._state.db) == (True, None)


def test_each_new_row_has_defaults_of_its_own():
    one, other = new_row(OutboxEvent), new_row(OutboxEvent)

    assert one.event_id != other.event_id
    assert one.data == {}
    assert one.data is not other.data


def test_a_new_row_refuses_a_name_that_is_no_columns():
    with pytest.raises(TypeError, match="OutboxEvent has no colour"):
        new_row(OutboxEvent, colour="red")


def test_an_update_writes_the_named_columns_of_all_rows_in_one_statement():
    copy_rows([make_event(kind="a"), make_event(kind="b"), make_event(kind="c")])
    first, second, third = OutboxEvent.objects.order_by("kind")
    team, when = new_id(), first.created_at
    first.kind, first.team_id, first.number, first.published_at, first.account_id = ODD, None, None, None, new_id()
    second.kind, second.team_id, second.number, second.published_at = "100% new", team, 7, when

    with CaptureQueriesContext(connection) as captured:
        update_rows([], ("kind",))
        update_rows([first, second], ("kind", "team_id", "number", "published_at"))

    assert len(captured) == 1
    columns = ("kind", "team_id", "number", "published_at", "account_id")
    assert OutboxEvent.objects.filter(pk=first.pk).values_list(*columns).get() == (ODD, None, None, None, None)
    assert OutboxEvent.objects.filter(pk=second.pk).values_list(*columns).get() == ("100% new", team, 7, when, None)
    assert OutboxEvent.objects.get(pk=third.pk).kind == "c"


def test_an_update_refuses_what_the_column_refuses_and_makes_no_row_that_is_gone():
    copy_rows([make_event()])
    event = OutboxEvent.objects.get()
    event.kind = "x" * 61

    with pytest.raises(DataError), transaction.atomic():
        update_rows([event], ("kind",))

    OutboxEvent.objects.all().delete()
    event.kind = "x"
    update_rows([event], ("kind",))
    assert not OutboxEvent.objects.exists()
