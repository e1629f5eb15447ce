"""The end of a bot: refused while anything may still become, or is, a position of it."""

from __future__ import annotations

from django.db import transaction

from apps.accounts.models import AccountRisk, AccountSnapshot
from apps.assignments.models import Assignment
from apps.assignments.selectors import is_proven
from apps.bots.models import Bot
from apps.bots.services import retire_bot
from apps.common.errors import Conflict
from apps.risk.models import Approval
from apps.risk.services.fact_rows import OPEN_RESERVATIONS
from apps.trades.selectors import count_held


@transaction.atomic
def unregister_bot(*, bot: Bot, actor: str) -> Bot:
    """
    Retire a bot. Its row stays as a tombstone: the magic number is never given again.

    Holds the account's risk row, so no approval is given meanwhile.

    :raises Conflict: BOT_HAS_POSITIONS, BOT_HAS_ORDERS, BOT_HAS_RESERVATIONS or BOT_IS_PLACED, with how many.
    """
    AccountRisk.objects.select_for_update(no_key=True).get(pk=bot.account_id)
    waiting = Approval.objects.filter(bot=bot, reservation__in=OPEN_RESERVATIONS).count()
    if waiting:
        message = f"{waiting} approval(s) of the bot still hold a reservation: nobody has proven what became of them."
        raise Conflict("BOT_HAS_RESERVATIONS", message, extra={"reservations": waiting})
    if orders := _count_orders(bot):
        raise Conflict("BOT_HAS_ORDERS", f"{orders} order(s) of the bot still wait.", extra={"orders": orders})
    placed = Assignment.objects.filter(bot=bot, live=True).select_related("executor").first()
    if placed is not None and (placed.desired != "STOPPED" or not is_proven(placed)):
        message = f"It is placed on {placed.executor.code}; stop it there, and wait until that is proven."
        raise Conflict("BOT_IS_PLACED", message, extra={"assignment_id": placed.public_id})
    return retire_bot(bot_id=bot.pk, actor=actor, open_positions=count_held(bot))


def _count_orders(bot: Bot) -> int:
    seen = AccountSnapshot.objects.filter(account_id=bot.account_id).first()
    return sum(int(one["magic"]) == bot.magic for one in seen.orders) if seen else 0
