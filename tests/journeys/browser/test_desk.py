"""A trader's day in the browser, on the real platform: create, activate, watch, pause, stop; and those who may not."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.journeys.browser.person import PASSWORD, count_code
from tests.journeys.running import wait_for

pytestmark = pytest.mark.journey
TRADE_MS = 180_000


def create_strategy(person, name):
    """Write a fast strategy with the form: four fields besides what stands there."""
    person.go("/strategies/new")
    person.fill("Name", name).fill("Symbol", "EURUSD")
    person.page.get_by_label("Timeframe", exact=True).select_option("M1")
    person.fill("First period", "5").fill("Second period", "20").leave_field()
    expect(person.page.locator("#builder .plain")).to_contain_text("EMA_5 crosses above EMA_20")
    person.press("Save version 1")


def activate(person):
    person.follow("Activate…")
    person.page.get_by_label("All online").check()
    person.press("Check and go on")
    person.press("Activate on 1 executor")


def test_a_strategy_is_created_activated_watched_paused_and_stopped_flat(visit):
    tom = visit().sign_in()
    create_strategy(tom, "Journey cross")

    activate(tom)
    state = tom.page.locator("#strategy tr[data-row] .state").first
    expect(state).to_have_attribute("data-state", "proven")  # by itself: nobody reloads
    expect(state).to_have_text("RUNNING")

    tom.page.evaluate("window.stillHere = true")
    expect(tom.page.locator("#h-trades >> xpath=../..").get_by_text("approved").first).to_be_visible(timeout=TRADE_MS)
    assert tom.page.evaluate("window.stillHere") is True, "the trade appeared without a reload"

    tom.page.locator("#strategy a[href*='/trades/trd_']").first.click()
    expect(tom.page.locator("main")).to_contain_text("1. Cleared")
    expect(tom.page.locator(".checks li[data-r=pass]").first).to_be_visible()
    expect(tom.page.locator("main")).to_contain_text("Signal of Journey cross")

    tom.go("/strategies/journey-cross").follow("Pause all…")
    tom.page.get_by_role("button", name=re.compile("^Pause on 1 executor")).click()
    expect(state).to_have_text("PAUSED")

    tom.follow("Resume all…").press("Resume on 1 executor")
    expect(state).to_have_text("RUNNING")

    tom.follow("Stop all…")
    tom.page.get_by_role("button", name=re.compile("^Stop on 1 executor, close")).click()
    expect(state).to_have_text("STOPPED, flat")
    assert all(trade["closed_at"] for trade in tom.platform.trades("journey-cross"))


HOLDS = {  # opens at the first crossing and leaves only by hand
    "entry": {"type": "indicator_cross", "indicators": ["EMA_5", "EMA_20"], "direction": "both"},
    "exit": {"stopLoss": 400, "takeProfit": 800},
    "risk": {"lotSize": 0.01, "maxRisk": 2, "maxDailyLoss": 5, "maxOpenTrades": 1},
}


def test_one_position_is_closed_by_hand_and_called_closed_only_when_the_broker_booked_it(visit):
    tom = visit().sign_in()
    strategy = tom.platform.create_strategy("Holds on", HOLDS)
    tom.platform.post(f"strategies/{strategy}/activate", {"executors": ["all"]})
    trade = wait_for("an open trade", lambda: tom.platform.trades(strategy), timeout_s=90)[0]

    tom.go(f"/trades/{trade['id']}").follow("Close…")
    expect(tom.page.locator("main")).to_contain_text("All 0.01 lots are closed at the market.")
    tom.press("Close EURUSD at the market")

    expect(tom.page.locator("main")).to_contain_text("Closed: MANUAL")  # by itself: nobody reloads
    assert tom.page.get_by_role("link", name="Close…").count() == 0
    tom.platform.post(f"strategies/{strategy}/stop")


def test_the_account_page_draws_equity_and_candles(visit):
    owner = visit().sign_in()
    account = owner.platform.get("accounts")["results"][0]["code"]
    owner.go(f"/risk/{account}")

    expect(owner.page.locator("[data-equity] canvas").first).to_be_visible()
    expect(owner.page.locator("[data-drawdown] canvas").first).to_be_visible()
    expect(owner.page.locator("[data-candles] canvas").first).to_be_visible()
    expect(owner.page.locator("#account")).to_contain_text("Free for new trades")


def test_the_kill_switch_is_two_steps_away_and_lifting_asks_for_the_password(visit):
    owner = visit().sign_in()
    owner.page.wait_for_url(owner.url + "/")
    owner.page.keyboard.press("Alt+Shift+KeyH")
    expect(owner.page.get_by_role("heading", name="Halt trading")).to_be_visible()
    owner.press("Halt, keep positions")
    expect(owner.page.locator("#overview")).to_contain_text("0 of 1 account may trade now")

    owner.go("/halt/lift")
    owner.page.get_by_label("Your password").fill("not it at all")
    owner.page.get_by_role("button", name=re.compile("^Lift the halt")).click()
    expect(owner.page.locator("#id_password_error")).to_contain_text("not your password")
    owner.page.get_by_label("Your password").fill(owner.platform.ready["password"])
    owner.page.get_by_role("button", name=re.compile("^Lift the halt")).click()
    owner.go("/")
    expect(owner.page.locator("#overview")).to_contain_text("1 of 1 account may trade now")


def test_the_menu_of_the_phone_closes_by_escape_and_gives_the_focus_back(visit):
    owner = visit(viewport={"width": 390, "height": 844}, has_touch=True).sign_in()
    menu = owner.page.locator(".tabbar details")
    menu.locator("summary").click()
    expect(menu.get_by_role("link", name="Backtests")).to_be_visible()

    owner.page.keyboard.press("Escape")
    expect(menu.get_by_role("link", name="Backtests")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()


def test_a_lost_connection_is_shown_and_heals(visit):
    owner = visit().sign_in()
    sign = owner.page.locator("#live-state")
    expect(sign).to_have_attribute("data-state", "live")

    owner.expect_lost_connection = True
    os.kill(owner.platform.ready["pids"]["web"], signal.SIGKILL)

    expect(sign).to_have_attribute("data-state", "lost")
    expect(sign).to_have_attribute("data-state", "live", timeout=120_000)
    expect(owner.page.locator("#overview .level").first).to_be_visible()


def test_a_second_factor_is_asked_for_once_it_is_on(visit):
    dora = visit().sign_up("dora@example.com")
    dora.press("Make the team")
    expect(dora.page.locator("main")).to_contain_text("Add the account")

    dora.go("/accounts/2fa/totp/activate/")
    dora.page.get_by_label("Password").fill(PASSWORD)  # such a change asks for it again
    dora.press("Confirm")
    secret = dora.page.locator("#authenticator_secret").input_value()
    dora.page.get_by_label("Authenticator code").fill(count_code(secret))
    dora.press("Activate")
    dora.go("/security")
    expect(dora.page.locator("main")).to_contain_text("on since")

    dora.sign_out()
    dora.sign_in("dora@example.com", PASSWORD)
    expect(dora.page.get_by_label("Code")).to_be_visible()
    dora.go("/")
    expect(dora.page.get_by_label("Code")).to_be_visible()
    assert dora.page.locator("#overview").count() == 0, "the password alone opens nothing"


def test_a_viewer_may_look_and_a_stranger_sees_nothing(visit):
    owner, bob = visit().sign_in(), visit()
    owner.go("/team").page.get_by_label("E-mail").fill("bob@example.com")
    owner.press("Invite", exact=True)
    link = owner.page.locator("#link").inner_text()

    bob.sign_up("bob@example.com")
    bob.page.goto(link)
    bob.page.get_by_role("button", name=re.compile("^Join")).click()
    expect(bob.page.locator("#overview")).to_contain_text("may trade now")
    bob.go("/strategies")
    expect(bob.page.locator("#strategies tr[data-row]").first).to_be_visible()
    assert bob.page.get_by_role("link", name=re.compile("Stop|Activate|New strategy")).count() == 0
    bob.go("/halt")
    expect(bob.page.locator("#halt-button")).to_be_disabled()

    charlie = visit().sign_up("charlie@example.com")
    charlie.press("Make the team")
    for path in ("/", "/strategies", "/fleet", "/risk", "/trades"):
        charlie.go(path)
        assert "paper" not in charlie.page.locator("#main .table").all_inner_texts().__str__().lower(), path
    charlie.go("/strategies/always-there")
    expect(charlie.page.locator("main")).to_contain_text("There is nothing here")


def test_the_pages_can_be_read_without_scripts(visit):
    reader = visit(java_script_enabled=False).sign_in()
    for path, words in {
        "/": "may trade now",
        "/strategies": "M1",
        "/fleet": "ONLINE",
        "/risk": "to daily floor",
        "/trades": "Trade",
        "/halt": "What to halt",
        "/strategies/new": "In plain words",
    }.items():
        reader.go(path)
        assert words in reader.read(), path
