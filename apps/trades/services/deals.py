"""Deals are booked once, whoever tells them and however often; trades are derived from all deals of their position."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account, AccountSnapshot
from apps.common.outbox import tell
from apps.trades.ledger import BUY, SELL, Leg, derive_legs
from apps.trades.models import Deal, Order, ReportReceipt, Trade, TradeSource
from apps.trades.services.origins import ApprovalRef, Origin, Origins
from trading.protocol import DealMessage, PositionMessage


@dataclass(frozen=True)
class Booked:
    """What a batch of deals changed."""

    new_deals: int
    opened: tuple[Trade, ...]
    closed: tuple[Trade, ...]


def find_fresh(account: Account, deals: Sequence[DealMessage]) -> list[DealMessage]:
    """Return the deals that are not booked yet: of an overlap only these are worth looking up."""
    known = Deal.objects.filter(account=account, ticket__in=[deal.ticket for deal in deals])
    booked = set(known.values_list("ticket", flat=True))
    return [deal for deal in deals if deal.ticket not in booked]


def list_with_fresh(deals: Mapping[UUID, Sequence[DealMessage]]) -> set[UUID]:
    """Return the accounts among whose deals one is not booked yet."""
    wanted = {(account_id, deal.ticket) for account_id, told in deals.items() for deal in told}
    if not wanted:
        return set()
    rows = Deal.objects.filter(account_id__in={one for one, _ in wanted}, ticket__in={ticket for _, ticket in wanted})
    return {account_id for account_id, _ in wanted - set(rows.values_list("account_id", "ticket"))}


@transaction.atomic
def apply_deals(
    *,
    account: Account,
    deals: Sequence[DealMessage],
    origins: Origins,
    at: datetime,
) -> Booked:
    """
    Book the deals that are new and derive the trades of their positions anew; the order of arrival does not matter.

    :param origins: the account's bots by magic, and the approvals behind the deals.
    """
    AccountSnapshot.objects.select_for_update(no_key=True).filter(account=account).first()  # one at a time per account
    known = set(
        Deal.objects.filter(account=account, ticket__in=[d.ticket for d in deals]).values_list("ticket", flat=True)
    )
    fresh = {deal.ticket: _row(account, deal, at) for deal in deals if deal.ticket not in known}
    Deal.objects.bulk_create(fresh.values(), ignore_conflicts=True)
    touched = {row.position_id for row in fresh.values() if row.deal_type in (BUY, SELL) and row.position_id}
    opened, closed = _derive(account, touched, origins, at) if touched else ([], [])
    return Booked(len(fresh), tuple(opened), tuple(closed))


def _row(account: Account, deal: DealMessage, at: datetime) -> Deal:
    names = (
        "ticket", "order_ticket", "position_id", "deal_type", "entry", "reason", "magic", "volume_lots", "price",
        "profit", "commission", "swap", "fee", "time_raw_ms", "market_at",
    )  # fmt: skip
    texts = {"symbol": deal.symbol[:32], "comment": deal.comment[:64]}
    return Deal(account=account, received_at=at, **texts, **{name: getattr(deal, name) for name in names})


def _derive(account: Account, positions: set[int], origins: Origins, at: datetime) -> tuple[list[Trade], list[Trade]]:
    by_position: dict[int, list[Deal]] = defaultdict(list)
    for deal in Deal.objects.filter(account=account, position_id__in=positions):
        by_position[deal.position_id].append(deal)
    rows = Trade.objects.select_for_update(no_key=True).filter(account=account, position_id__in=positions)
    before = {(row.position_id, row.leg): row for row in rows.order_by("pk")}
    orders, reasons = _orders_by_ticket(account, by_position), _told_reasons(account, positions)
    opened, closed = [], []
    for position_id in sorted(by_position):
        for leg in derive_legs(by_position[position_id]):
            trade = before.get((position_id, leg.number))
            was_open = trade is None or trade.closed_at is None
            is_new = trade is None
            trade = trade or Trade(account=account, position_id=position_id, leg=leg.number)
            _fill(trade, leg, origins, orders, at)
            if trade.closed_at is not None:
                trade.exit_reason = reasons.get(position_id, trade.exit_reason)
            trade.save(force_insert=is_new)
            if is_new:
                opened.append(trade)
                _tell(account, trade, "trade.opened")
            if was_open and trade.closed_at is not None:
                closed.append(trade)
                _tell(account, trade, "trade.closed")
            elif not is_new:
                _tell(account, trade, "trade.changed")
    return opened, closed


def _orders_by_ticket(account: Account, by_position: dict[int, list[Deal]]) -> dict[int, Order]:
    tickets = {deal.order_ticket for deals in by_position.values() for deal in deals if deal.order_ticket}
    return {
        order.ticket: order
        for order in Order.objects.filter(account=account, ticket__in=tickets, approval_id__isnull=False)
        if order.ticket is not None
    }


def _told_reasons(account: Account, positions: set[int]) -> dict[int, str]:
    """Return why bots say that they closed positions: better than what the broker's reason can say."""
    told = ReportReceipt.objects.filter(account=account, position_id__in=positions).exclude(exit_reason="")
    return {one.position_id: one.exit_reason for one in told.order_by("pk") if one.position_id is not None}


