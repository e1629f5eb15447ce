"""Backtests as rows: asked for, taken by one worker, finished once, cancelled, tried again, thrown away."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from apps.accounts.models import LimitSet
from apps.backtests.models import Run, WorkStatus
from apps.backtests.services import asking, leases, working
from apps.backtests.storage import load_arrays
from apps.common.clock import read_at
from apps.common.errors import Conflict, Impossible
from apps.common.models import OutboxEvent
from tests import lab
from trading.backtest.run import Costs, run
from trading.model.instrument import Instrument
from trading.risk.limits import default_document


@pytest.fixture
def scene(world):
    account, strategy = lab.make_lab(world.team)
    return world, account, strategy


def test_a_backtest_from_a_strategy_needs_nothing_else_and_says_what_it_took(scene):
    world, account, strategy = scene

    asked = lab.ask(world.team, strategy)

    assert (asked.status, asked.symbol, asked.timeframe, asked.bars_timeframe) == ("QUEUED", "EURUSD", "M1", "M1")
    assert asked.account == account
    assert asked.balance == 10_000
    assert asked.instrument_source == "typical"

    assert lab.work_off() == 1
    done = Run.objects.get(pk=asked.pk)
    assert (done.status, done.problem, done.progress_fraction) == ("DONE", None, 1)
    assert done.bar_count == 600
    assert done.headline["trades"] > 10
    assert done.engine_version
    assert done.took_s is not None


def test_the_result_is_the_engines_trade_by_trade(scene):
    world, _, strategy = scene
    asked = lab.ask(world.team, strategy)
    lab.work_off()
    done = Run.objects.get(pk=asked.pk)

    from apps.backtests.services.bars import load_run_bars

    bars = load_run_bars(done).bars
    expected = run(bars, done.document, Instrument.from_dict(done.instrument), Costs(None), done.balance)

    kept = load_arrays(done.columns_file)
    assert kept["pnl"].tolist() == pytest.approx([float(trade.pnl) for trade in expected.trades])
    assert kept["reason"].tolist() == [str(trade.exit_reason) for trade in expected.trades]
    assert kept["equity"].tolist() == expected.equity.tolist()


def test_the_same_inputs_are_not_computed_twice(scene):
    world, _, strategy = scene
    first = lab.ask(world.team, strategy)
    lab.work_off()
    second, other = lab.ask(world.team, strategy), lab.ask(world.team, strategy, costs={"commission_per_lot": 7})
    lab.work_off()

    for row in (first, second, other):
        row.refresh_from_db()
    assert second.reused_from == first
    assert second.columns_file == first.columns_file
    assert second.headline == first.headline
    assert other.reused_from is None
    assert other.headline["net_profit"] < first.headline["net_profit"]


def test_a_backtest_for_an_account_trails_as_its_approvals_ask(scene):
    world, account, strategy = scene
    document = default_document(mode="PAPER", initial_balance=Decimal(10_000)) | {"trailing_stop_fraction": "0.0005"}
    LimitSet.objects.filter(account=account, in_force=True).update(document=document)

    asked, without = lab.ask(world.team, strategy), lab.ask(world.team, strategy, trailing_stop_fraction=Decimal(0))
    lab.work_off()

    for row in (asked, without):
        row.refresh_from_db()
    assert asked.trailing_stop_fraction == Decimal("0.0005")
    assert asked.document["exit"]["trailingStopDistance"] == {"unit": "percent", "value": 0.05}
    assert "TRAILING_STOP" in load_arrays(asked.columns_file)["reason"].tolist()
    assert (without.trailing_stop_fraction, without.document) == (None, asked.version.rules)
    assert "TRAILING_STOP" not in load_arrays(without.columns_file)["reason"].tolist()


def test_bars_without_a_spread_are_never_free(scene):
    world, account, strategy = scene
    account.bars.update(spread_points=0)
    asked = lab.ask(world.team, strategy)
    lab.work_off()

    asked.refresh_from_db()
    assert asked.costs["spread_pips"] == "1"
    assert "1 pip was taken" in asked.findings[0]


def test_later_bars_do_not_change_what_was_asked_for(scene):
    world, account, strategy = scene
    asked = lab.ask(world.team, strategy)
    newest = account.bars.order_by("-opens_at").first()
    newest.pk, newest.opens_at = None, newest.opens_at.replace(year=2030)
    newest.save(force_insert=True)
    lab.work_off()

    asked.refresh_from_db()
    assert asked.bar_count == 600


def test_what_cannot_be_tested_is_refused_with_the_field(scene):
    world, _, strategy = scene

    for code, field, more in (
        ("NO_BARS", "dataset", {"symbol": "GBPUSD"}),
        ("UNKNOWN_TIMEFRAME", "timeframe", {"timeframe": "M7"}),
        ("FIELD_INVALID", "bars_timeframe", {"bars_timeframe": "H1"}),
        ("INVALID_VALUE", "costs", {"costs": {"spread_pips": -1}}),
        ("FIELD_INVALID", "costs.tip", {"costs": {"tip": 1}}),
        ("RULES_INVALID", "rules.entry.indicators[0]", {"rules": lab.cross_rules("EMA_0")}),
    ):
        with pytest.raises(Impossible) as refused:
            lab.ask(world.team, strategy, **more)
        assert (refused.value.code, refused.value.field) == (code, field)
    assert not Run.objects.exists()


def test_a_team_may_ask_for_as_much_as_its_tier_allows(scene):
    world, _, strategy = scene
    type(world.team).objects.filter(pk=world.team.pk).update(tier="FREE")
    world.team.refresh_from_db()
    for _ in range(5):
        lab.ask(world.team, strategy)

    with pytest.raises(Conflict) as refused:
        lab.ask(world.team, strategy)
    assert refused.value.code == "TOO_MANY_OPEN"
    assert refused.value.extra == {"open": 5, "limit": 5}


def test_a_cancelled_backtest_keeps_no_result_of_the_worker_that_had_it(scene):
    world, _, strategy = scene
    asked = lab.ask(world.team, strategy)
    held = leases.claim(Run.objects.all(), read_at())

    asking.cancel_run(run_id=asked.pk, actor=lab.ACTOR, at=read_at())

    with pytest.raises(leases.LeaseLost):
        working.compute_run(held, lambda progress: None)
    asked.refresh_from_db()
    assert (asked.status, asked.columns_file, asked.headline) == ("CANCELLED", "", {})
    with pytest.raises(Conflict):
        asking.cancel_run(run_id=asked.pk, actor=lab.ACTOR, at=read_at())


def test_a_worker_notices_a_cancel_at_its_next_checkpoint(scene):
    world, _, strategy = scene
    asked = lab.ask(world.team, strategy)
    held = leases.claim(Run.objects.all(), read_at())
    checkpoint = leases.make_checkpoint(held, working.tell_progress)
    checkpoint(0.3)
    asking.cancel_run(run_id=asked.pk, actor=lab.ACTOR, at=read_at())

    fresh = leases.make_checkpoint(held, working.tell_progress)  # its next look, half a second later
    with pytest.raises(leases.LeaseLost):
        fresh(0.6)


def test_a_killed_workers_backtest_is_taken_over_and_finished_once(scene):
    world, _, strategy = scene
    asked = lab.ask(world.team, strategy)
    dead = leases.claim(Run.objects.all(), read_at())
    assert lab.work_off() == 0, "its lease is in force"

    lab.let_lease_run_out(asked)
    assert lab.work_off() == 1

    asked.refresh_from_db()
    assert (asked.status, asked.attempts, asked.fence) == ("DONE", 2, 2)
    with pytest.raises(leases.LeaseLost):  # it was not dead after all
        working.compute_run(dead, lambda progress: None)
    assert OutboxEvent.objects.filter(kind="backtest.changed", data__status="DONE").count() == 1


def test_what_kills_its_workers_is_given_up(scene):
    world, _, strategy = scene
    asked = lab.ask(world.team, strategy)
    for _ in range(leases.MOST_ATTEMPTS):
        leases.claim(Run.objects.all(), read_at())
        lab.let_lease_run_out(asked)

    assert lab.work_off() == 1
    asked.refresh_from_db()
    assert (asked.status, asked.problem["code"]) == ("FAILED", "WORKER_LOST")

    asking.retry_run(run_id=asked.pk, actor=lab.ACTOR)
    lab.work_off()
    asked.refresh_from_db()
    assert (asked.status, asked.problem) == ("DONE", None)


def test_what_the_engine_refuses_is_the_backtests_problem_not_the_workers(scene):
    world, account, strategy = scene
    asked = lab.ask(world.team, strategy)
    account.bars.all().delete()

    lab.work_off()

    asked.refresh_from_db()
    assert (asked.status, asked.problem["code"]) == ("FAILED", "BARS_INVALID")
    assert "90 days" in asked.problem["message"]


def test_a_deleted_backtest_takes_its_files_along_unless_another_shows_them(scene, django_capture_on_commit_callbacks):
    world, _, strategy = scene
    first = lab.ask(world.team, strategy)
    lab.work_off()
    second = lab.ask(world.team, strategy)
    lab.work_off()
    first.refresh_from_db()
    files = (first.columns_file, first.data_file)

    for run_, left in ((first, True), (second, False)):
        with django_capture_on_commit_callbacks(execute=True):
            asking.delete_run(run_id=run_.pk, actor=lab.ACTOR)
        assert [default_storage.exists(name) for name in files] == [left, left]


def test_an_open_backtest_is_not_deleted(scene):
    world, _, strategy = scene
    asked = lab.ask(world.team, strategy)

    with pytest.raises(Conflict) as refused:
        asking.delete_run(run_id=asked.pk, actor=lab.ACTOR)
    assert refused.value.code == "STILL_RUNNING"


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same_backtest():
    from tests.world import make_world

    world = make_world()
    _, strategy = lab.make_lab(world.team, 300)
    for _ in range(6):
        lab.ask(world.team, strategy)
    at, taken, start = read_at(), [], threading.Barrier(3)

    def work():
        start.wait()
        while (row := leases.claim(Run.objects.all(), at)) is not None:
            taken.append(row.pk)
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(taken) == sorted(Run.objects.values_list("pk", flat=True))
    assert set(Run.objects.values_list("status", flat=True)) == {WorkStatus.RUNNING}


def test_the_schedule_nudges_where_something_waits_or_was_left_and_only_then(scene):
    world, _, strategy = scene
    assert working.nudge_waiting() is False
    asked = lab.ask(world.team, strategy)
    assert working.nudge_waiting() is True
    leases.claim(Run.objects.all(), read_at())
    assert working.nudge_waiting() is False, "a worker has it"
    lab.let_lease_run_out(asked)
    assert working.nudge_waiting() is True


def test_a_task_works_until_nothing_waits(scene):
    from apps.backtests.tasks import work

    world, _, strategy = scene
    for text in ("0.5", "1.5", "2.5"):
        lab.ask(world.team, strategy, costs={"spread_pips": text})
    assert work() == 3
    assert work() == 0
