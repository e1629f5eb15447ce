"""Levels that are kept, silence, the cliff at the reset, and who took note: told once, and over REST."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import Account, AccountSnapshot
from apps.common.clock import read_at
from apps.common.models import OutboxEvent
from apps.executors.models import Command
from apps.executors.services.commands import ask_command
from apps.risk.models import BotBreaker, RiskEvent
from apps.risk.selectors import get_account_state
from apps.risk.services import settle_after_snapshot
from apps.risk.services.silence import tell_stale
from apps.risk.tasks import tell_stale_accounts
from tests.fleet import make_executor
from tests.risk import MARKET_AT, make_desk, shown, store_quote
from tests.world import PASSWORD, api_client, browser, make_key

pytestmark = pytest.mark.django_db
D = Decimal


def fall_to(desk, equity, after_s=0, **more):
    desk.see(equity=D(equity), market_at=MARKET_AT + timedelta(seconds=after_s), **more)
    settle_after_snapshot(Account.objects.get(pk=desk.account.pk), read_at())


def events(kind):
    return RiskEvent.objects.filter(event_type=kind).order_by("at", "pk")


def levels():
    return [(one.metrics["from"], one.metrics["to"]) for one in events("RISK_LEVEL_CHANGED")]


@pytest.fixture
def url(desk):
    return f"/api/v1/accounts/{desk.account.code}"


# --- levels -----------------------------------------------------------------------------------------------------------


def test_a_level_rises_with_the_view_and_falls_a_minute_after_the_share_has(desk):
    desk.ask()
    fall_to(desk, 98_200)  # 1,800 of 2,500: 72 %
    assert (desk.risk.level, get_account_state(desk.account, read_at())["light"]) == ("WARNING", "ORANGE")

    fall_to(desk, 98_300, 1)  # 68 %: not five points below 70
    fall_to(desk, 98_500, 2)  # 60 %
    fall_to(desk, 98_500, 61)
    assert desk.risk.level == "WARNING"
    fall_to(desk, 98_500, 62)

    assert levels() == [("SAFE", "WARNING"), ("WARNING", "CAUTION")]
    told = OutboxEvent.objects.filter(kind="account.level").values_list("data__light", flat=True)
    assert list(told) == ["ORANGE", "YELLOW"]


def test_a_new_day_begins_with_its_own_level(desk):
    desk.ask()
    fall_to(desk, 98_200)
    assert desk.risk.level == "WARNING"

    fall_to(desk, 98_200, 12 * 3600, balance=D(98_200))
    assert desk.risk.level == "SAFE"  # at once: the reset lifted what it rested on
    fall_to(desk, 96_850, 12 * 3600 + 5, balance=D(98_200))  # 1,350 of 2,500, and 3,150 of 5,000
    fall_to(desk, 97_600, 12 * 3600 + 10, balance=D(98_200))
    assert desk.risk.level == "CAUTION"  # within the day it falls slowly again


def test_three_approved_trades_that_could_lose_half_of_the_limit_turn_the_light_yellow(desk):
    desk.limit(max_risk_per_trade_fraction="0.006")
    for _ in range(3):
        assert desk.ask(requested_lots=2.2)["approved"]  # 440 each: 1,320 of 2,500
    desk.limit(max_risk_per_trade_fraction="0.02")
    assert desk.ask(requested_lots=6)["reason_code"] == "DAILY_LOSS_LIMIT"
    assert get_account_state(desk.account, read_at())["light"] == "GREEN"

    fall_to(desk, 100_000)

    assert get_account_state(desk.account, read_at())["light"] == "YELLOW"
    assert levels() == [("SAFE", "CAUTION")]


def test_what_is_shown_is_never_milder_than_the_newest_view(desk):
    desk.ask()
    desk.see(equity=D(97_800))  # 88 %, not settled yet

    assert get_account_state(desk.account, read_at())["risk_level"] == "CRITICAL"


# --- the cliff --------------------------------------------------------------------------------------------------------


def losing(desk, profit="-2750"):
    return shown(desk, volume_lots="1.00", profit=profit, current_price="1.0725", stop_loss="1.0720")


def test_the_cliff_is_told_once_in_the_last_hour_with_the_lots_that_must_go(desk):
    desk.limit(daily_loss_fraction="0.03")
    desk.ask()
    desk.see(balance=D(98_000), equity=D(98_000))
    # Balance 101,000 since the day began at 100,000: tomorrow's floor is 98,000, today's is 97,000.
    given = {"balance": D(101_000), "positions": [losing(desk, "-3100")]}
    fall_to(desk, 97_900, 10 * 3600, **given)
    assert not events("RESET_CLIFF_AHEAD")

    fall_to(desk, 97_900, 11 * 3600 + 1, **given)
    fall_to(desk, 97_900, 11 * 3600 + 60, **given)

    (event,) = events("RESET_CLIFF_AHEAD")
    assert event.metrics == {
        "floor": "98000.00",
        "equity": "97900.00",
        "day_ends_at": "2026-03-05T00:00:00+00:00",
        "cuts": [{"position_id": 77, "lots": "0.04"}],
    }
    assert "Close 0.04 lots of position 77 before 2026-03-05 00:00 UTC." in event.message


def test_the_forecast_says_how_the_day_would_open(world, desk, url):
    desk.ask()
    desk.see(equity=D(97_250), positions=[losing(desk)])

    for person, status in ((world.bob, 200), (world.charlie, 404)):
        assert browser(person).get(f"{url}/forecast").status_code == status
    found = browser(world.bob).get(f"{url}/forecast").json()

    assert (found["opening"]["daily_floor"], found["opening"]["headroom"]) == (97_500, -250)
    assert [(cut["position_id"], cut["close_lots"], cut["realises"]) for cut in found["cuts"]] == [(77, 0.1, -275)]
    assert (found["is_enough"], found["after"]["headroom"]) == (True, 25)
    assert found["day_ends_at"] == "2026-03-05T00:00:00.000Z"
    assert 0 <= found["age_s"] < 15


def test_an_account_that_nobody_has_seen_has_no_forecast(world, desk, url):
    AccountSnapshot.objects.all().delete()

    found = browser(world.bob).get(f"{url}/forecast").json()

    assert (found["opening"], found["cuts"], found["seen_at"]) == (None, [], None)


# --- largest lot ------------------------------------------------------------------------------------------------------


def test_the_largest_lot_is_approved_and_one_step_more_is_not(world, desk, url):
    desk.ask()
    desk.limit(daily_loss_fraction="0.002")  # 200, of which 20 are reserved
    store_quote(desk.account)
    bob = browser(world.bob)

    buy, sell = bob.get(f"{url}/largest-lot?symbol=EURUSD&stop_ticks=200").json()["sides"]

    assert (buy["side"], buy["lots"], buy["reason_code"]) == ("BUY", 0.9, "DAILY_LOSS_LIMIT")
    assert (sell["side"], sell["stop_loss"]) == ("SELL", 1.10198)
    assert desk.ask(requested_lots=0.91, stop_loss=buy["stop_loss"])["reason_code"] == "DAILY_LOSS_LIMIT"
    assert desk.ask(requested_lots=0.9, stop_loss=buy["stop_loss"])["adjusted_lots"] == 0.9
    assert bob.get(f"{url}/largest-lot?symbol=EURUSD&stop_ticks=200").json()["sides"][0]["lots"] == 0


def test_without_a_price_nobody_says_a_size(world, desk, url):
    found = browser(world.bob).get(f"{url}/largest-lot?symbol=EURUSD&stop_ticks=200").json()

    assert (found["sides"], found["price_at"]) == ([], None)


@pytest.mark.parametrize("query", ["", "symbol=EURUSD", "symbol=EURUSD&stop_ticks=0", "symbol=EURUSD&stop_ticks=NaN"])
def test_a_question_that_is_none_is_refused(world, desk, url, query):
    assert browser(world.bob).get(f"{url}/largest-lot?{query}").status_code == 400


# --- silence ----------------------------------------------------------------------------------------------------------


def test_an_account_that_nobody_sees_is_told_once_a_silence(desk):
    now = read_at()
    assert tell_stale(now + timedelta(seconds=59)) == 0
    assert tell_stale(now + timedelta(seconds=61)) == 1
    assert tell_stale(now + timedelta(seconds=120)) == 0
    (event,) = events("ACCOUNT_STALE")
    assert event.severity == "WARNING"

    desk.see(taken_at=now + timedelta(seconds=200), positions=[shown(desk)])
    assert tell_stale(now + timedelta(seconds=300)) == 1
    assert events("ACCOUNT_STALE").last().severity == "CRITICAL"


def test_a_retired_account_is_missed_by_nobody(desk):
    AccountSnapshot.objects.update(taken_at=read_at() - timedelta(hours=1))
    Account.objects.update(retired_at=read_at())

    assert tell_stale_accounts() == 0


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_are_filtered_and_acknowledged_once(world, desk):
    desk.ask()
    fall_to(desk, 97_800)
    tom, bob = browser(world.tom), browser(world.bob)
    assert bob.get("/api/v1/risk/events").json()["count"] == 2
    assert bob.get("/api/v1/risk/events?unacknowledged=true").json()["count"] == 1  # a level that changed is INFO
    found = bob.get("/api/v1/risk/events?type=daily_limit_approaching&severity=critical&unacknowledged=true").json()
    (event,) = found["results"]
    assert (event["event_type"], event["acknowledged_at"]) == ("daily_limit_approaching", None)

    path = f"/api/v1/risk/events/{event['id']}/acknowledge"
    assert bob.post(path).status_code == 403
    assert browser(world.charlie).post(path).status_code == 404
    first = tom.post(path).json()
    again = browser(world.alice).post(path).json()

    assert first["acknowledged_by"] == again["acknowledged_by"] == f"user:{world.tom.email}"
    assert bob.get("/api/v1/risk/events?type=DAILY_LIMIT_APPROACHING&unacknowledged=true").json()["count"] == 0
    assert OutboxEvent.objects.filter(kind="risk.acknowledged").count() == 1
    assert bob.get("/api/v1/risk/events?severity=LOUD").status_code == 400


def test_a_key_of_another_account_takes_note_of_nothing_here(world, desk):
    other = make_desk(world)
    event = RiskEvent.objects.create(
        account=desk.account, event_type="X", severity="WARNING", message="x", at=read_at()
    )
    _, key = make_key(world.alice, ["risk:write"], account_id=other.account.pk)

    assert api_client(key).post(f"/api/v1/risk/events/{event.public_id}/acknowledge").status_code == 404


# --- kill switches ----------------------------------------------------------------------------------------------------


def test_a_team_is_halted_by_a_trader_and_lifted_by_an_owner_with_the_password(world, desk):
    halted = browser(world.tom).post("/api/v1/risk/halt", {"reason": "news"}, content_type="application/json")
    assert halted.json() == {"halted": True, "accounts": 1}
    assert desk.ask()["reason_code"] == "HALTED_TEAM"

    owner = browser(world.alice)
    assert (
        owner.post("/api/v1/risk/unhalt", {}, content_type="application/json").json()["code"] == "LIFT_NEEDS_PASSWORD"
    )
    lifted = owner.post("/api/v1/risk/unhalt", {"password": PASSWORD}, content_type="application/json")
    assert lifted.json() == {"halted": False, "accounts": 1}
    assert desk.ask()["approved"]


def test_a_key_bound_to_one_account_does_not_halt_the_team(world, desk):
    _, key = make_key(world.alice, ["risk:halt"], account_id=desk.account.pk)

    assert api_client(key).post("/api/v1/risk/halt", {}, format="json").json()["code"] == "ACCOUNT_BOUND"


def test_the_shell_halts_what_no_page_can(world, desk):
    slug = world.team.slug
    for scope, reason in (
        ("platform", "HALTED_PLATFORM"),
        (slug, "HALTED_TEAM"),
        (f"{slug}/{desk.account.code}", "HALTED_ACCOUNT"),
    ):
        call_command("halt", scope)
        assert desk.ask()["reason_code"] == reason
        call_command("halt", scope, "--lift")
        assert desk.ask()["approved"]
    for wrong in ("nobody", f"{slug}/nothing"):
        with pytest.raises(CommandError):
            call_command("halt", wrong)


def test_a_halted_account_may_still_be_reduced(desk):
    executor = make_executor(desk.account)
    call_command("halt", "platform")

    ask_command(executor=executor, kind="CLOSE_POSITION", payload={"ticket": 7}, actor="test", at=read_at())

    assert Command.objects.get(kind="CLOSE_POSITION").state == "PENDING"


def test_a_person_closes_a_bots_breaker_and_no_key_does(world, desk):
    desk.ask()
    BotBreaker.objects.create(
        bot=desk.bot, reason_code="ORDER_ERRORS", reason="x", day=desk.risk.day, tripped_at=read_at()
    )
    path = f"/api/v1/bots/{desk.bot.bot_id}/breaker/lift"
    assert desk.ask()["reason_code"] == "BOT_BREAKER"

    assert api_client(make_key(world.alice)[1]).post(path).status_code in (401, 403)
    assert browser(world.bob).post(path).status_code == 403
    assert browser(world.tom).post(path).json()["reason_code"] == "ORDER_ERRORS"
    assert desk.ask()["approved"]
    assert browser(world.tom).post(path).json()["code"] == "BREAKER_NOT_OPEN"
