"""
Circuit breakers of bots. Losses in a row and rejected orders open one until the account's next day; repeated slippage puts
the bot in quarantine, which only a person ends. An open breaker refuses new risk, never a close.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account, AccountRisk, LimitSet
from apps.bots.models import Bot, BotStatus
from apps.bots.services import set_bot_status
from apps.common.errors import Conflict
from apps.risk.models import BotBreaker, FlagKind, PositionFlag, Severity
from apps.risk.services.events import write_event
from apps.teams.services import record_deed
from apps.trades.models import Order, OrderOutcome, Trade
from trading.errors import TradingError
from trading.risk.days import Day, day_at
from trading.risk.limits import ENFORCE, OFF, Limits, parse_limits

CONSECUTIVE_LOSSES = "CONSECUTIVE_LOSSES"
ORDER_ERRORS = "ORDER_ERRORS"
ACTOR = "system:risk"
HOUR = timedelta(hours=1)


def review_closed(account: Account, trades: Iterable[Trade], at: datetime) -> None:
    """Look at bots whose trades have just been closed, in the transaction that booked them: who has lost too often in a row?"""
    ended = {trade.bot_id: trade.closed_at for trade in trades if trade.bot_id and trade.closed_at and trade.pnl < 0}
    limits = _read_limits(account) if ended else None
    most = limits.max_consecutive_losses if limits else None
    if limits is None or most is None:
        return
    for bot_id, closed_at in ended.items():
        day = _find_day(account, closed_at)
        lost = count_losses(bot_id, day)
        if lost >= most:
            message = f"{lost} losing trades in a row: no new one until the next day."
            trip(account, bot_id, CONSECUTIVE_LOSSES, message, limits, day.day, at, {"losses": lost, "limit": most})


def _find_day(account: Account, closed_at: datetime) -> Day:
    """Return the account's day that holds the moment: the one in force as it stands, another one as the account's clock turns it."""
    risk = AccountRisk.objects.filter(account=account).first()
    if risk is not None and risk.day and risk.day_starts_at and risk.day_ends_at:
        day = Day(risk.day, risk.day_starts_at, risk.day_ends_at)
        if day.starts_at <= closed_at < day.ends_at:
            return day
    return day_at(closed_at, account.zone, account.reset_time)


def count_losses(bot_id: UUID, day: Day) -> int:
    """Return how many of the bot's trades in a row have lost: the latest closed on that day, since a person last closed its breaker."""
    rows = Trade.objects.filter(bot_id=bot_id, closed_at__gte=day.starts_at, closed_at__lt=day.ends_at)
    breaker = BotBreaker.objects.filter(bot_id=bot_id, lifted_at__isnull=False).first()
    if breaker is not None:
        rows = rows.filter(updated_at__gt=breaker.lifted_at)
    lost = 0
    for pnl in rows.order_by("-closed_at", "-pk").values_list("pnl", flat=True):
        if pnl >= 0:
            break
        lost += 1
    return lost


def review_errors(risk: AccountRisk, bot: Bot, at: datetime) -> None:
    """
    Look at a bot whose order the broker has just rejected (risk row locked).

    Where several bots of the account meet errors it is the executor's trouble, and told as such.
    """
    account = bot.account
    limits = _read_limits(account)
    if limits is None or limits.max_order_errors_per_hour is None:
        return
    rows = Order.objects.filter(account=account, outcome=OrderOutcome.REJECTED, at__gt=at - HOUR)
    bots, most = list(rows.values_list("bot_id", flat=True)), limits.max_order_errors_per_hour
    figures = {"errors": bots.count(bot.pk), "limit": most}
    if figures["errors"] >= most:
        message = f"The broker rejected {figures['errors']} orders in an hour: no new one until the next day."
        trip(account, bot.pk, ORDER_ERRORS, message, limits, risk.day, at, figures)
    if len(bots) >= most and len(set(bots)) > 1 and limits.mode != OFF:
        message = f"The broker rejected {len(bots)} orders of {len(set(bots))} bots in an hour: look at the terminal."
        key = f"{risk.day}:executor-errors"
        figures = {"errors": len(bots), "limit": most}
        write_event(account, "EXECUTOR_ERRORS", Severity.CRITICAL, message, at=at, metrics=figures, once_key=key)


