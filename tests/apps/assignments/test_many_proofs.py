"""What many agents prove in the same moment: each command gets the state that its own agent has shown."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.assignments.services import Observation, activate, apply_all_observed, stop
from apps.common.clock import read_at
from apps.executors.models import Command
from tests.fleet import make_account, make_executor, make_strategy, status

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows(world):
    strategy = make_strategy(world.team)
    codes = [make_executor(make_account(world.team)).code for _ in range(6)]
    return activate(strategy=strategy, references=codes, actor="test", at=read_at())


def observe(told):
    observations = [Observation(row.executor_id, [one], Counter(), Counter()) for row, one in told]
    return apply_all_observed(observations, at=read_at())


def states(row):
    found = Command.objects.filter(assignment_id=row.pk).order_by("generation")
    return [str(one.state) for one in found]


def test_each_command_follows_its_own_agent(rows):
    proven, failed, begun, silent, strange, late = rows
    observe(
        [
            (proven, status(proven.public_id, "RUNNING", 1)),
            (failed, status(failed.public_id, "FAILED", 1, problem_code="NO_SYMBOL", problem="No EURUSD here.")),
            (begun, status(begun.public_id, "STARTING", 1)),
            (strange, status(strange.public_id, "RUNNING", 2)),  # no such generation was asked for
        ]
    )
    assert [states(row) for row in rows] == [
        ["EXECUTED"], ["FAILED"], ["ACKNOWLEDGED"], ["PENDING"], ["PENDING"], ["PENDING"],
    ]  # fmt: skip
    assert Command.objects.get(assignment_id=failed.pk).result["code"] == "NO_SYMBOL"

    stop(assignment_ids=[late.pk, begun.pk], actor="test", at=read_at())
    observe(
        [
            (failed, status(failed.public_id, "RUNNING", 1)),  # tried again, and it runs
            (begun, status(begun.public_id, "STOPPED", 2)),
            (late, status(late.public_id, "RUNNING", 1)),  # what it proves is over
        ]
    )
    assert states(failed) == ["EXECUTED"]
    assert states(begun) == ["SUPERSEDED", "EXECUTED"]
    assert states(late) == ["SUPERSEDED", "PENDING"]
    assert states(silent) == ["PENDING"]


def test_the_proofs_of_many_cost_the_statements_of_one(rows):
    def count(some):
        with CaptureQueriesContext(connection) as caught:
            changed = observe([(row, status(row.public_id, "RUNNING", 1)) for row in some])
        assert len(changed) == len(some)
        return len(caught)

    assert count(rows[:1]) == count(rows[1:])
