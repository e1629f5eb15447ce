"""Bots as callers name them."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.bots.models import Bot
from apps.bots.tags import STAGE_TAGS
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.refs import match_reference


def find_bot(team_id: UUID, reference: str) -> Bot | None:
    """Return the team's bot of that id or handle, or None."""
    rows = Bot.objects.select_related("account", "strategy")
    return rows.filter(match_reference(Bot.PREFIX, reference, "bot_id"), team_id=team_id).first()


def get_bot(team_id: UUID, reference: str, *, account_id: UUID | None = None, own_id: UUID | None = None) -> Bot:
    """
    Return the team's bot of that id or handle, on that account where one is given; with `own_id` only that one.

    :raises NotFound: also where it is another team's.
    """
    bot = find_bot(team_id, reference)
    if bot is None or account_id not in (None, bot.account_id) or own_id not in (None, bot.pk):
        raise NotFound(Code.NOT_FOUND, f"No bot {reference[:80]!r} in this team.", "bot_id")
    return bot


@dataclass(frozen=True)
class BotFilter:
    """What a list of bots is narrowed to; an empty text narrows nothing. `tag` is a free tag or a stage's."""

    status: str = ""
    guild: str = ""
    tag: str = ""
    stage: str = ""
    account_id: UUID | None = None
    search: str = ""  # part of the bot id or of the strategy type


def list_bots(team_id: UUID, wanted: BotFilter | None = None) -> QuerySet[Bot]:
    """Return the team's bots with account and strategy."""
    rows, wanted = Bot.objects.filter(team_id=team_id).select_related("account", "strategy"), wanted or BotFilter()
    stage = STAGE_TAGS.get(wanted.tag.lower(), wanted.stage)
    exact = {"status": wanted.status, "guild": wanted.guild, "stage": stage, "account_id": wanted.account_id}
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.tag and wanted.tag.lower() not in STAGE_TAGS:
        rows = rows.filter(tags__contains=[wanted.tag.lower()])
    if wanted.search:
        rows = rows.filter(Q(bot_id__icontains=wanted.search) | Q(strategy_type__icontains=wanted.search))
    return rows


def find_bot_by_magic(account_id: UUID, magic: int) -> Bot | None:
    """Return the account's bot that trades under this magic number, or None."""
    return Bot.objects.filter(account_id=account_id, magic=magic).first()
