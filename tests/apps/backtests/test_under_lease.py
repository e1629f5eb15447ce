"""Work under a lease: held on while one long call says nothing, and ended by what went wrong."""

from __future__ import annotations

import threading

import pytest

from apps.backtests.models import Run
from apps.backtests.services import leases, under_lease
from apps.common.clock import read_at
from tests import lab
from tests.world import make_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def claimed():
    world = make_world()
    _, strategy = lab.make_lab(world.team, 300)
    lab.ask(world.team, strategy)
    return leases.claim(Run.objects.all(), read_at())


def test_a_long_call_that_says_nothing_keeps_its_lease(claimed, monkeypatch):
    monkeypatch.setattr(under_lease, "BEAT_EVERY_S", 0.01)
    first, seen = claimed.lease_until, []

    def compute(row, checkpoint):
        renewed = threading.Event()
        for _ in range(1_000):
            if Run.objects.get(pk=row.pk).lease_until > first:
                seen.append(True)
                return
            renewed.wait(0.01)

    under_lease.work_on(claimed, compute, tell=lambda row: None, fail=lambda row, problem: pytest.fail(str(problem)))
    assert seen


@pytest.mark.parametrize(
    ("error", "code"), [(MemoryError(), "TOO_LARGE"), (RuntimeError("a bug"), "INTERNAL"), (leases.LeaseLost(), None)]
)
def test_what_goes_wrong_ends_the_row_and_never_the_worker(claimed, error, code):
    told = []

    def compute(row, checkpoint):
        raise error

    under_lease.work_on(claimed, compute, tell=lambda row: None, fail=lambda row, problem: told.append(problem["code"]))
    assert told == ([code] if code else [])
