"""Levels, events, breaches, halts: told once, latched where they must be."""

from decimal import Decimal

import pytest

from apps.accounts.models import LimitSet
from apps.common.clock import read_at
from apps.common.errors import Forbidden, Impossible
from apps.executors.models import Executor
from apps.risk.models import RiskEvent
from apps.risk.selectors import get_account_state
from apps.risk.services import (
    halt_account,
    halt_platform,
    halt_team,
    lift_account,
    lift_platform,
    lift_team,
    set_limits,
    settle_after_snapshot,
)
from apps.teams.models import AuditEntry
from tests.fleet import make_account, make_executor
from tests.risk import MARKET_AT, make_desk
from tests.world import caller_of, make_key

pytestmark = pytest.mark.django_db


def fall_to(desk, equity, **more):
    desk.see(equity=Decimal(equity), **more)
    settle_after_snapshot(desk.account, read_at())


def events(desk):
    rows = RiskEvent.objects.filter(account=desk.account).order_by("at", "pk")
    return list(rows.values_list("event_type", "severity"))


def test_a_limit_that_is_approached_is_told_once_a_day_at_each_step(desk):
    desk.ask()
    for equity in (98_751, 98_750, 98_700, 98_125, 98_125, 97_875):  # of 2500: 49.96, 50, 52, 75, 75, 85 %
        fall_to(desk, equity)

    told = RiskEvent.objects.filter(event_type="DAILY_LIMIT_APPROACHING").order_by("at")
    assert [(one.severity, one.metrics["current_loss_pct"]) for one in told] == [
        ("WARNING", 1.25),
        ("WARNING", 1.875),
        ("CRITICAL", 2.125),
    ]
    assert told[1].message == "Daily loss limit at 75% (1.88% / 2.50%)"


def test_a_broken_daily_limit_pauses_until_the_next_day(desk):
    desk.ask()
    fall_to(desk, 97_499)
    risk = desk.risk

    assert risk.day_latch
    assert risk.halt_epoch == 1
    assert desk.ask()["reason_code"] == "HALTED_DAY"

    desk.see(equity=Decimal(97_499), balance=Decimal(97_499), market_at=MARKET_AT.replace(day=5))
    assert desk.ask()["approved"]


def test_a_broken_daily_limit_that_loses_the_account_is_latched_for_good(desk):
    desk.limit(daily_kind="HARD")
    desk.ask()
    fall_to(desk, 97_499)
    desk.see(equity=Decimal(97_499), balance=Decimal(97_499), market_at=MARKET_AT.replace(day=5))

    assert desk.ask()["reason_code"] == "HALTED_BREACH"


def test_a_broken_total_limit_is_latched_for_good_and_only_once(desk):
    desk.ask()
    fall_to(desk, 94_999)
    assert desk.risk.breach_latch

    lift_account(account=desk.account, actor="user:alice", at=read_at())
    fall_to(desk, 94_998)
    assert not desk.risk.breach_latch  # what a person lifted is not latched again by the same breach
    assert desk.ask()["reason_code"] == "DAILY_LOSS_LIMIT"  # and nothing is approved anyway


def test_equity_exactly_on_the_floor_is_not_below_it(desk):
    desk.ask()
    fall_to(desk, 97_500)

    assert not desk.risk.day_latch


def test_watched_limits_are_told_and_not_latched(desk):
    desk.limit(mode="SHADOW")
    desk.ask()
    fall_to(desk, 90_000)

    assert ("TOTAL_LIMIT_BROKEN", "CRITICAL") in events(desk)
    assert not desk.risk.breach_latch


def test_trailing_floors_follow_the_highest_equity_seen(desk):
    desk.limit(drawdown_mode="TRAILING_INTRADAY", daily_loss_fraction="0.5", max_daily_risk_fraction="0.5")
    desk.ask()
    fall_to(desk, 104_000)
    fall_to(desk, 100_000)

    state = get_account_state(desk.account, read_at())
    assert (state["total_floor"], state["risk_level"]) == (99_000, "WARNING")  # 4000 of 5000


