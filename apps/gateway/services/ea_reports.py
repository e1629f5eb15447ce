"""What an external EA tells of its own trades: matched to approvals, counted once, answered with what to do."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.accounts.models import AccountSnapshot
from apps.bots.models import Bot
from apps.common.outbox import tell
from apps.gateway.services.risk_side import find_approval_behind, resolve
from apps.risk.models import Approval
from apps.risk.services.flags import flag_unapproved
from apps.trades.models import OrderOutcome, Trade
from apps.trades.services.orders import OutcomeTold, note_exit_reason, record_outcome
from apps.trades.services.receipts import count_once
from trading.model.orders import ExitReason

NAMESPACE = uuid.UUID("6f1d7c1e-9a5b-5c7e-8a43-6d696b726f62")


@dataclass(frozen=True)
class OpenedTold:
    """A position an EA opened, in its words."""

    ticket: int
    symbol: str
    side: str
    volume_lots: Decimal
    entry_price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    request_id: str
    comment: str
    report_id: uuid.UUID | None


def take_opened(*, bot: Bot, told: OpenedTold, at: datetime) -> dict[str, Any]:
    """
    Store that a bot opened a position; return the approval it belongs to and what the EA shall do (none, close, reduce).

    Without an approval it is UNAPPROVED: it is told to people, and counts in the risk like any other position.
    """
    report_id = told.report_id or uuid.uuid5(NAMESPACE, f"opened:{bot.pk}:{told.ticket}")
    answer, _ = count_once(
        account=bot.account, report_id=report_id, kind="opened", at=at, do=lambda: _take_opened(bot, told, at)
    )
    return {**answer, "trade_id": _find_trade_id(bot, told.ticket)}


def take_closed(
    *, bot: Bot, ticket: int, exit_reason: str, report_id: uuid.UUID | None, at: datetime
) -> dict[str, Any]:
    """Store why a bot closed a position; the money is the deals' to say."""
    key = report_id or uuid.uuid5(NAMESPACE, f"closed:{bot.pk}:{ticket}")
    reason = exit_reason.upper() if exit_reason.upper() in list(ExitReason) else str(ExitReason.UNKNOWN)
    count_once(
        account=bot.account,
        report_id=key,
        kind="closed",
        at=at,
        do=lambda: {"known": note_exit_reason(account=bot.account, position_id=ticket, reason=reason, bot_id=bot.pk)},
        position_id=ticket,
        exit_reason=reason,
    )
    return {"action": "none", "trade_id": _find_trade_id(bot, ticket)}


def _take_opened(bot: Bot, told: OpenedTold, at: datetime) -> dict[str, Any]:
    # The EA does not say when: the account's market clock of this moment is the nearest there is.
    seen = AccountSnapshot.objects.filter(account_id=bot.account_id).first()
    opened_at = seen.market_at if seen and bot.account.mode == "PAPER" else at
    approval = find_approval_behind(bot, told, opened_at)
    if approval is None:
        data = {
            "bot_id": bot.bot_id,
            "position_id": told.ticket,
            "symbol": told.symbol,
            "volume_lots": told.volume_lots,
        }
        tell(team_id=bot.team_id, account_id=bot.account_id, kind="trade.unapproved", data=data)
        return {**_flag(bot, told, at), "source": "UNAPPROVED", "approval": None}
    outcome = OutcomeTold(
        approval_id=approval.pk,
        bot_id=bot.pk,
        symbol=told.symbol,
        side=told.side,
        volume_lots=approval.adjusted_lots,
        outcome=OrderOutcome.DONE if told.volume_lots >= approval.adjusted_lots else OrderOutcome.PARTIAL,
        filled_lots=told.volume_lots,
        position_id=told.ticket,
        price=told.entry_price,
        comment=told.comment,
        market_at=opened_at,
        planned_risk=approval.risk_amount,
    )
    record_outcome(account=bot.account, told=outcome, at=at)
    todo = resolve(approval, outcome, stop_loss=told.stop_loss, at=at)
    if told.volume_lots > approval.adjusted_lots:
        rest = told.volume_lots - approval.adjusted_lots
        todo = {"action": "reduce", "ticket": told.ticket, "lots": float(rest)} if todo["action"] == "none" else todo
    _tell_reported(bot, told, approval, todo)
    return {
        **todo,
        "source": "REPORTED",
        "approval": {"id": approval.public_id, "reason_code": approval.reason_code},
    }


def _tell_reported(bot: Bot, told: OpenedTold, approval: Approval, todo: dict[str, Any]) -> None:
    data = {
        "bot_id": bot.bot_id,
        "position_id": told.ticket,
        "symbol": told.symbol,
        "side": told.side,
        "volume_lots": told.volume_lots,
        "entry_price": told.entry_price,
        "approval_id": approval.public_id,
        "action": todo["action"],
    }
    tell(team_id=bot.team_id, account_id=bot.account_id, kind="trade.reported", data=data)


def _flag(bot: Bot, told: OpenedTold, at: datetime) -> dict[str, Any]:
    closes = flag_unapproved(
        bot,
        position_id=told.ticket,
        symbol=told.symbol,
        side=told.side,
        volume_lots=told.volume_lots,
        at=at,
    )
    return {"action": "close", "ticket": told.ticket, "lots": float(told.volume_lots)} if closes else {"action": "none"}


def _find_trade_id(bot: Bot, position_id: int) -> str | None:
    trade = Trade.objects.filter(account_id=bot.account_id, bot=bot, position_id=position_id).order_by("-leg").first()
    return trade.public_id if trade else None
