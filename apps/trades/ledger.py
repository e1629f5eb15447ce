"""
From deals to trades, without a database: a position's life told by its deals, in whatever order they arrived.

Hedging accounts book a position by deals IN and OUT (or OUT_BY). Netting accounts may also reverse it by one deal IN-OUT,
which closes all there was and opens the rest the other way: each direction is a trade of its own, numbered by `leg`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from trading.model.orders import ExitReason, Side

BUY, SELL = 0, 1  # DEAL_TYPE_*: everything above is money, not trading
ENTRY_IN, ENTRY_OUT, ENTRY_IN_OUT, ENTRY_OUT_BY = 0, 1, 2, 3
ZERO = Decimal(0)

# DEAL_REASON_*. A moved stop looks like a stop to the broker: the agent's report says TRAILING_STOP.
REASONS = {4: ExitReason.STOP_LOSS, 5: ExitReason.TAKE_PROFIT, 6: ExitReason.STOP_OUT}
BY_HAND = frozenset({0, 1, 2})  # desktop, mobile, web


class BookedDeal(Protocol):
    """What of a deal matters here; `Deal` rows have it."""

    ticket: int
    deal_type: int
    entry: int
    reason: int
    symbol: str
    magic: int
    volume_lots: Decimal
    price: Decimal
    profit: Decimal
    commission: Decimal
    swap: Decimal
    fee: Decimal
    comment: str
    order_ticket: int
    time_raw_ms: int
    market_at: datetime


@dataclass
class Leg:
    """One direction of one position: what a trade is made of."""

    number: int
    side: Side
    symbol: str
    magic: int
    opened_at: datetime
    entered_lots: Decimal = ZERO
    left_lots: Decimal = ZERO
    entered_value: Decimal = ZERO
    exited_value: Decimal = ZERO
    profit: Decimal = ZERO
    commission: Decimal = ZERO
    swap: Decimal = ZERO
    fee: Decimal = ZERO
    last_exit_at: datetime | None = None
    last_exit_reason: int | None = None
    order_tickets: set[int] = field(default_factory=set)
    entry_deals: list[int] = field(default_factory=list)

    @property
    def entry_price(self) -> Decimal:
        """The volume-weighted price of all entries."""
        return self.entered_value / self.entered_lots

    @property
    def exit_price(self) -> Decimal | None:
        """The volume-weighted price of all exits so far."""
        exited = self.entered_lots - self.left_lots
        return self.exited_value / exited if exited > 0 else None

    @property
    def closed_at(self) -> datetime | None:
        return self.last_exit_at if self.left_lots == 0 else None

    @property
    def pnl(self) -> Decimal:
        """Profit with all costs over all deals, in account currency."""
        return self.profit + self.commission + self.swap + self.fee

    @property
    def exit_reason(self) -> str:
        """Why it was closed, as far as the broker says; empty where only the bot can know."""
        if self.closed_at is None or self.last_exit_reason is None:
            return ""
        if self.last_exit_reason in BY_HAND:
            return str(ExitReason.MANUAL)
        return str(REASONS.get(self.last_exit_reason, ""))


def derive_legs(deals: Iterable[BookedDeal]) -> list[Leg]:
    """
    Return the legs of one position's deals, oldest first.

    A deal that closes what no known deal opened is left out: the opening lies before what the account's observer saw.
    """
    legs: list[Leg] = []
    trading = [deal for deal in deals if deal.deal_type in (BUY, SELL)]
    for deal in sorted(trading, key=lambda deal: (deal.time_raw_ms, deal.ticket)):
        current = legs[-1] if legs and legs[-1].left_lots > 0 else None
        if deal.entry == ENTRY_IN:
            if current is None:
                current = _begin(legs, deal)
            _enter(current, deal, deal.volume_lots, Decimal(1))
        elif current is None:
            continue
        elif deal.entry == ENTRY_IN_OUT:
            _reverse(legs, current, deal)
        else:
            _leave(current, deal, min(deal.volume_lots, current.left_lots), Decimal(1))
    return legs


def _begin(legs: list[Leg], deal: BookedDeal) -> Leg:
    leg = Leg(
        number=len(legs),
        side=Side.BUY if deal.deal_type == BUY else Side.SELL,
        symbol=deal.symbol,
        magic=deal.magic,
        opened_at=deal.market_at,
    )
    legs.append(leg)
    return leg


def _enter(leg: Leg, deal: BookedDeal, lots: Decimal, share: Decimal) -> None:
    leg.entered_lots += lots
    leg.left_lots += lots
    leg.entered_value += lots * deal.price
    leg.order_tickets.add(deal.order_ticket)
    leg.entry_deals.append(deal.ticket)
    leg.commission += deal.commission * share
    leg.fee += deal.fee * share
    if share == 1:  # the money of a reversal belongs to the leg it closed
        leg.profit += deal.profit
        leg.swap += deal.swap


def _leave(leg: Leg, deal: BookedDeal, lots: Decimal, share: Decimal) -> None:
    leg.left_lots -= lots
    leg.exited_value += lots * deal.price
    leg.profit += deal.profit
    leg.swap += deal.swap
    leg.commission += deal.commission * share
    leg.fee += deal.fee * share
    leg.last_exit_at = deal.market_at
    leg.last_exit_reason = deal.reason


def _reverse(legs: list[Leg], closing: Leg, deal: BookedDeal) -> None:
    closed = min(closing.left_lots, deal.volume_lots)
    share = closed / deal.volume_lots
    _leave(closing, deal, closed, share)
    if opened := deal.volume_lots - closed:
        _enter(_begin(legs, deal), deal, opened, 1 - share)


def sum_pnl(legs: Sequence[Leg]) -> Decimal:
    """Return the money of all legs: to the cent what the deals booked."""
    return sum((leg.pnl for leg in legs), ZERO)
