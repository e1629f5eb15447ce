"""Wishes: activation, pause, resume, stop, update; what is proven; and races between them."""

from __future__ import annotations

from collections import Counter

import pytest

from apps.assignments.models import Assignment
from apps.assignments.selectors import is_proven, tell_progress
from apps.assignments.services import activate, apply_observed, pause, resume, stop, update
from apps.bots.models import Bot
from apps.bots.services import set_bot_status
from apps.common.clock import read_at
from apps.common.errors import Conflict, Impossible, NotFound
from apps.common.models import OutboxEvent
from apps.executors.models import Command, Executor
from apps.strategies.services import change_strategy
from tests.fleet import SPEC_FORMAT_RULES, SPEC_RULES, make_account, make_executor, make_strategy, race, status
from tests.world import make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(world):
    """Alice's strategy and two executors of hers that are online."""
    return Fleet(world)


class Fleet:
    def __init__(self, world):
        self.world = world
        self.strategy = make_strategy(world.team)
        self.executors = [make_executor(make_account(world.team), online=True) for _ in range(2)]

    def activate(self, references=("all",), **more):
        return activate(strategy=self.strategy, references=list(references), actor="test", at=read_at(), **more)

    def observe(self, row, observed, generation, held=0, **more):
        row = Assignment.objects.select_related("bot").get(pk=row.pk)
        apply_observed(
            executor_id=row.executor_id,
            statuses=[status(row.public_id, observed, generation, **more)],
            held_magics=Counter({row.bot.magic: held}),
            ordered_magics=Counter(),
            at=read_at(),
        )
        row.refresh_from_db()
        return row


def wish(do, row, **more):
    return do(assignment_ids=[row.pk], actor="test", at=read_at(), **more)[0]


def test_all_means_every_executor_that_is_online(fleet):
    make_executor(make_account(fleet.world.team))  # offline
    rows = fleet.activate()
    assert [row.executor_id for row in rows] == sorted(executor.pk for executor in fleet.executors)
    assert {(row.desired, row.generation, row.observed) for row in rows} == {("RUNNING", 1, "UNKNOWN")}
    assert {bot.magic for bot in Bot.objects.all()} == {1_000_000}  # unique per account, not over all
    assert sorted(bot.bot_id for bot in Bot.objects.all()) == sorted(
        f"ema-crossover-{executor.account.code}" for executor in fleet.executors
    )


def test_an_offline_executor_may_be_named_and_gets_its_wish_when_it_comes(fleet):
    offline = make_executor(make_account(fleet.world.team))
    (row,) = fleet.activate([offline.code])
    assert row.executor == offline


def test_activating_twice_makes_nothing_twice(fleet):
    first, again = fleet.activate(), fleet.activate()
    assert [row.pk for row in first] == [row.pk for row in again]
    assert {row.generation for row in again} == {1}
    assert (Bot.objects.count(), Command.objects.count()) == (2, 2)


def test_the_command_is_kept_with_the_guides_payload(fleet):
    (row,) = fleet.activate([fleet.executors[0].code], overrides={"lotSize": 0.01, "maxRisk": 1})
    command = Command.objects.get()
    assert (command.kind, command.state, command.generation) == ("START_STRATEGY", "PENDING", 1)
    assert set(command.payload) == {"strategyId", "strategyName", "symbol", "timeframe", "rules", "settings"}
    assert command.payload["rules"] == SPEC_RULES
    assert command.payload["settings"] == {"lotSize": 0.01, "maxRisk": 1} == row.settings


def test_a_wish_raises_the_executors_version_and_is_told(fleet):
    before = Executor.objects.get(pk=fleet.executors[0].pk).desired_version
    (row,) = fleet.activate([fleet.executors[0].code])
    assert Executor.objects.get(pk=row.executor_id).desired_version == before + 1
    assert OutboxEvent.objects.filter(kind="assignment.changed").count() == 1


def test_the_guides_whole_format_is_activated_with_its_confirmation(fleet):
    strategy = make_strategy(fleet.world.team, name="Format", rules=SPEC_FORMAT_RULES)
    activate(strategy=strategy, references=["all"], actor="test", at=read_at())

    asked = {assignment.version.rules["entry"]["confirmation"]["type"] for assignment in Assignment.objects.all()}
    assert asked == {SPEC_FORMAT_RULES["entry"]["confirmation"]["type"]}


def test_rules_without_a_stop_are_refused(fleet):
    rules = {**SPEC_RULES, "exit": {"type": "opposite_signal"}}
    strategy = make_strategy(fleet.world.team, name="No stop", rules=rules)
    with pytest.raises(Impossible) as refused:
        activate(strategy=strategy, references=["all"], actor="test", at=read_at())
    assert refused.value.field == "rules.exit.stopLoss"


