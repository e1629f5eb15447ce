"""The experts as the terminal runs them: the monitor makes the account known, the example trades only what is approved."""

from __future__ import annotations

import pytest

from apps.accounts.models import AccountSnapshot
from apps.bots.services import register_bot
from apps.common.clock import read_at
from apps.executors.services.registry import create_executor
from apps.market.models import SymbolSpecification
from apps.risk.models import Approval
from apps.risk.services.latches import halt_account
from apps.trades.models import Deal
from tests.fleet import make_account
from tests.world import make_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(people):
    return make_account(people.team, server="RiskMind-Demo", login=10007)


@pytest.fixture
def bot(account):
    return register_bot(account=account, actor="test", bot_id="analyst-bot-007", guild="ANALYST", magic=10007)


@pytest.fixture
def executor_key(account):
    _, key, secret = create_executor(account=account, actor="test", code="monitor", name="Monitor")
    return key.key_id, secret


@pytest.fixture
def monitor(start, server, account, executor_key):
    talk = start("monitor", account.login, account.server)
    assert talk.say("init", server.url, *executor_key) == "0"
    return talk


def test_the_monitor_makes_the_account_known(monitor, account):
    words = monitor.say("timer").split("|")

    seen = AccountSnapshot.objects.get(account=account)
    assert (seen.complete, seen.balance, seen.equity, seen.positions) == (True, 100_000, 100_000, [])
    assert SymbolSpecification.objects.get(account=account, symbol="EURUSD").document["tick_value_loss"] == "1.00000000"
    assert words[0] == "RiskMind: the server knows this account"
    assert words[1].startswith("last told 0.")
    assert words[2] == "new trades are judged one by one"


def test_positions_and_deals_arrive_with_their_words(monitor, account, bot):
    monitor.say("position", 7001, 0.3, 1.1, 1.098, bot.magic)

    seen = AccountSnapshot.objects.get(account=account)
    (position,) = seen.positions
    assert (position["ticket"], position["magic"], position["comment"]) == (7001, bot.magic, 'by "hand" é')
    assert Deal.objects.get(account=account, ticket=7002).position_id == 7001


def test_the_panel_says_when_the_server_is_gone_and_when_it_halts(
    start, server, monitor, account, executor_key, people
):
    monitor.say("timer")
    halt_account(account=account, actor="test", reason="too much", at=read_at())
    assert monitor.say("timer").split("|")[2] == "HALTED: too much"

    lost = start("monitor", account.login, account.server)
    lost.say("init", "http://127.0.0.1:9", *executor_key)
    words = lost.say("timer").split("|")
    assert words[0] == "RiskMind: NO CONTACT - no trade will be approved"
    assert words[1] == "nothing told yet"
    assert "no connection" in words[2]
    assert lost.say("end") == "0"


def test_a_second_monitor_does_not_take_the_account_over(start, server, monitor, account, executor_key):
    monitor.say("timer")
    second = start("monitor", account.login, account.server)
    second.say("init", server.url, *executor_key)

    assert second.say("timer").split("|")[0] == "RiskMind: NO CONTACT - no trade will be approved"
    assert monitor.say("timer").split("|")[0] == "RiskMind: the server knows this account"


def test_the_example_trades_what_is_approved_and_reports_it(start, server, monitor, account, bot, people):
    monitor.say("timer")
    key = make_key(people.alice, ["bots:session"])[1]
    example = start("example")
    example.say("init", server.url, key, bot.bot_id, 0)
    assert example.say("tick", 0) == "nothing"
    sent = example.say("tick", 1)

    approval = Approval.objects.get(account=account)
    assert sent == f"BUY 0.10 {approval.tag}"
    assert approval.position_id == 1000  # told by the expert itself
    assert example.say("tick", 1) == "nothing"  # one position at a time


def test_the_example_does_nothing_while_the_account_is_unknown(start, server, account, bot, people):
    key = make_key(people.alice, ["bots:session"])[1]
    example = start("example")
    example.say("init", server.url, key, bot.bot_id, 0)

    assert example.say("tick", 1) == "nothing"
    assert Approval.objects.get(account=account).reason_code == "ACCOUNT_STALE"


def test_the_example_runs_in_the_tester_without_a_server(start, account):
    example = start("example")
    example.say("init", "http://127.0.0.1:9", "none", "nobody", 1)

    assert example.say("tick", -1) == "SELL 0.10 "
    assert not Approval.objects.exists()
