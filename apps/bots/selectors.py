"""Bots as callers name them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from apps.bots.models import Bot
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


def list_bots(team_id: UUID, *, status: str = "", account_id: UUID | None = None) -> QuerySet[Bot]:
    """Return the team's bots with account and strategy."""
    rows = Bot.objects.filter(team_id=team_id).select_related("account", "strategy")
    if status:
        rows = rows.filter(status=status)
    return rows.filter(account_id=account_id) if account_id else rows


def find_bot_by_magic(account_id: UUID, magic: int) -> Bot | None:
    """Return the account's bot that trades under this magic number, or None."""
    return Bot.objects.filter(account_id=account_id, magic=magic).first()
