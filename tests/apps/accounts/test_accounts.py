"""Accounts: opened with everything risk needs; snapshots stored only where newer and complete."""

from __future__ import annotations

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from apps.accounts.models import AccountRisk, AccountSnapshot, EquityPoint, LimitSet
from apps.accounts.services import Kept, store_snapshot
from apps.common.clock import read_at
from apps.common.errors import Conflict
from apps.teams.models import Team
from tests.fleet import make_account, position, race, snapshot
from tests.world import make_world
from trading.risk.limits import parse_limits

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(world):
    return make_account(world.team)


def store(account, **more):
    return store_snapshot(account=account, executor_id=None, message=snapshot(**more), at=read_at())


def test_an_account_is_opened_with_its_risk_row_and_limits(account):
    assert AccountRisk.objects.get(account=account).fence == 0
    limits = LimitSet.objects.get(account=account, in_force=True)
    assert parse_limits(limits.document).content_hash == limits.content_hash


def test_a_new_account_is_no_way_around_a_kill(world):
    Team.objects.filter(pk=world.team.pk).update(halted_at=read_at(), halt_reason="enough")
    assert AccountRisk.objects.get(account=make_account(world.team)).team_latch == "enough"


def test_a_login_is_had_once_a_team(world, account):
    with pytest.raises(Conflict):
        make_account(world.team, login=account.login)
    make_account(world.other_team, login=account.login)


def test_only_newer_snapshots_are_stored(account):
    told = [(1, 1, "a"), (1, 3, "a"), (1, 2, "a"), (1, 3, "a"), (2, 1, "b"), (1, 9, "a"), (2, 2, "b")]
    kept = [store(account, fence=fence, seq=seq, instance=instance) for fence, seq, instance in told]
    stored, older = Kept.STORED, Kept.OLDER
    assert kept == [stored, stored, older, older, stored, older, stored]
    assert EquityPoint.objects.count() == 4


def test_unknown_is_not_none(account):
    store(account, seq=1, positions=[position(1)])
    assert store(account, seq=2, complete=False) is Kept.INCOMPLETE
    row = AccountSnapshot.objects.get()
    assert (row.seq, len(row.positions)) == (1, 1)


def test_the_age_is_the_observers_and_the_clock_is_ours(account):
    at = read_at()
    store_snapshot(account=account, executor_id=None, message=snapshot(age_ms=4000), at=at)
    assert AccountSnapshot.objects.get().taken_at == at - timedelta(seconds=4)


def test_the_last_word_wins_in_every_order(account):
    for order in itertools.permutations([1, 2, 3]):
        AccountSnapshot.objects.all().delete()
        for seq in order:
            store(account, seq=seq)
        assert AccountSnapshot.objects.get().seq == 3


@pytest.mark.django_db(transaction=True)
def test_racing_snapshots_leave_the_newest():
    account = make_account(make_world().team)
    outcomes = race(*[lambda seq=seq: store(account, seq=seq) for seq in range(1, 9)])
    assert not [one for one in outcomes if isinstance(one, Exception)]
    assert AccountSnapshot.objects.get().seq == 8


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_does_not_wait_for_an_approval_that_holds_the_risk_row():
    account = make_account(make_world().team)
    with transaction.atomic():
        AccountRisk.objects.select_for_update().get(account=account)
        (kept,) = race(lambda: store(account))
    assert kept is Kept.STORED
    assert AccountSnapshot.objects.get().equity == Decimal(100_000)
