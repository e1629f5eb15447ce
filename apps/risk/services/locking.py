"""The locks of a batch's accounts, and all that is judged by as it stands under them: one round trip to the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.models import Account, AccountRisk
from apps.assignments.models import Assignment
from apps.bots.models import Bot, BotStatus
from apps.common.prepared import ONE, TWO, Prepared, ask_together
from apps.risk.models import Approval, BotBreaker
from apps.risk.services.fact_rows import FactRows, ask_facts

_BREAKER_OF = Bot._meta.get_field("breaker")


class Kept(NamedTuple):
    """What was answered to a bot's key before."""

    bot_id: UUID
    client_key: str
    body_hash: str
    response: str


class Locked(NamedTuple):
    """What stands under the locks. What is busy is in `accounts` only."""

    risks: list[AccountRisk]
    accounts: dict[UUID, Account]
    kept: list[Kept]
    assignments: dict[UUID, Assignment]  # by bot
    rows: FactRows


def _lock_risks(*, skip_locked: bool) -> QuerySet[AccountRisk]:
    rows = AccountRisk.objects.select_for_update(no_key=True, skip_locked=skip_locked)
    return rows.filter(account_id__any=ONE).order_by("account_id")


_RISKS = Prepared(lambda: _lock_risks(skip_locked=False))
_FREE_RISKS = Prepared(lambda: _lock_risks(skip_locked=True))
ACCOUNTS = Prepared(lambda: Account.objects.filter(pk__any=ONE))
_STOPPED = Prepared(
    lambda: Bot.objects.filter(account_id__any=ONE).exclude(status=BotStatus.ACTIVE).values_list("pk", "status")
)
_BREAKERS = Prepared(lambda: BotBreaker.objects.filter(bot_id__any=ONE))
_KEPT = Prepared(lambda: Approval.objects.filter(bot_id__any=ONE, client_key__any=TWO).values_list(*Kept._fields))
_ASSIGNMENTS = Prepared(lambda: Assignment.objects.filter(bot_id__any=ONE, live=True))


def lock_accounts(
    bots: Mapping[UUID, Bot], names: Collection[str], keys: Collection[str], *, skip_locked: bool
) -> Locked:
    """
    Lock the risk rows of the bots' accounts, in id order, and read what is judged by after that.

    The bots' statuses and breakers become those of now.

    :param names: of the symbols that are asked about.
    :param keys: under which was asked: what was answered to one of them before is read too.
    :raises django.db.DatabaseError: where a row is locked by others for too long, unless those are left out.
    """
    accounts = sorted({bot.account_id for bot in bots.values()})
    risks, rows, stopped, breakers, kept, assignments, *read = ask_together(
        (_FREE_RISKS if skip_locked else _RISKS)(accounts),
        ACCOUNTS(accounts),
        _STOPPED(accounts),
        _BREAKERS(list(bots)),
        _KEPT(list(bots) if keys else [], list(keys)),
        _ASSIGNMENTS([pk for pk, bot in bots.items() if bot.managed]),
        *ask_facts(accounts, names),
    )
    _reread(bots, dict(stopped), {row.bot_id: row for row in breakers})
    by_id = {row.pk: row for row in rows}
    for risk in risks:
        risk.account = by_id[risk.account_id]
    return Locked(
        risks, by_id, [Kept(*one) for one in kept], {row.bot_id: row for row in assignments}, FactRows.of(names, read)
    )


def _reread(bots: Mapping[UUID, Bot], stopped: dict[UUID, str], breakers: dict[UUID, BotBreaker]) -> None:
    """
    Who waited for the lock may have read a bot that was paused or retired meanwhile: what holds is what is there now.

    Only what is not ACTIVE is read, by account: it is little. A bot released in that moment is denied once more.
    """
    for pk, bot in bots.items():
        bot.status = stopped.get(pk, bot.status)
        _BREAKER_OF.set_cached_value(bot, breakers.get(pk))