def _fill(trade: Trade, leg: Leg, origins: Origins, orders: dict[int, Order], at: datetime) -> None:
    trade.symbol, trade.side, trade.magic = leg.symbol, str(leg.side), leg.magic
    trade.volume_lots, trade.open_lots = leg.entered_lots, leg.left_lots
    trade.opened_at, trade.closed_at = leg.opened_at, leg.closed_at
    trade.entry_price = _price(leg.entry_price)
    trade.exit_price = None if leg.exit_price is None else _price(leg.exit_price)
    trade.profit, trade.commission, trade.swap, trade.fee, trade.pnl = (
        leg.profit, leg.commission, leg.swap, leg.fee, leg.pnl,
    )  # fmt: skip
    trade.exit_reason = trade.exit_reason or leg.exit_reason
    trade.updated_at = at
    _place(trade, leg, origins, orders)


def _place(trade: Trade, leg: Leg, origins: Origins, orders: dict[int, Order]) -> None:
    """Find bot, assignment and approval. What was found once stays: a bot may run another version by now."""
    origin = origins.by_magic.get(leg.magic)
    approval = next((origins.by_deal[ticket] for ticket in leg.entry_deals if ticket in origins.by_deal), None)
    order = next((orders[ticket] for ticket in leg.order_tickets if ticket in orders), None)
    if origin is not None and trade.bot_id is None:
        trade.bot_id, trade.strategy_id = origin.bot_id, origin.strategy_id
        trade.assignment_id, trade.version_id = origin.assignment_id, origin.version_id
    if approval is not None and approval.bot_id == trade.bot_id:
        _approve(trade, approval)
    elif order is not None and trade.approval_id is None and order.bot_id == trade.bot_id:
        trade.approval_id = order.approval_id
    trade.source = source_of(trade, origin)


def _approve(trade: Trade, approval: ApprovalRef) -> None:
    trade.approval_id = approval.approval_id
    trade.assignment_id = approval.assignment_id or trade.assignment_id
    trade.planned_risk = trade.planned_risk if trade.planned_risk is not None else approval.planned_risk
    trade.stop_loss = trade.stop_loss if trade.stop_loss is not None else approval.stop_loss
    trade.take_profit = trade.take_profit if trade.take_profit is not None else approval.take_profit


def source_of(trade: Trade, origin: Origin | None) -> TradeSource:
    """Return MANAGED or REPORTED under an approval, UNAPPROVED with a bot's magic alone, else EXTERNAL."""
    if trade.bot_id is None or origin is None:
        return TradeSource.EXTERNAL
    if trade.approval_id is None:
        return TradeSource.UNAPPROVED
    return TradeSource.MANAGED if origin.managed else TradeSource.REPORTED


def follow_stops(*, account: Account, positions: Sequence[PositionMessage], at: datetime) -> None:
    """Keep the stops of open trades as the terminal shows them."""
    if not positions:
        return
    held = {position.position_id: position for position in positions}
    rows = Trade.objects.filter(account=account, position_id__in=held, closed_at__isnull=True)
    moved = []
    for trade in rows:
        seen = held[trade.position_id]
        if (trade.stop_loss, trade.take_profit) != (seen.stop_loss, seen.take_profit):
            trade.stop_loss, trade.take_profit, trade.updated_at = seen.stop_loss, seen.take_profit, at
            moved.append(trade)
    Trade.objects.bulk_update(moved, ["stop_loss", "take_profit", "updated_at"])


def _price(value: Any) -> Any:
    return round(value, 8)


def _tell(account: Account, trade: Trade, kind: str) -> None:
    data = {
        "trade_id": trade.public_id,
        "bot_id": trade.bot.bot_id if trade.bot else None,
        "position_id": trade.position_id,
        "symbol": trade.symbol,
        "side": trade.side,
        "volume_lots": trade.volume_lots,
        "pnl": trade.pnl,
        "source": trade.source,
        "strategy_id": public_or_none(trade.strategy_id),
        "exit_reason": trade.exit_reason,
    }
    tell(team_id=account.team_id, account_id=account.pk, kind=kind, data=data)


def public_or_none(strategy_id: UUID | None) -> str | None:
    """Return the public form of a strategy's id."""
    from apps.common.ids import public_id

    return public_id("str", strategy_id) if strategy_id else None
