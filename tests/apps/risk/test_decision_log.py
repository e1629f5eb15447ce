"""The decision log: the database refuses changes, and the chain shows those it could not refuse."""

import pytest
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import AccountRisk
from apps.risk.models import Decision
from apps.risk.services import verify_chain
from apps.risk.services.decision_log import hash_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(desk):
    for _ in range(4):
        desk.ask()
    return desk


def past_the_guard(statement, *values):
    """Change the table as an intruder with all rights would."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE risk_decision DISABLE TRIGGER decision_append_only")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE risk_decision ENABLE TRIGGER decision_append_only")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda rows: rows.update(body="{}"),
        lambda rows: rows.filter(number=2).delete(),
        lambda rows: rows.filter(number=4)._raw_delete(using="default"),
    ],
)
def test_the_database_refuses_to_change_or_delete_a_decision(logged, attempt):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        attempt(Decision.objects.all())
    assert Decision.objects.count() == 4


def test_an_untouched_log_has_no_faults(logged):
    assert verify_chain(logged.account.pk) == []


@pytest.mark.parametrize(
    "statement, fault",
    [
        ("UPDATE risk_decision SET body = replace(body, 'true', 'false') WHERE number = 2", "line 2 was changed"),
        ("DELETE FROM risk_decision WHERE number = 2", "line 2 is missing"),
        ("DELETE FROM risk_decision WHERE number = 4", "the log has 3 lines"),
        ("UPDATE risk_decision SET number = CASE number WHEN 2 THEN 3 ELSE 2 END WHERE number IN (2, 3)", "line 2"),
        ("UPDATE risk_decision SET previous_hash = '' WHERE number = 3", "line 3 does not follow"),
        (
            "INSERT INTO risk_decision (account_id, number, at, body, previous_hash, hash) "
            "SELECT account_id, 5, at, body, hash, hash FROM risk_decision WHERE number = 4",
            "line 5 was changed",
        ),
    ],
)
def test_verify_chain_finds_each_kind_of_tampering(logged, statement, fault):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE risk_decision DROP CONSTRAINT decision_number_once")
    past_the_guard(statement)

    assert any(found.startswith(fault) for found in verify_chain(logged.account.pk))


def test_a_last_line_rewritten_with_a_right_hash_is_found_by_the_head(logged):
    last = Decision.objects.get(number=4)
    forged = last.body.replace("EURUSD", "GBPUSD")
    past_the_guard(
        "UPDATE risk_decision SET body = %s, hash = %s WHERE number = 4", forged, hash_line(last.previous_hash, forged)
    )

    assert verify_chain(logged.account.pk) == ["the last line is not the one the account knows"]


def test_a_log_cut_off_together_with_its_count_is_found_by_the_head(logged):
    past_the_guard("DELETE FROM risk_decision WHERE number = 4")
    AccountRisk.objects.filter(account=logged.account).update(chain_number=3)

    assert verify_chain(logged.account.pk) == ["the last line is not the one the account knows"]
