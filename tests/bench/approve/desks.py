"""The accounts and bots of the bench, made as people would make them: 20 accounts with 10 bots each, one with 200."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import AccountRisk, AccountSnapshot
from apps.bots.services import register_bot
from apps.bots.sessions import open_session
from apps.common.clock import read_at
from apps.risk.models import Approval
from apps.risk.services.fact_rows import OPEN_RESERVATIONS
from tests.fleet import make_executor_with_key
from tests.risk import Desk, make_desk
from tests.world import caller_of, make_key, make_world

ACCOUNTS, BOTS = 20, 200
SPREAD, HOT = "spread", "hot"


@dataclass(frozen=True)
class BenchBot:
    """One bot as its client and the references know it."""

    account: str
    bot: str
    name: str
    token: str


@dataclass(frozen=True)
class BenchDesks:
    """All that asks: bots by layout, the agents that look after the accounts, a key for those who watch."""

    bots: dict[str, list[BenchBot]]
    agents: list[dict[str, Any]]
    watcher_key: str

    def plain_bots(self) -> dict[str, list[dict[str, str]]]:
        return {layout: [asdict(bot) for bot in bots] for layout, bots in self.bots.items()}


def make_desks() -> BenchDesks:
    """Return the world of the bench, freshly stored."""
    world = make_world()
    _, key = make_key(world.alice)
    desks = [make_desk(world, key=key) for _ in range(ACCOUNTS + 1)]
    for desk in desks:
        # Each request is judged in full, and none runs out of room.
        desk.limit(max_open_positions=None, mode="SHADOW")
    *spread, hot = desks
    bots = {
        SPREAD: [_make_bot(spread[number % ACCOUNTS]) for number in range(BOTS)],
        HOT: [_make_bot(hot) for _ in range(BOTS)],
    }
    agents = [_make_agent(desk) for desk in desks]
    AccountSnapshot.objects.update(taken_at=read_at(), received_at=read_at())  # making so many has taken its time
    return BenchDesks(bots, agents, key)


@transaction.atomic
def forget_reservations() -> None:
    """Free what the cell before reserved, under the accounts' locks: every cell begins with nothing open."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '60s'; SET LOCAL statement_timeout = '120s'")
    list(AccountRisk.objects.select_for_update(no_key=True).order_by("account_id"))
    Approval.objects.filter(reservation__in=OPEN_RESERVATIONS).update(reservation="VOID", reserved=0)
    AccountRisk.objects.update(reserved=0, risked_today=0)


def _make_bot(desk: Desk) -> BenchBot:
    bot = register_bot(account=desk.account, actor="bench", bot_id=f"b-{uuid.uuid4().hex[:12]}", guild="ANALYST")
    _, token = open_session(bot=bot, caller=caller_of(desk.owner), at=read_at())
    return BenchBot(str(desk.account.pk), str(bot.pk), bot.bot_id, token)


def _make_agent(desk: Desk) -> dict[str, Any]:
    _, headers = make_executor_with_key(desk.account)
    return {
        "account": str(desk.account.pk),
        "login": desk.account.login,
        "key": headers["HTTP_X_API_KEY"],
        "secret": headers["HTTP_X_API_SECRET"],
    }
