"""A backup was put back: numbers rise beyond what agents have seen, nothing runs, and who was not told finds out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from apps.accounts.models import AccountRisk
from apps.assignments.models import Assignment
from apps.assignments.services import activate, resume, stop
from apps.common.clock import read_at
from apps.executors.models import Executor
from apps.executors.services.leases import take_lease
from apps.gateway.services.desired import get_fleet_epoch
from apps.gateway.services.restoring import BEHIND, notice_behind, settle_restored
from apps.risk.services import latches
from tests.fleet import make_account, make_executor_with_key, make_strategy

pytestmark = pytest.mark.django_db


@pytest.fixture
def executor(world):
    return make_executor_with_key(make_account(world.team))[0]


@pytest.fixture
def running(world, executor):
    return activate(strategy=make_strategy(world.team), references=[executor.code], actor="alice", at=read_at())[0]


def test_after_a_restore_every_number_is_beyond_what_was_given_and_nothing_runs(executor, running):
    at = read_at()

    done = settle_restored(actor="shell:alice", at=at)

    row, risk = Assignment.objects.get(pk=running.pk), AccountRisk.objects.get(pk=executor.account_id)
    version = Executor.objects.get(pk=executor.pk).desired_version
    assert min(row.generation, risk.fence, risk.halt_epoch, version, get_fleet_epoch()) >= int(at.timestamp())
    assert row.desired == "PAUSED"
    assert risk.platform_latch
    assert (done.fleet_epoch, done.halted, done.paused) == (get_fleet_epoch(), 1, 1)


def test_a_second_restore_of_the_same_backup_gives_no_number_twice(executor, running):
    at = read_at()
    settle_restored(actor="shell:alice", at=at)
    first, epoch = Assignment.objects.get(pk=running.pk).generation, get_fleet_epoch()
    Assignment.objects.filter(pk=running.pk).update(generation=1, desired="RUNNING")  # as the backup has it

    settle_restored(actor="shell:alice", at=at + timedelta(minutes=5))

    assert Assignment.objects.get(pk=running.pk).generation > first
    assert get_fleet_epoch() > epoch


def test_what_the_backup_knows_as_stopped_stays_stopped_under_a_number_that_agents_obey(executor, running):
    stop(assignment_ids=[running.pk], actor="alice", at=read_at())

    settle_restored(actor="shell:alice", at=read_at())

    row = Assignment.objects.get(pk=running.pk)
    assert row.desired == "STOPPED"
    assert row.generation > 2


def test_who_held_the_account_before_the_restore_holds_it_until_its_lease_must_be_over(executor):
    at = read_at()
    settle_restored(actor="shell:alice", at=at)

    assert take_lease(executor=executor, instance_id="new", at=at + timedelta(seconds=16)) is None
    assert take_lease(executor=executor, instance_id="new", at=at + timedelta(seconds=18)) is not None


def test_after_the_lift_a_person_resumes(executor, running):
    call_command("after_restore")

    latches.lift_platform(actor="shell:alice", at=read_at())
    (row,) = resume(assignment_ids=[running.pk], actor="alice", at=read_at())

    assert row.desired == "RUNNING"
    assert AccountRisk.objects.get(pk=executor.account_id).platform_latch == ""


def test_an_agent_that_has_seen_more_than_the_database_halts_its_account_once(executor):
    known = Executor.objects.get(pk=executor.pk).desired_version

    found = [notice_behind(executor_id=executor.pk, seen_version=known + 3, at=read_at()) for _ in range(2)]

    risk = AccountRisk.objects.get(pk=executor.account_id)
    assert found == [True, True]
    assert (risk.account_latch, risk.halt_epoch) == (BEHIND, 1)


def test_an_agent_that_is_at_the_databases_version_halts_nothing(executor):
    known = Executor.objects.get(pk=executor.pk).desired_version

    assert not notice_behind(executor_id=executor.pk, seen_version=known, at=read_at())
    assert AccountRisk.objects.get(pk=executor.account_id).account_latch == ""
