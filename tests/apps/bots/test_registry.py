"""The registry: magic numbers never twice on an account, sessions for one bot, retiring only when flat."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.accounts.services import store_snapshot
from apps.bots.models import Bot, BotSession
from apps.bots.services import register_bot, retire_bot, set_bot_status
from apps.bots.sessions import find_session_caller, open_session
from apps.common.clock import read_at
from apps.common.errors import Conflict, Impossible
from apps.teams.services import revoke_key
from apps.trades.selectors import count_held
from tests.fleet import make_account, position, race, snapshot
from tests.world import caller_of, make_key, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(world):
    return make_account(world.team)


def register(account, bot_id="analyst-bot-007", guild="ANALYST", **more):
    return register_bot(account=account, actor="test", bot_id=bot_id, guild=guild, **more)


@pytest.mark.parametrize(
    "guild, first",
    [
        ("ANALYST", 10_000),
        ("QUANTCODE", 20_000),
        ("MANUAL", 30_000),
        ("PAPER", 90_000),
        ("EXECUTOR", 1_000_000),
        ("ORCHESTRATOR", 2_000_000),
    ],
)
def test_each_guild_counts_in_its_own_range(account, guild, first):
    assert [register(account, f"bot-{n}", guild).magic for n in range(3)] == [first, first + 1, first + 2]


def test_a_wished_number_is_had_in_range_and_once(account):
    assert register(account, magic=10_007).magic == 10_007
    assert register(account, "next-bot").magic == 10_008
    with pytest.raises(Impossible) as refused:
        register(account, "other", magic=20_000)
    assert refused.value.code == "MAGIC_OUT_OF_RANGE"
    with pytest.raises(Conflict):
        register(account, "other", magic=10_007)


def test_a_retired_bots_number_is_never_given_again(account):
    bot = register(account)
    retire_bot(bot_id=bot.pk, actor="test", open_positions=0)
    assert register(account, "successor").magic == bot.magic + 1


def test_a_full_range_is_said(account):
    register(account, magic=19_999)
    with pytest.raises(Impossible) as refused:
        register(account, "one-too-many")
    assert refused.value.code == "MAGICS_EXHAUSTED"


def test_the_first_mikrobot_of_an_account_has_the_manuals_number(account):
    bots = [register(account, f"m{n}", "EXECUTOR", strategy_type="MIKROBOT") for n in range(2)]
    assert [bot.magic for bot in bots] == [999_888, 1_000_000]


def test_a_bot_with_positions_is_not_retired(account):
    bot = register(account)
    store_snapshot(
        account=account, executor_id=None, message=snapshot(positions=[position(1, magic=bot.magic)]), at=read_at()
    )
    with pytest.raises(Conflict) as refused:
        retire_bot(bot_id=bot.pk, actor="test", open_positions=count_held(bot))
    assert refused.value.code == "BOT_HAS_POSITIONS"


def test_retired_is_final(account):
    bot = register(account)
    retire_bot(bot_id=bot.pk, actor="test", open_positions=0)
    with pytest.raises(Conflict):
        set_bot_status(bot_id=bot.pk, actor="test", status="ACTIVE")


@pytest.fixture
def session(world, account):
    key, _ = make_key(world.alice, ["bots:session"])
    bot = register(account)
    caller = caller_of(world.alice)
    row, token = open_session(bot=bot, caller=type(caller)(**{**vars(caller), "key": key}), at=read_at())
    return row, token, key


def test_a_session_opens_one_bots_doors(session):
    row, token, _ = session
    caller = find_session_caller(token)
    assert (caller.bot_id, caller.account_id) == (row.bot_id, row.bot.account_id)
    assert caller.may("trades:approve")
    assert not caller.may("strategies:read")
    assert find_session_caller(token[:-1] + ("0" if token[-1] != "0" else "1")) is None


def test_a_session_ends_with_its_hour_its_bot_and_its_key(world, session):
    row, token, key = session
    BotSession.objects.filter(pk=row.pk).update(expires_at=read_at() - timedelta(seconds=1))
    assert find_session_caller(token) is None
    BotSession.objects.filter(pk=row.pk).update(expires_at=read_at() + timedelta(hours=1))
    assert find_session_caller(token) is not None
    Bot.objects.filter(pk=row.bot_id).update(status="RETIRED")
    assert find_session_caller(token) is None
    Bot.objects.filter(pk=row.bot_id).update(status="ACTIVE")
    revoke_key(caller=caller_of(world.alice), key=key)
    assert find_session_caller(token) is None


@pytest.mark.django_db(transaction=True)
def test_racing_registrations_get_different_numbers():
    account = make_account(make_world().team)
    bots = race(*[lambda n=n: register(account, f"bot-{n}") for n in range(6)])
    assert sorted(bot.magic for bot in bots) == list(range(10_000, 10_006))