def count_slippage(account: Account, bot_id: UUID, day: date | None, limits: Limits, at: datetime) -> None:
    """Put a bot in quarantine that has slipped too often on one day; a retired one stays retired."""
    most = limits.max_slippages_per_day
    found = PositionFlag.objects.filter(bot_id=bot_id, kind=FlagKind.SLIPPAGE, day=day).count()
    bot = Bot.objects.get(pk=bot_id)
    if most is None or found < most or bot.status in (BotStatus.QUARANTINE, BotStatus.RETIRED):
        return
    reason = f"slipped {found} times in a day"
    set_bot_status(bot_id=bot_id, actor=ACTOR, status=BotStatus.QUARANTINE, reason=reason)
    write_event(
        account,
        "BOT_QUARANTINED",
        Severity.CRITICAL,
        f"{bot.bot_id} {reason}: it is in quarantine until a person ends it.",
        at=at,
        metrics={"bot_id": bot.bot_id, "slippages": found, "limit": most},
        bot=bot_id,
    )


def trip(
    account: Account,
    bot_id: UUID,
    reason_code: str,
    message: str,
    limits: Limits,
    day: date | None,
    at: datetime,
    figures: dict[str, Any],
) -> None:
    """Open a bot's breaker for a trading day and tell it; open already for that day is no change. Watched limits only tell."""
    if limits.mode == OFF:
        return
    present = BotBreaker.objects.select_for_update().filter(bot_id=bot_id).first()
    if present is not None and present.lifted_at is None and present.day == day:
        return
    if limits.mode == ENFORCE:
        given = {"reason_code": reason_code, "reason": message[:200], "day": day, "tripped_at": at}
        BotBreaker.objects.update_or_create(bot_id=bot_id, defaults={**given, "lifted_at": None, "lifted_by": ""})
    bot = Bot.objects.get(pk=bot_id)
    text = f"{bot.bot_id}: {message}" if limits.mode == ENFORCE else f"{bot.bot_id} (watched only): {message}"
    key = f"{day}:{reason_code.lower()}:{bot.public_id}" if limits.mode != ENFORCE else None
    metrics = {"bot_id": bot.bot_id, **figures}
    write_event(account, reason_code, Severity.WARNING, text, at=at, metrics=metrics, bot=bot_id, once_key=key)


@transaction.atomic
def lift_breaker(*, bot: Bot, actor: str, at: datetime) -> BotBreaker:
    """
    Close a bot's breaker before its day is over; losses so far no longer count.

    :raises Conflict: BREAKER_NOT_OPEN.
    """
    risk = AccountRisk.objects.get(account_id=bot.account_id)
    breaker = BotBreaker.objects.select_for_update().filter(bot=bot).first()
    if breaker is None or not breaker.is_open(risk.day):
        raise Conflict("BREAKER_NOT_OPEN", f"The circuit breaker of {bot.bot_id} is not open.", "bot_id")
    breaker.lifted_at, breaker.lifted_by = at, actor[:120]
    breaker.save(update_fields=["lifted_at", "lifted_by"])
    account = bot.account
    message = f"{bot.bot_id}: breaker closed by {actor}"
    write_event(account, "BREAKER_LIFTED", Severity.INFO, message, at=at, metrics={"actor": actor}, bot=bot.pk)
    record_deed(team=account.team, actor=actor, action="BREAKER_LIFTED", target=bot.public_id)
    return breaker


def _read_limits(account: Account) -> Limits | None:
    row = LimitSet.objects.filter(account=account, in_force=True).first()
    try:
        return parse_limits(row.document) if row else None
    except TradingError:
        return None  # nothing is approved on such an account anyway
