"""Lag: a snapshot's age on arrival, and how long ago by the market's clock the last handled bar closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import Account, AccountSnapshot
from apps.assignments.models import Assignment
from apps.dashboard.selectors.lag import measure_bar, measure_lag, read_market_clock
from apps.executors.models import Executor
from apps.strategies.models import StrategyVersion

AT = datetime(2026, 7, 15, 12, 0, 10, tzinfo=UTC)


def snapshot_of(executor, *, lag_s=0.25, speed=1.0, market_at=AT - timedelta(seconds=4)):
    return AccountSnapshot(
        executor_id=executor.pk, taken_at=AT - timedelta(seconds=2),
        received_at=AT - timedelta(seconds=2) + timedelta(seconds=lag_s), market_at=market_at, market_speed=speed,
    )  # fmt: skip


def executor_with(**options):
    executor = Executor(account=Account())
    executor.account.snapshot = snapshot_of(executor, **options)
    return executor


def work(opened_at, timeframe="M1", observed="RUNNING"):
    return Assignment(
        version=StrategyVersion(timeframe=timeframe), desired="RUNNING", observed=observed, last_bar_at=opened_at
    )


def test_the_snapshots_lag_is_received_less_taken():
    assert measure_lag(executor_with(lag_s=0.25), [], AT).snapshot_s == pytest.approx(0.25)


def test_a_snapshot_of_another_executor_says_nothing_of_this_ones_lag():
    executor = executor_with()
    executor.account.snapshot.executor_id = Executor().pk
    assert measure_lag(executor, [], AT).snapshot_s is None


@pytest.mark.parametrize(("speed", "gone_s"), [(1.0, 2), (600.0, 1200), (0.0, 2)])
def test_the_market_clock_goes_on_at_the_markets_own_speed(speed, gone_s):
    snapshot = snapshot_of(Executor(), speed=speed)
    assert read_market_clock(snapshot, AT) == snapshot.market_at + timedelta(seconds=gone_s)


def test_a_bars_age_counts_from_its_close_by_the_markets_clock():
    bar = measure_bar(work(AT - timedelta(seconds=92)), snapshot_of(Executor()), AT)
    assert bar.market_s == pytest.approx(30)  # the market's clock is 2 s behind the wall; the bar lasted 60 s
    assert not bar.is_late


def test_a_bar_more_than_two_bars_back_is_late_and_the_furthest_behind_is_shown():
    ticking, hanging = work(AT - timedelta(seconds=70)), work(AT - timedelta(minutes=5))
    bar = measure_lag(executor_with(), [ticking, hanging], AT).bar
    assert bar.opened_at == hanging.last_bar_at
    assert bar.is_late


@pytest.mark.parametrize(("speed", "is_late"), [(1.0, True), (60.0, False)])
def test_a_market_that_catches_up_is_not_called_late(speed, is_late):
    """At ×60 an ordinary report is minutes of market time old: that is the market's haste, nobody's lateness."""
    snapshot = snapshot_of(Executor(), speed=speed)
    behind = read_market_clock(snapshot, AT) - timedelta(minutes=10)
    assert measure_bar(work(behind), snapshot, AT).is_late is is_late


def test_a_market_that_catches_up_is_late_once_no_report_explains_it():
    snapshot = snapshot_of(Executor(), speed=60.0)
    assert measure_bar(work(read_market_clock(snapshot, AT) - timedelta(minutes=30)), snapshot, AT).is_late


def test_what_is_not_at_work_does_not_lag():
    assert measure_lag(executor_with(), [work(AT - timedelta(days=3), observed="STOPPED")], AT).bar is None


@pytest.mark.django_db
def test_the_fleet_and_the_executor_say_their_lag(desk, alice):
    executor = Executor.objects.get(code="sim-1")
    snapshot = AccountSnapshot.objects.get(account=executor.account_id)
    AccountSnapshot.objects.filter(pk=snapshot.pk).update(
        executor_id=executor.pk, received_at=snapshot.taken_at + timedelta(milliseconds=120)
    )
    for path in ("/fleet", "/fleet/sim-1"):
        assert "120 ms" in alice.get(path).content.decode(), path
    assert "of market time since the last handled bar closed" in alice.get("/fleet/sim-1").content.decode()
