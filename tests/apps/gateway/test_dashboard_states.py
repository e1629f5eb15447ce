"""The states behind `/ws/dashboard`: true, of one team, and read in as many statements for two hundred bots as for two."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import LimitSet
from apps.bots.models import Bot
from apps.bots.services import register_bot, set_bot_status
from apps.common.clock import read_at
from apps.gateway.selectors.dashboards import ACCOUNT_UPDATES, BOT_UPDATES, read_states
from tests.risk import make_desk, shown
from tests.world import make_world


def count_statements(team):
    with CaptureQueriesContext(connection) as captured:
        read_states(team.pk)
    return len(captured)


def test_the_statements_grow_neither_with_bots_nor_with_accounts():
    world = make_world()
    first = make_desk(world)
    few = count_statements(world.team)
    desks = [first, *(make_desk(world, key=first.key) for _ in range(3))]
    for number in range(40):
        register_bot(account=desks[number % 4].account, actor="test", bot_id=f"bot-{number:02}", guild="ANALYST")
    assert count_statements(world.team) == few <= 8
    _, states = read_states(world.team.pk)
    assert len(states) == 4 + 44


def test_a_bot_shows_its_own_positions_with_swap_and_an_unseen_account_shows_none():
    world = make_world()
    desk = make_desk(world)
    desk.see(positions=[shown(desk, profit="12.30", swap="-0.30"), shown(desk, ticket=78, position_id=78, magic=5)])
    unseen = make_desk(world)
    type(unseen.account.snapshot).objects.filter(account=unseen.account).delete()
    _, states = read_states(world.team.pk)
    bot = states[BOT_UPDATES, desk.bot.public_id].data
    assert (bot["current_positions"], bot["unrealized_pnl"]) == (1, Decimal("12.00"))
    blind = states[BOT_UPDATES, unseen.bot.public_id].data
    assert (blind["current_positions"], blind["unrealized_pnl"]) == (None, None)
    account = states[ACCOUNT_UPDATES, unseen.account.public_id].data
    assert (account["equity"], account["trading_allowed"], account["stale"]) == (None, False, True)


def test_a_retired_bot_is_shown_for_an_hour_so_that_everybody_hears_of_it():
    world = make_world()
    desk = make_desk(world)
    set_bot_status(bot_id=desk.bot.pk, actor="test", status="RETIRED")
    _, states = read_states(world.team.pk)
    assert states[BOT_UPDATES, desk.bot.public_id].data["status"] == "RETIRED"
    Bot.objects.update(status_at=read_at() - timedelta(hours=2))
    _, states = read_states(world.team.pk)
    assert (BOT_UPDATES, desk.bot.public_id) not in states


def test_limits_that_cannot_be_read_blind_nobody_else():
    world = make_world()
    broken = make_desk(world)
    fine = make_desk(world, key=broken.key)
    LimitSet.objects.filter(account=broken.account).update(document={"daily_loss_fraction": "nonsense"})
    _, states = read_states(world.team.pk)
    assert (ACCOUNT_UPDATES, broken.account.public_id) not in states
    assert (ACCOUNT_UPDATES, fine.account.public_id) in states
    assert (BOT_UPDATES, broken.bot.public_id) in states