def test_overrides_may_only_tighten(fleet):
    with pytest.raises(Impossible) as refused:
        fleet.activate(overrides={"maxRisk": 3})
    assert refused.value.field == "overrides.maxRisk"
    assert not Assignment.objects.exists()


def test_nobody_online_is_said(world):
    with pytest.raises(NotFound) as refused:
        activate(strategy=make_strategy(world.team), references=["all"], actor="test", at=read_at())
    assert refused.value.code == "NO_EXECUTORS"


def test_another_teams_executor_is_not_found(fleet):
    foreign = make_executor(make_account(fleet.world.other_team), online=True)
    for reference in (foreign.code, foreign.public_id, str(foreign.pk)):
        with pytest.raises(NotFound):
            fleet.activate([reference])
    assert len(fleet.activate()) == 2


def test_the_account_must_be_the_executors(fleet):
    first, second = fleet.executors
    with pytest.raises(Impossible) as refused:
        fleet.activate([first.code], account=second.account)
    assert refused.value.code == "ACCOUNT_MISMATCH"
    (row,) = fleet.activate(["all"], account=second.account)
    assert row.account == second.account


def test_one_account_runs_the_strategy_once(fleet):
    twin = make_executor(fleet.executors[0].account, online=True)
    with pytest.raises(Impossible) as refused:
        fleet.activate([twin.code, fleet.executors[0].code])
    assert refused.value.code == "TWO_EXECUTORS_ONE_ACCOUNT"
    assert len(fleet.activate()) == 2
    held = Assignment.objects.get(account=twin.account)
    other = twin if held.executor_id != twin.pk else fleet.executors[0]
    with pytest.raises(Conflict) as refused:
        fleet.activate([other.code])
    assert refused.value.code == "ASSIGNED_ELSEWHERE"


def test_one_refusal_and_nobody_is_asked(fleet):
    row = fleet.activate([fleet.executors[1].code])[0]
    wish(stop, row)
    with pytest.raises(Conflict) as refused:
        fleet.activate([fleet.executors[0].code, fleet.executors[1].code])
    assert refused.value.code == "STILL_STOPPING"
    assert Assignment.objects.count() == 1
    assert not Bot.objects.filter(account=fleet.executors[0].account).exists()


