"""What became of an order placed under an approval, as the agent or the EA tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account
from apps.common.prepared import ONE, THREE, TWO, Prepared, ask_together
from apps.trades.models import Order, OrderOutcome, Trade, TradeSource

# Forward only: what is settled is not unsettled by a report that comes late.
RANK = {
    OrderOutcome.SENT: 0,
    OrderOutcome.UNRESOLVED: 1,
    # A fill is evidence, absence only its lack: what was given up may turn out to be filled, never the other way round.
    OrderOutcome.REJECTED: 2,
    OrderOutcome.NOT_SENT: 2,
    OrderOutcome.PARTIAL: 3,
    OrderOutcome.DONE: 4,
}


@dataclass(frozen=True)
class OutcomeTold:
    """An order's outcome in the words of the report."""

    approval_id: UUID
    bot_id: UUID
    symbol: str
    side: str
    volume_lots: Decimal
    outcome: str
    filled_lots: Decimal = Decimal(0)
    ticket: int | None = None
    position_id: int | None = None
    price: Decimal | None = None
    retcode: int | None = None
    comment: str = ""
    market_at: datetime | None = None
    planned_risk: Decimal | None = None


_ORDERS = Prepared(lambda: Order.objects.select_for_update(no_key=True).filter(approval_id__any=ONE))
_UNAPPROVED = Prepared(  # the legs of a position that a bot is known to hold, and no approval of it
    lambda: (
        Trade.objects.select_for_update(no_key=True)
        .filter(account_id__any=ONE, position_id__any=TWO, bot_id__any=THREE, approval_id__isnull=True)
        .order_by("leg")
    )
)


@transaction.atomic(savepoint=False)
def record_outcome(*, account: Account, told: OutcomeTold, at: datetime) -> Order:
    """Store the outcome of an approval's order, one row per approval, and put the approval on the trade it became."""
    position = [told.position_id] if told.position_id is not None else []
    known, legs = ask_together(_ORDERS([told.approval_id]), _UNAPPROVED([account.pk], position, [told.bot_id]))
    if not known:
        known = _keep_order(account, told, at)
    order: Order = known[0]
    if RANK[OrderOutcome(told.outcome)] > RANK[OrderOutcome(order.outcome)]:
        for name, value in _values(account, told, at).items():
            setattr(order, name, value)
        order.save()
    _approve_trade(account, order, told, legs)
    return order


def _keep_order(account: Account, told: OutcomeTold, at: datetime) -> list[Order]:
    """Return the order's row, locked: the one stored now, or that of another report of it which came first."""
    Order.objects.bulk_create(
        [Order(approval_id=told.approval_id, **_values(account, told, at))], ignore_conflicts=True
    )
    return ask_together(_ORDERS([told.approval_id]))[0]


def _values(account: Account, told: OutcomeTold, at: datetime) -> dict[str, object]:
    return {
        "account": account,
        "bot_id": told.bot_id,
        "ticket": told.ticket,
        "position_id": told.position_id,
        "symbol": told.symbol[:32],
        "side": told.side,
        "volume_lots": told.volume_lots,
        "filled_lots": told.filled_lots,
        "price": told.price,
        "outcome": told.outcome,
        "retcode": told.retcode,
        "comment": told.comment[:120],
        "at": at,
        "market_at": told.market_at,
    }


def _approve_trade(account: Account, order: Order, told: OutcomeTold, legs: list[Trade]) -> None:
    """The deal may have come first, with a comment that the broker rewrote: the report's position says whose it is."""
    if order.position_id is None:
        return
    if order.position_id != told.position_id:  # a better report of the order named another
        (legs,) = ask_together(_UNAPPROVED([account.pk], [order.position_id], [told.bot_id]))
    trade = next(iter(legs), None)
    if trade is None or trade.bot is None:
        return
    trade.approval_id, trade.planned_risk = order.approval_id, told.planned_risk
    trade.source = TradeSource.MANAGED if trade.bot.managed else TradeSource.REPORTED
    trade.save(update_fields=["approval_id", "planned_risk", "source"])


@transaction.atomic
def note_exit_reason(*, account: Account, position_id: int, reason: str, bot_id: UUID | None = None) -> bool:
    """Store why the bot closed the position's latest leg; False where no such trade (of that bot) is known yet."""
    rows = Trade.objects.select_for_update(no_key=True).filter(account=account, position_id=position_id)
    trade = (rows.filter(bot_id=bot_id) if bot_id else rows).order_by("-leg").first()
    if trade is None:
        return False
    if trade.exit_reason != reason:
        trade.exit_reason = reason[:20]
        trade.save(update_fields=["exit_reason"])
    return True


@transaction.atomic
def note_stops(
    *, account: Account, position_id: int, stop_loss: Decimal | None, take_profit: Decimal | None, at: datetime
) -> bool:
    """Store the stops the bot has moved; False where the position is not open in the ledger (yet)."""
    rows = Trade.objects.filter(account=account, position_id=position_id, closed_at__isnull=True)
    return bool(rows.update(stop_loss=stop_loss, take_profit=take_profit, updated_at=at))
