"""What a batch costs the database: as many statements for two hundred requests as for two."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.bots.services import register_bot
from apps.common.bulk import FEW
from apps.common.clock import read_at
from apps.risk.models import Approval
from apps.risk.services import decide
from apps.teams import limits
from tests.risk import make_desk, shown

pytestmark = pytest.mark.django_db
MOST_STATEMENTS = 22  # in five round trips and the commit; a new fact may need one more: then say so here


@pytest.fixture
def desks(world):
    first = make_desk(world)
    made = [first, *(make_desk(world, key=first.key) for _ in range(3))]
    for desk in made:
        desk.limit(max_open_positions=None, mode="SHADOW")
        desk.see(positions=[shown(desk)])
    return made


def count_statements(desks, items: int) -> int:
    bots = [
        register_bot(account=d.account, actor="test", bot_id=f"b-{uuid.uuid4().hex}", guild="ANALYST") for d in desks
    ]
    asked = [
        desks[n % len(desks)].request(bot_id=bots[n % len(desks)].bot_id, idempotency_key=uuid.uuid4().hex)
        for n in range(items)
    ]
    limits.buckets.forget()
    at = read_at()
    with CaptureQueriesContext(connection) as captured:
        answers = decide(asked, at)
    assert all(answer.approved for answer in answers)
    return len(captured)


def test_the_number_of_statements_grows_neither_with_requests_nor_with_accounts(
    desks, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        count_statements(desks, 4)  # the first of each account turns its day, and files limits and terms

    few, many, more_accounts = (
        count_statements(desks[:1], FEW + 1),
        count_statements(desks[:1], 120),
        count_statements(desks, 120),
    )

    assert few == many == more_accounts
    assert few <= MOST_STATEMENTS
    assert Approval.objects.count() == 244 + FEW + 1


def test_open_reservations_add_no_statements(desks):
    count_statements(desks, 4)
    few = count_statements(desks, 4)
    count_statements(desks, 200)

    assert count_statements(desks, 4) == few