def test_a_bot_in_quarantine_is_not_started(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    wish(stop, row)
    fleet.observe(row, "STOPPED", 2)
    set_bot_status(bot_id=row.bot_id, actor="test", status="QUARANTINE")
    with pytest.raises(Conflict) as refused:
        fleet.activate([fleet.executors[0].code])
    assert refused.value.code == "BOT_NOT_ACTIVE"


def test_pause_and_resume_count_up_and_repeat_to_nothing(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    assert (wish(pause, row).generation, wish(pause, row).generation) == (2, 2)
    assert (wish(resume, row).generation, wish(resume, row).generation) == (3, 3)
    fleet.strategy.refresh_from_db()
    assert fleet.strategy.status == "ACTIVE"


def test_a_stop_is_final_and_a_new_start_is_a_new_assignment_of_the_same_bot(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    wish(stop, row)
    for do in (pause, resume, update):
        with pytest.raises(Conflict) as refused:
            wish(do, row)
        assert refused.value.code == "ASSIGNMENT_STOPPED"
    with pytest.raises(Conflict):
        fleet.activate([fleet.executors[0].code])
    fleet.observe(row, "STOPPED", 2)
    (fresh,) = fleet.activate([fleet.executors[0].code])
    assert (fresh.pk != row.pk, fresh.bot_id, fresh.generation) == (True, row.bot_id, 1)
    row.refresh_from_db()
    assert not row.live


def test_a_new_version_trades_only_after_an_update(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    assert wish(update, row).generation == 1
    rules = {**SPEC_RULES, "exit": {**SPEC_RULES["exit"], "stopLoss": 40}}
    change_strategy(strategy_id=fleet.strategy.pk, actor="test", changes={"rules": rules})
    row.refresh_from_db()
    assert row.version.number == 1
    updated = wish(update, row)
    assert (updated.version.number, updated.generation, updated.desired) == (2, 2, "RUNNING")
    assert Command.objects.get(generation=2).payload["rules"]["exit"]["stopLoss"] == 40


def test_proof_needs_generation_state_and_an_empty_book(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    assert tell_progress(row) == "STARTING, agent at 0 of 1"
    row = fleet.observe(row, "RUNNING", 1)
    assert is_proven(row)
    wish(stop, row)
    row = fleet.observe(row, "RUNNING", 1)
    assert tell_progress(row) == "STOPPING, agent at 1 of 2"
    row = fleet.observe(row, "STOPPED", 2, held=1)
    assert (row.observed, is_proven(row)) == ("STOPPING", False)
    row = fleet.observe(row, "STOPPED", 2, pending_orders=1)
    assert not is_proven(row)
    row = fleet.observe(row, "STOPPED", 2)
    assert is_proven(row)


def test_a_report_about_a_generation_that_does_not_exist_or_is_over_changes_nothing(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    assert fleet.observe(row, "RUNNING", 9).observed == "UNKNOWN"
    fleet.observe(row, "RUNNING", 1)
    wish(stop, row)
    fleet.observe(row, "STOPPING", 2)
    assert fleet.observe(row, "RUNNING", 1).observed == "STOPPING"


def test_what_its_bot_holds_after_a_new_start_is_not_the_stopped_ones(fleet):
    first = fleet.activate([fleet.executors[0].code])[0]
    wish(stop, first)
    fleet.observe(first, "STOPPED", 2)
    second = fleet.activate([fleet.executors[0].code])[0]

    first = fleet.observe(first, "STOPPED", 2, held=1)
    second = fleet.observe(second, "RUNNING", 1, held=1)

    assert (first.live, first.observed, first.open_positions) == (False, "STOPPED", 0)
    assert (second.live, second.observed, second.open_positions) == (True, "RUNNING", 1)


def test_another_executor_cannot_speak_for_an_assignment(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    apply_observed(
        executor_id=fleet.executors[1].pk,
        statuses=[status(row.public_id, "RUNNING", 1)],
        held_magics=Counter(),
        ordered_magics=Counter(),
        at=read_at(),
    )
    row.refresh_from_db()
    assert row.observed == "UNKNOWN"


def test_the_states_of_commands_follow_from_what_is_proven(fleet):
    (row,) = fleet.activate([fleet.executors[0].code])
    fleet.observe(row, "STARTING", 1)
    assert Command.objects.get().state == "ACKNOWLEDGED"
    wish(pause, row)
    assert Command.objects.get(generation=1).state == "SUPERSEDED"
    fleet.observe(row, "PAUSED", 2)
    assert Command.objects.get(generation=2).state == "EXECUTED"
    wish(resume, row)
    fleet.observe(row, "FAILED", 3, problem_code="SYMBOL_UNKNOWN", problem="no such symbol")
    assert Command.objects.get(generation=3).state == "FAILED"
    assert Command.objects.get(generation=3).result["code"] == "SYMBOL_UNKNOWN"


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_nothing_twice():
    fleet = Fleet(make_world())
    outcomes = race(*[fleet.activate] * 4)
    assert [type(one) for one in outcomes] == [list] * 4
    assert (Assignment.objects.count(), Bot.objects.count(), Command.objects.count()) == (2, 2, 2)


@pytest.mark.django_db(transaction=True)
def test_when_start_and_stop_race_stop_wins():
    fleet = Fleet(make_world())
    for _ in range(5):
        fleet.strategy = make_strategy(fleet.world.team, name="Race")
        (row,) = fleet.activate([fleet.executors[0].code])
        outcomes = race(lambda: fleet.activate([fleet.executors[0].code]), lambda row=row: wish(stop, row))
        assert not isinstance(outcomes[1], Exception)
        row.refresh_from_db()
        assert row.desired == "STOPPED"
        assert Assignment.objects.filter(strategy=fleet.strategy).count() == 1


@pytest.mark.django_db(transaction=True)
def test_racing_wishes_each_get_their_own_generation():
    fleet = Fleet(make_world())
    (row,) = fleet.activate([fleet.executors[0].code])
    race(lambda: wish(pause, row), lambda: wish(stop, row), lambda: wish(resume, row), lambda: wish(pause, row))
    row.refresh_from_db()
    assert row.desired == "STOPPED"
    generations = list(Command.objects.filter(assignment_id=row.pk).values_list("generation", flat=True))
    assert sorted(generations) == list(range(1, row.generation + 1))


@pytest.mark.django_db(transaction=True)
def test_two_executors_of_one_account_race_and_one_runs_the_strategy():
    fleet = Fleet(make_world())
    account = fleet.executors[0].account
    for number in range(4):
        fleet.strategy = make_strategy(fleet.world.team, name=f"Race {number}")
        twins = [fleet.executors[0], make_executor(account, online=True)]
        outcomes = race(*[lambda twin=twin: fleet.activate([twin.code]) for twin in twins])
        (refused,) = [one for one in outcomes if isinstance(one, Exception)]
        assert refused.code == "ASSIGNED_ELSEWHERE"
        assert Assignment.objects.filter(strategy=fleet.strategy).count() == 1
