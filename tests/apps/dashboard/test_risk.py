"""The risk page, what lies ahead of an account, and events that somebody takes note of."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from apps.accounts.models import Account, AccountRisk, AccountSnapshot
from apps.common.clock import read_at
from apps.market.models import SymbolSpecification
from apps.risk.models import BotBreaker, PositionFlag, RiskEvent
from apps.risk.services.latches import halt_account, halt_platform, halt_team
from tests.risk import EURUSD
from tests.world import browser
from trading.protocol.codec import to_plain

pytestmark = pytest.mark.django_db
D = Decimal


def read(person, path):
    answer = person.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def see(account, **changes):
    AccountSnapshot.objects.filter(account=account).update(taken_at=read_at(), received_at=read_at(), **changes)


def event(account, **more):
    given = {
        "event_type": "SLIPPAGE_EXCEEDED",
        "severity": "CRITICAL",
        "message": "Position 9 risks too much.",
        "at": read_at(),
    }
    return RiskEvent.objects.create(account=account, **{**given, **more})


def test_every_account_stands_with_its_light_its_room_and_its_next_day(desk, bob):
    page = read(bob, "/risk")

    for account in (desk.paper, desk.prop):
        assert f'id="acc-{account.code}"' in page
        assert account.name in page
    assert "above its floor of" in page
    assert "to daily floor" in page
    assert "to total floor" in page


def test_a_day_that_would_open_breached_says_which_lots_must_go(desk, bob):
    row = {**AccountSnapshot.objects.get(account=desk.prop).positions[0], "profit": "-4000"}
    see(desk.prop, balance=D(100_000), equity=D(96_000), positions=[row])

    for path in ("/risk", f"/risk/{desk.prop.code}"):
        page = read(bob, path)
        assert "below its floor of" in page
        assert f"position {row['position_id']}" in page


def test_the_largest_lot_is_shown_for_what_was_asked_last_and_for_what_is_asked_here(desk, bob):
    assert "the broker has not told its terms yet" in read(bob, f"/risk/{desk.paper.code}")
    SymbolSpecification.objects.filter(account=desk.paper).update(document=to_plain(EURUSD))
    page = read(bob, f"/risk/{desk.paper.code}?symbol=EURUSD&stop_ticks=321")

    assert "stop 321 ticks, as you asked" in page
    assert "as last asked" in page
    assert "A stop is a whole number of ticks" in read(bob, f"/risk/{desk.paper.code}?symbol=EURUSD&stop_ticks=zero")
    assert "no price" in read(bob, f"/risk/{desk.paper.code}?symbol=XAUUSD&stop_ticks=5")


def test_a_stale_account_is_never_shown_as_safe_and_its_figures_are_last_known(desk, bob):
    AccountSnapshot.objects.filter(account=desk.paper).update(taken_at=read_at() - timedelta(seconds=40))

    page = read(bob, f"/risk/{desk.paper.code}")

    assert "STALE" in page
    assert "Last known:" in page


def test_the_kept_level_is_shown_while_it_is_worse_than_the_share(desk, bob):
    see(desk.paper)
    AccountRisk.objects.filter(account=desk.paper).update(level="CRITICAL")

    assert 'data-level="critical"' in read(bob, f"/risk/{desk.paper.code}")


def test_each_latch_says_why_and_who_may_lift_it(desk, bob):
    halt_account(account=desk.paper, reason="news ahead", actor="x", at=read_at())
    AccountRisk.objects.filter(account=desk.paper).update(breach_latch="Total loss limit broken")
    page = read(bob, "/risk")
    assert "Account halted:</b> news ahead" in page
    assert "A limit was broken:</b> Total loss limit broken" in page
    assert f"/risk/{desk.paper.code}/lift" in page

    halt_team(team=desk.paper.team, reason="weekend", actor="x", at=read_at())
    assert "/halt/lift" in read(bob, "/risk")
    halt_platform(reason="restore", actor="x", at=read_at())
    assert "by who runs the platform" in read(bob, "/risk")


def test_a_team_without_accounts_is_shown_the_way(world, charlie):
    assert "No account yet" in read(charlie, "/risk")


def test_flagged_positions_say_what_is_wrong_and_what_is_done(desk, bob):
    given = {
        "account": desk.paper, "symbol": "EURUSD", "side": "BUY", "volume_lots": D("0.1"), "first_seen_at": read_at(),
    }  # fmt: skip
    PositionFlag.objects.create(
        position_id=1,
        kind="SLIPPAGE",
        action="CLOSE",
        told_at=read_at(),
        planned_risk=D(20),
        actual_risk=D(41),
        **given,
    )
    PositionFlag.objects.create(position_id=2, kind="UNAPPROVED", told_at=read_at(), **given)
    PositionFlag.objects.create(position_id=3, kind="UNAPPROVED", **given)

    for path in ("/risk", f"/risk/{desk.paper.code}"):
        page = read(bob, path)
        assert "Position 1 risks more than planned." in page
        assert "$41.00 at risk, $20.00 planned" in page
        assert "Position 2 has no approval." in page
        assert "left open" in page
        assert "Position 3" not in page  # seen once, not sure yet


def test_a_bots_open_breaker_is_closed_by_a_trader(desk, bob, tom):
    risk = AccountRisk.objects.get(account=desk.paper)
    BotBreaker.objects.create(
        bot=desk.bot,
        reason_code="CONSECUTIVE_LOSSES",
        reason="5 losing trades in a row",
        day=risk.day,
        tripped_at=read_at(),
    )
    assert "5 losing trades in a row" in read(bob, "/risk")
    path = f"/risk/{desk.paper.code}/breakers/{desk.bot.bot_id}/close"

    assert bob.post(path).status_code == 403
    tom.post(path)

    assert BotBreaker.objects.get().lifted_by == "user:tom@example.com"
    assert "5 losing trades" not in read(bob, f"/risk/{desk.paper.code}")


def test_the_policy_about_positions_without_approval_is_said(desk, bob):
    assert "is told and left open" in read(bob, f"/risk/{desk.paper.code}")
    Account.objects.filter(pk=desk.paper.pk).update(unapproved="CLOSE")
    assert "A position without approval is closed" in read(bob, f"/risk/{desk.paper.code}")


def test_activation_says_where_positions_without_approval_are_closed(desk, tom):
    Account.objects.filter(pk=desk.paper.pk).update(unapproved="CLOSE")

    answer = tom.post(f"/strategies/{desk.idle.slug}/activate", {"executors": ["sim-1"], "do": "check"})

    assert "a position that nobody asked approval for is closed" in answer.content.decode()


def test_events_are_taken_note_of_by_a_trader_one_or_all(desk, bob, tom):
    RiskEvent.objects.all().delete()
    first, second = event(desk.paper), event(desk.prop, message="Other.")
    event(desk.paper, severity="INFO", message="By the way.")
    page = read(bob, "/risk")
    assert "Position 9 risks too much." in page
    assert "By the way." not in page
    assert "Acknowledge</button>" not in page

    answer = tom.post("/events/acknowledge", {"event": first.public_id, "back": "risk"}, follow=True)
    assert "Noted: 1 event, by you." in answer.content.decode()
    assert read(bob, "/events").count("Position 9 risks too much.") == 0
    tom.post("/events/acknowledge", {"shown": [second.public_id], "do": "all"})
    assert "Nothing waits" in read(bob, "/events")
    shown = read(bob, "/events?show=all")
    assert "By the way." in shown
    assert "noted by tom@example.com" in shown


def test_events_are_filtered_by_kind_severity_and_account(desk, bob, charlie):
    RiskEvent.objects.all().delete()
    event(desk.paper)
    event(desk.prop, event_type="ACCOUNT_STALE", severity="WARNING", message="Nobody saw it.")

    for query in ("type=ACCOUNT_STALE", "severity=WARNING", f"account={desk.prop.code}"):
        page = read(bob, f"/events?{query}")
        assert ("Nobody saw it." in page, "risks too much" in page) == (True, False), query
    assert "No event matches that" in read(bob, "/events?severity=LOUD")
    assert bob.get("/events?account=nobodys").status_code == 404
    assert "risks too much" not in read(charlie, "/events")


def test_a_stranger_takes_note_of_nothing(desk, charlie, world):
    found = event(desk.paper)

    assert charlie.post("/events/acknowledge", {"event": found.public_id}).status_code == 404
    assert browser(world.alice).post("/events/acknowledge", {"event": "evt_nothing"}).status_code == 404
