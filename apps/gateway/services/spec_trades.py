"""The guide's trade report, brought to the bot of the strategy on the executor's account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.bots.models import Bot
from apps.common.codes import Code
from apps.common.errors import Invalid, NotFound
from apps.executors.models import Executor
from apps.gateway.services.ea_reports import OpenedTold, take_closed, take_opened
from apps.strategies.selectors import get_strategy
from apps.trades.models import Trade


@dataclass(frozen=True)
class GuideTrade:
    """What the guide's executor says of a trade."""

    ticket: int
    strategy: str
    symbol: str
    side: str
    lots: Decimal | None
    price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    is_close: bool


def take_guide_trade(*, executor: Executor, told: GuideTrade, at: datetime) -> dict[str, Any]:
    """
    Store an opening or a close; return the guide's trade with what is to be done.

    :raises Invalid: FIELD_REQUIRED where an opening lacks symbol, type, lots or openPrice.
    :raises NotFound: where the strategy has no bot on this account.
    """
    bot = _find_bot(executor, told)
    if told.is_close:
        answer = take_closed(bot=bot, ticket=told.ticket, exit_reason="UNKNOWN", report_id=None, at=at)
        return {"id": answer["trade_id"], "ticket": str(told.ticket), "status": "closed", "action": answer["action"]}
    if not (told.symbol and told.side and told.lots and told.price):
        raise Invalid(Code.FIELD_REQUIRED, "An opening needs symbol, type, lots and openPrice.")
    opened = OpenedTold(
        ticket=told.ticket,
        symbol=told.symbol,
        side=told.side,
        volume_lots=told.lots,
        entry_price=told.price,
        stop_loss=told.stop_loss,
        take_profit=told.take_profit,
        request_id="",
        comment="",
        report_id=None,
    )
    answer = take_opened(bot=bot, told=opened, at=at)
    return {"id": answer["trade_id"], "ticket": str(told.ticket), "status": "open", "action": answer["action"]}


def _find_bot(executor: Executor, told: GuideTrade) -> Bot:
    bots = Bot.objects.select_related("account").filter(account=executor.account)
    if told.strategy:
        strategy = get_strategy(executor.team_id, told.strategy)
        bot = bots.filter(strategy=strategy).order_by("-created_at").first()
    else:  # a close names only its ticket
        trade = Trade.objects.filter(account=executor.account, position_id=told.ticket, bot__isnull=False).first()
        bot = bots.filter(pk=trade.bot_id).first() if trade and trade.bot_id else None
    if bot is None:
        raise NotFound(Code.NOT_FOUND, "The strategy has no bot on this executor's account.", "strategyId")
    return bot
