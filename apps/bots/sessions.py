"""Sessions of external EAs: an opaque token for one bot and one hour; only its HMAC is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from apps.bots.models import Bot, BotSession, BotStatus
from apps.common.clock import ClockTimestamp
from apps.common.errors import Conflict
from apps.teams import keys
from apps.teams.callers import Caller
from apps.teams.models import ApiKey, AuditEntry
from apps.teams.scopes import BOT_SCOPES


@transaction.atomic
def open_session(*, bot: Bot, caller: Caller, at: datetime) -> tuple[BotSession, str]:
    """
    Return a new session of the bot and its token, which is shown once.

    The session ends with its hour, with the key it came from, and with the bot.

    :raises Conflict: BOT_RETIRED.
    """
    if bot.status == BotStatus.RETIRED:
        raise Conflict("BOT_RETIRED", f"Bot {bot.bot_id} is retired.", "bot_id")
    minted = keys.mint_session_token()
    session = BotSession.objects.create(
        bot=bot,
        token_id=minted.key_id,
        digest=minted.digest,
        pepper_number=minted.pepper_number,
        key_id=caller.key.pk if caller.key else None,
        expires_at=at + timedelta(seconds=settings.BOT_SESSION_TTL_S),
    )
    AuditEntry.objects.create(team_id=bot.team_id, actor=caller.actor, action="bot.session", target=bot.public_id)
    return session, minted.text


def find_session_caller(text: str) -> Caller | None:
    """Return who stands behind a session token as the database has it now, or None where it opens nothing."""
    token_id = keys.parse_session_token(text)
    if token_id is None:
        return None
    rows = BotSession.objects.select_related("bot__team").annotate(at=ClockTimestamp())
    session = rows.filter(token_id=token_id).first()
    if session is None or not keys.is_secret(text, session.digest, session.pepper_number):
        return None
    at: datetime = session.at
    if session.expires_at <= at or session.bot.status == BotStatus.RETIRED or not _is_key_alive(session, at):
        return None
    bot = session.bot
    return Caller(
        team=bot.team,
        actor=f"bot:{bot.bot_id}",
        scopes=BOT_SCOPES,
        at=at,
        account_id=bot.account_id,
        bot_id=bot.pk,
    )


def _is_key_alive(session: BotSession, at: datetime) -> bool:
    if session.key_id is None:
        return True
    key = ApiKey.objects.filter(pk=session.key_id).first()
    if key is None:
        return False
    return not any(end is not None and end <= at for end in (key.revoked_at, key.expires_at))


def prune_sessions(*, at: datetime) -> int:
    """Delete sessions that ended a day ago; return how many."""
    return BotSession.objects.filter(expires_at__lt=at - timedelta(days=1)).delete()[0]