def test_account_state_speaks_the_specs_words(desk):
    desk.ask()
    fall_to(desk, 99_750)

    state = get_account_state(desk.account, read_at())

    assert state["mode"] == "paper"
    assert (state["daily_pnl"], state["daily_loss_pct"], state["daily_loss_limit_pct"]) == (-250, 0.25, 2.5)
    assert (state["total_drawdown_pct"], state["total_drawdown_limit_pct"]) == (0.25, 5)
    assert (state["risk_level"], state["light"], state["trading_allowed"]) == ("SAFE", "GREEN", True)
    assert state["room"] == 2250


def test_a_halt_denies_at_once_wakes_the_agents_and_is_lifted_on_its_own(desk):
    executor = make_executor(desk.account)
    halt_account(account=desk.account, reason="news", actor="user:alice", at=read_at())
    assert Executor.objects.get(pk=executor.pk).desired_version == 2

    answer = desk.ask()
    assert (answer["reason_code"], "news" in answer["rejection_reason"]) == ("HALTED_ACCOUNT", True)
    assert get_account_state(desk.account, read_at())["risk_level"] == "HALTED"

    lift_account(account=desk.account, actor="user:alice", at=read_at())
    assert desk.ask()["approved"]
    assert desk.risk.halt_epoch == 1
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"ACCOUNT_HALTED", "HALT_LIFTED"}


def test_a_wide_halt_is_written_down_and_lifting_it_leaves_narrower_ones(world, desk):
    other = make_desk(world)
    halt_account(account=other.account, reason="mine", actor="x", at=read_at())
    assert halt_team(team=world.team, reason="", actor="user:alice", at=read_at()) == 2
    assert desk.ask()["reason_code"] == "HALTED_TEAM"
    assert make_account(world.team).risk.team_latch  # an account opened meanwhile is no way around

    lift_team(team=world.team, actor="user:alice", at=read_at())
    assert desk.ask()["approved"]
    assert other.ask()["reason_code"] == "HALTED_ACCOUNT"

    halt_platform(reason="restore", actor="system", at=read_at())
    assert desk.ask()["reason_code"] == "HALTED_PLATFORM"
    lift_platform(actor="system", at=read_at())
    assert desk.ask()["approved"]


def test_an_epoch_older_than_the_halt_is_refused_after_the_lift(desk):
    desk.ask()
    halt_account(account=desk.account, reason="x", actor="x", at=read_at())
    lift_account(account=desk.account, actor="x", at=read_at())

    assert desk.ask(halt_epoch=0)["reason_code"] == "HALT_EPOCH_STALE"
    assert desk.ask(halt_epoch=1)["approved"]


def test_limits_are_tightened_by_a_key_and_loosened_by_a_person_only(world, desk):
    from apps.teams.callers import get_key_caller

    _, text = make_key(world.alice, ["risk:write"])
    machine = get_key_caller(text, ip="")

    tighter = set_limits(account=desk.account, caller=machine, document={"max_open_positions": 1})
    assert tighter.number == 2
    with pytest.raises(Forbidden) as refused:
        set_limits(account=desk.account, caller=machine, document={"max_open_positions": 5})
    assert refused.value.code == "LOOSENING_NEEDS_PERSON"

    with pytest.raises(Forbidden) as unconfirmed:
        set_limits(account=desk.account, caller=caller_of(world.alice), document={"max_open_positions": 5})
    assert unconfirmed.value.code == "LOOSENING_NEEDS_PASSWORD"
    looser = set_limits(
        account=desk.account, caller=caller_of(world.alice), document={"max_open_positions": 5}, confirmed=True
    )
    assert looser.number == 3
    assert LimitSet.objects.get(account=desk.account, in_force=True) == looser
    with pytest.raises(Impossible) as impossible:
        set_limits(account=desk.account, caller=caller_of(world.alice), document={"max_open_positions": -1})
    assert (impossible.value.code, impossible.value.field) == ("LIMITS_INVALID", "max_open_positions")
