"""One holder per account over all teams; fences only rise; keys end at once; one-shots go forward."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.accounts.models import AccountRisk
from apps.common.clock import read_at
from apps.common.errors import Conflict, Unauthenticated
from apps.common.models import OutboxEvent
from apps.executors.authentication import get_executor_caller
from apps.executors.models import Command, Executor
from apps.executors.services import commands, presence, registry
from apps.executors.services.leases import LEASE_GRACE, LEASE_TTL, find_lease, renew_lease, require_fence, take_lease
from tests.fleet import lease_now, make_account, make_executor, race
from tests.world import make_world

pytestmark = pytest.mark.django_db
AFTER_GRACE = LEASE_TTL + LEASE_GRACE + timedelta(milliseconds=1)


@pytest.fixture
def executor(world):
    return make_executor(make_account(world.team))


def take(executor, instance="one", at=None):
    return take_lease(executor=executor, instance_id=instance, at=at or read_at())


def renew(executor, fence, instance="one", at=None):
    return renew_lease(executor=executor, instance_id=instance, fence=fence, at=at or read_at())


def test_the_first_gets_the_account_and_the_fence_rises_with_each_grant(executor):
    assert [take(executor).fence, take(executor).fence] == [1, 2]


def test_nobody_else_gets_it_before_the_lease_and_the_grace_are_over(executor):
    at = read_at()
    take(executor, at=at)
    assert take(executor, "two", at + LEASE_TTL + LEASE_GRACE - timedelta(milliseconds=1)) is None
    assert take(executor, "two", at + AFTER_GRACE).fence == 2


def test_the_account_is_one_over_all_teams(world, executor):
    same = {"server": executor.account.server, "login": executor.account.login}
    theirs = make_executor(make_account(world.other_team, **same))
    at = read_at()
    assert take(executor, at=at).fence == 1
    assert take(theirs, "theirs", at) is None
    assert take(theirs, "theirs", at + AFTER_GRACE).fence == 2
    with pytest.raises(Conflict):
        renew(executor, 1, at=at + AFTER_GRACE)
    assert find_lease(executor=executor, instance_id="one", at=at + AFTER_GRACE) is None


def test_what_a_retired_executor_had_begun_is_unresolved_and_what_it_never_fetched_expired(executor):
    begun = commands.ask_command(executor=executor, kind="CLOSE_BOT", payload={"magic": 1}, actor="test", at=read_at())
    lease_now(executor)
    waiting = commands.ask_command(
        executor=executor, kind="CLOSE_BOT", payload={"magic": 2}, actor="test", at=read_at()
    )
    told = OutboxEvent.objects.filter(kind="command.changed").count()
    registry.retire_executor(executor_id=executor.pk, actor="test", at=read_at(), count_live=lambda: 0)

    assert [Command.objects.get(pk=one.pk).state for one in (begun, waiting)] == ["UNRESOLVED", "EXPIRED"]
    assert OutboxEvent.objects.filter(kind="command.changed").count() == told + 2


def test_a_renewal_needs_fence_and_process(executor):
    at = read_at()
    fence = take(executor, at=at).fence
    later = at + timedelta(seconds=5)
    assert renew(executor, fence, at=later).lease_until == later + LEASE_TTL
    for wrong in ({"fence": fence - 1}, {"fence": fence + 1}, {"fence": fence, "instance": "two"}):
        with pytest.raises(Conflict) as refused:
            renew(executor, **wrong, at=later + timedelta(seconds=1))
        assert refused.value.code == "FENCED"


def test_a_lease_that_ran_out_unclaimed_is_renewed_and_one_that_was_claimed_is_not(executor):
    at = read_at()
    fence = take(executor, at=at).fence
    assert renew(executor, fence, at=at + timedelta(minutes=5)) is not None
    take(executor, "two", at + timedelta(minutes=10))
    with pytest.raises(Conflict):
        renew(executor, fence, at=at + timedelta(minutes=10))


def test_a_renewal_never_shortens(executor):
    at = read_at()
    fence = take(executor, at=at).fence
    renew(executor, fence, at=at + timedelta(seconds=10))
    renew(executor, fence, at=at + timedelta(seconds=5))
    assert AccountRisk.objects.get().lease_until == at + timedelta(seconds=10) + LEASE_TTL


def test_a_lease_of_a_clock_that_was_set_back_lasts_its_length_and_no_longer(executor):
    at = read_at()
    fence = take(executor, at=at + timedelta(hours=25)).fence

    shown = find_lease(executor=executor, instance_id="one", at=at)
    kept = renew(executor, fence, at=at)

    assert shown.valid_for_ms == 15_000
    assert kept.lease_until == at + LEASE_TTL
    assert take(executor, "two", at + AFTER_GRACE).fence == 2


def test_whoever_waits_for_a_lease_of_a_clock_that_was_set_back_waits_for_its_length(executor):
    at = read_at()
    take(executor, at=at + timedelta(hours=25))

    assert take(executor, "two", at) is None
    assert take(executor, "two", at + AFTER_GRACE).fence == 2


def test_a_second_process_raises_one_alarm_when_both_are_seen_alive(executor):
    at = read_at()
    fence = take(executor, at=at).fence
    for later in range(2, 12, 2):
        if later == 6:
            renew(executor, fence, at=at + timedelta(seconds=5))
        take(executor, "two", at + timedelta(seconds=later))
    (alarm,) = OutboxEvent.objects.filter(kind="executor.alarm")
    assert (alarm.data["code"], alarm.data["severity"]) == ("TWO_INSTANCES", "CRITICAL")
    assert Executor.objects.get().rival["code"] == "TWO_INSTANCES"


def test_an_agent_that_was_killed_and_started_anew_is_no_second_process(executor):
    at = read_at()
    take(executor, at=at)
    for later in (2, 8, 14):
        assert take(executor, "two", at + timedelta(seconds=later)) is None
    assert take(executor, "two", at + AFTER_GRACE) is not None
    assert not OutboxEvent.objects.filter(kind="executor.alarm").exists()
    assert Executor.objects.get().problem == ""


def test_another_executor_that_wants_the_account_is_told_of_once(world, executor):
    at = read_at()
    take(executor, at=at)
    other = make_executor(executor.account)
    for later in (2, 4, 6):
        take(other, "theirs", at + timedelta(seconds=later))
    (alarm,) = OutboxEvent.objects.filter(kind="executor.alarm")
    assert (alarm.data["code"], alarm.data["severity"]) == ("ACCOUNT_HELD", "WARNING")


def test_revoked_keys_open_nothing_and_fence_what_is_still_sent(world):
    account = make_account(world.team)
    executor, key, secret = registry.create_executor(account=account, actor="test", code="agent", name="Agent")
    assert get_executor_caller(key.key_id, secret).executor_id == executor.pk
    fence = take(executor).fence
    registry.revoke_keys(executor_id=executor.pk, actor="test", at=read_at())
    with pytest.raises(Unauthenticated) as refused:
        get_executor_caller(key.key_id, secret)
    assert refused.value.code == "KEY_REVOKED"
    with pytest.raises(Conflict):
        require_fence(executor=executor, instance_id="one", fence=fence)


def test_a_rotated_key_serves_for_another_day_beside_the_new_one(world):
    account = make_account(world.team)
    executor, key, secret = registry.create_executor(account=account, actor="test", code="agent", name="Agent")
    fresh, fresh_secret = registry.rotate_key(executor_id=executor.pk, actor="test", at=read_at())
    assert get_executor_caller(key.key_id, secret).executor_id == executor.pk
    assert get_executor_caller(fresh.key_id, fresh_secret).executor_id == executor.pk
    with pytest.raises(Unauthenticated):
        get_executor_caller(fresh.key_id, secret)


@pytest.mark.parametrize("age_s, state", [(0, "ONLINE"), (15, "ONLINE"), (16, "STALE"), (60, "STALE"), (61, "OFFLINE")])
def test_presence_by_age(age_s, state):
    at = read_at()
    assert presence.presence_of(at - timedelta(seconds=age_s), at) == state


def test_silence_is_told_once_a_step(executor):
    at = read_at()
    Executor.objects.filter(pk=executor.pk).update(last_seen_at=at, reported_state="ONLINE")
    told = [presence.mark_silent(at=at + timedelta(seconds=age_s)) for age_s in (1, 20, 25, 70, 80)]
    assert told == [0, 1, 0, 1, 0]
    states = [event.data["state"] for event in OutboxEvent.objects.filter(kind="executor.changed").order_by("id")]
    assert states == ["STALE", "OFFLINE"]


def test_a_word_noted_by_a_clock_that_was_set_back_counts_as_said_now(executor):
    at = read_at()
    Executor.objects.filter(pk=executor.pk).update(last_seen_at=at + timedelta(hours=25), reported_state="ONLINE")
    states = []
    for later_s in (0, 10, 20, 80):
        presence.mark_silent(at=at + timedelta(seconds=later_s))
        states.append(Executor.objects.get(pk=executor.pk).reported_state)

    assert states == ["ONLINE", "ONLINE", "STALE", "OFFLINE"]


@pytest.mark.parametrize(("silent", "present", "suspected"), [(3, 4, True), (2, 2, False), (3, 6, False), (4, 7, True)])
def test_a_fleet_that_falls_silent_at_once_makes_us_suspect_ourselves_once(world, silent, present, suspected):
    at = read_at()
    fleet = [make_executor(make_account(world.team)) for _ in range(present)]
    keys = [one.pk for one in fleet]
    Executor.objects.filter(pk__in=keys).update(last_seen_at=at, reported_state="ONLINE")
    Executor.objects.filter(pk__in=keys[:silent]).update(last_seen_at=at - timedelta(seconds=16))
    for later in (0, 1):
        presence.mark_silent(at=at + timedelta(seconds=later))

    assert presence.suspects_server(at) is suspected
    told = OutboxEvent.objects.filter(kind="fleet.silent")
    assert [event.data["silent"] for event in told] == ([silent] if suspected else [])
    assert OutboxEvent.objects.filter(kind="executor.changed").count() == silent


def ask(executor, kind="CLOSE_POSITION", at=None, ticket=1):
    payload = {"ticket": ticket} if kind == "CLOSE_POSITION" else {}
    return commands.ask_command(executor=executor, kind=kind, payload=payload, actor="test", at=at or read_at())


def settle(executor, command, state, token=None):
    return commands.settle_command(
        executor=executor,
        command_id=command.pk,
        lease_token=token or str(command.lease_token),
        state=state,
        result={},
        at=read_at(),
    )


def test_the_same_thing_asked_twice_is_one_command_until_it_has_ended(executor):
    first = ask(executor)
    assert ask(executor).pk == first.pk
    assert ask(executor, ticket=2).pk != first.pk
    commands.Command.objects.filter(pk=first.pk).update(state="EXECUTED")
    assert ask(executor).pk != first.pk


def test_a_one_shot_goes_forward_only_and_only_with_the_current_token(executor):
    at = read_at()
    ask(executor, at=at)
    (first,) = lease_now(executor, at)
    assert lease_now(executor, at) == []
    (again,) = lease_now(executor, at + timedelta(seconds=31))
    assert (again.pk, again.attempts) == (first.pk, 2)
    assert not settle(executor, again, "EXECUTED", token=str(first.lease_token))
    assert settle(executor, again, "EXECUTED")
    assert not settle(executor, again, "FAILED")
    assert not settle(executor, again, "ACKNOWLEDGED")
    assert Command.objects.get().state == "EXECUTED"


def test_what_was_acknowledged_and_forgotten_is_leased_again_until_it_is_done(executor):
    at = read_at()
    ask(executor, at=at)
    (first,) = lease_now(executor, at)
    assert settle(executor, first, "ACKNOWLEDGED")
    assert lease_now(executor, at + timedelta(seconds=20)) == []

    (again,) = lease_now(executor, at + timedelta(seconds=31))

    assert (again.pk, again.state) == (first.pk, "ACKNOWLEDGED")
    assert settle(executor, again, "ACKNOWLEDGED")
    assert settle(executor, again, "EXECUTED")
    assert lease_now(executor, at + timedelta(hours=1)) == []


def test_what_lowers_risk_never_expires(executor):
    at = read_at()
    closing, looking = ask(executor, at=at), ask(executor, "SNAPSHOT", at)
    assert commands.expire_commands(at=at + timedelta(days=3)) == 1
    closing.refresh_from_db()
    looking.refresh_from_db()
    assert (closing.state, looking.state) == ("PENDING", "EXPIRED")


@pytest.mark.django_db(transaction=True)
def test_of_two_that_say_hello_at_once_one_gets_the_account():
    world = make_world()
    for _ in range(5):
        executor = make_executor(make_account(world.team))
        leases = race(*[lambda name=name, executor=executor: take(executor, name) for name in ("one", "two", "three")])
        assert sorted(lease is None for lease in leases) == [False, True, True]


@pytest.mark.django_db(transaction=True)
def test_two_pollers_never_lease_the_same_command():
    executor = make_executor(make_account(make_world().team))
    for ticket in range(6):
        ask(executor, ticket=ticket)
    at = read_at()
    batches = race(*[lambda: lease_now(executor, at)] * 4)
    leased = [command.pk for batch in batches for command in batch]
    assert len(leased) == len(set(leased))
    rest = lease_now(executor, at)
    assert len(leased) + len(rest) == 6
