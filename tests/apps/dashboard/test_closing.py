"""Closing one position by hand: said first, asked once, shown as closed only when the terminal shows it no more."""

from __future__ import annotations

import pytest

from apps.accounts.models import AccountSnapshot
from apps.common.clock import read_at
from apps.executors.models import Command, Executor
from apps.executors.services.commands import settle_command
from apps.teams.models import AuditEntry
from tests.fleet import lease_now

PATH = "/risk/paper-1/positions/101/close"


def read(response):
    return response.content.decode()


def answer(state, **result):
    """Have the agent fetch what was asked and say how it went."""
    executor = Executor.objects.get(code="sim-1")
    command = lease_now(executor)[0]
    token = str(command.lease_token)
    for step in ("ACKNOWLEDGED", state):
        settle_command(
            executor=executor, command_id=command.pk, lease_token=token, state=step, result=result, at=read_at()
        )


def test_what_closing_does_is_said_before_it_is_asked(desk, tom):
    rows = AccountSnapshot.objects.get(account=desk.paper).positions
    owned = [{**rows[0], "magic": desk.bot.magic}]
    AccountSnapshot.objects.filter(account=desk.paper).update(positions=owned)
    page = read(tom.get(PATH))

    assert "Close BUY 0.20 EURUSD" in page
    assert "All 0.20 lots are closed at the market." in page
    assert "SIM-1 does it, online now." in page
    assert "EMA trend 20/50 keeps running" in page
    assert not Command.objects.filter(kind="CLOSE_POSITION").exists()


def test_a_silent_executor_closes_when_it_is_back_and_the_page_says_so(desk, tom):
    Executor.objects.filter(code="sim-1").update(last_seen_at=None)
    page = read(tom.get(PATH))
    assert "It is OFFLINE" in page
    assert "this wish does not expire" in page


def test_a_close_is_asked_once_recorded_and_shown_as_asked(desk, tom):
    page = read(tom.post(PATH, follow=True))
    tom.post(PATH)  # a double click

    command = Command.objects.get(kind="CLOSE_POSITION")
    assert (command.executor.code, command.payload, command.state) == ("sim-1", {"ticket": 101}, "PENDING")
    entry = AuditEntry.objects.get(action="CLOSE_POSITION")
    assert (entry.actor, entry.target) == ("user:tom@example.com", command.executor.public_id)
    assert entry.detail == {"command_id": command.public_id, "ticket": 101}
    assert "CLOSING" in page
    assert "asked, not fetched by the agent yet" in page
    assert "Asked already" in read(tom.get(PATH))
    assert PATH not in read(tom.get("/risk/paper-1")), "no second button while the first is under way"


def test_the_agents_word_is_no_proof_a_snapshot_is(desk, tom):
    tom.post(PATH)
    answer("EXECUTED", ticket=101)
    assert "the next snapshot proves it" in read(tom.get("/risk/paper-1"))

    AccountSnapshot.objects.filter(account=desk.paper).update(positions=[], taken_at=read_at())
    page = read(tom.get("/risk/paper-1"))
    assert "The terminal reports no open position." in page
    assert tom.get(PATH).status_code == 404


def test_a_position_that_stands_after_the_agents_word_may_be_asked_again(desk, tom):
    tom.post(PATH)
    answer("EXECUTED", ticket=101)
    AccountSnapshot.objects.filter(account=desk.paper).update(taken_at=read_at())

    assert PATH in read(tom.get("/risk/paper-1"))
    tom.post(PATH)
    assert Command.objects.filter(kind="CLOSE_POSITION").count() == 2


def test_a_close_that_failed_says_why_and_may_be_asked_again(desk, tom):
    tom.post(PATH)
    answer("FAILED", code="MARKET_CLOSED", message="the market is closed")

    page = read(tom.get("/risk/paper-1"))
    assert "NOT CLOSED" in page
    assert "the market is closed" in page
    assert PATH in page


def test_the_page_of_a_trade_closes_its_position_and_comes_back(desk, tom):
    position_id = desk.trade.position_id
    rows = AccountSnapshot.objects.get(account=desk.paper).positions
    AccountSnapshot.objects.filter(account=desk.paper).update(positions=[{**rows[0], "position_id": position_id}])
    trade = f"/trades/{desk.trade.public_id}"
    assert f"{PATH}?trade={desk.trade.public_id}" in read(tom.get(trade))
    assert "−12.40" in read(tom.get(trade)), "what it stands at, not what is booked"

    back = tom.post(f"{PATH}?trade={desk.trade.public_id}", follow=True)

    assert back.redirect_chain == [(trade, 302)]
    assert "CLOSING" in read(back)


def test_an_account_without_an_executor_says_that_nobody_can_close(desk, tom):
    Executor.objects.filter(account=desk.paper).update(retired_at=read_at())
    assert "No executor serves this account" in read(tom.get(PATH))
    assert tom.post(PATH).status_code == 409
    assert not Command.objects.exists() or not Command.objects.filter(kind="CLOSE_POSITION").exists()


def test_a_viewer_may_look_and_not_close(desk, bob):
    assert "You may look, not close." in read(bob.get(PATH))
    assert PATH not in read(bob.get("/risk/paper-1"))
    assert bob.post(PATH).status_code == 403
    assert not Command.objects.filter(kind="CLOSE_POSITION").exists()


@pytest.mark.parametrize("path", [PATH, "/risk/paper-1/positions/999/close", "/risk/nobodys/positions/101/close"])
def test_a_stranger_finds_no_position(desk, charlie, path):
    assert charlie.get(path).status_code == 404
    assert charlie.post(path).status_code == 404
