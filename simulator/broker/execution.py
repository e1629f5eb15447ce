"""Fills: how orders become deals, and deals positions."""

from dataclasses import dataclass
from decimal import Decimal

from simulator.broker.books import Books
from simulator.broker.records import (
    BUY,
    HEDGING,
    SELL,
    ZERO,
    Account,
    Deal,
    Entry,
    Order,
    OrderState,
    Position,
    Reason,
)
from simulator.broker.valuation import Valuation, exact, to_money
from simulator.market.feed import Feed

_COMMISSION_SHARES = {
    "in": (Decimal(1), ZERO),
    "half": (Decimal("0.5"), Decimal("0.5")),
    "out": (ZERO, Decimal(1)),
}
COMMISSION_MODES = tuple(_COMMISSION_SHARES)


@dataclass(frozen=True, slots=True)
class Fill:
    """A volume that the market takes from an order, at a price and a moment."""

    order: Order
    side: int
    volume: Decimal
    price: float
    at: float
    reason: Reason


def make_order(login: int, ticket: int, symbol: str, order_type: int, volume: Decimal, at: float) -> Order:
    """Return an order as it is before anything is known of its price; the caller fills in the rest."""
    return Order(
        ticket=ticket,
        login=login,
        symbol=symbol,
        type=order_type,
        state=OrderState.PLACED,
        volume_initial=volume,
        volume_current=volume,
        price_open=0.0,
        price_stoplimit=0.0,
        sl=0.0,
        tp=0.0,
        type_filling=0,
        type_time=0,
        expires_at=0.0,
        magic=0,
        comment="",
        reason=int(Reason.EXPERT),
        position_id=0,
        position_by_id=0,
        setup_at=at,
        done_at=0.0,
    )


class Execution:
    """Changes the books, but leaves the commit to its caller."""

    def __init__(self, feed: Feed, books: Books, valuation: Valuation) -> None:
        self._feed, self._books, self._valuation = feed, books, valuation

    def fill(self, account: Account, fill: Fill, closing: Position | None) -> Deal:
        """
        Carry out a fill: open a position, add to the netted one, or reduce ``closing``.

        A netted position that is smaller than the fill is reversed.
        """
        if closing is None:
            netted = None if account.margin_mode == HEDGING else self._find_netted(account, fill.order.symbol)
            deal = self._open(account, fill) if netted is None else self._add(account, fill, netted)
        elif fill.volume > closing.volume:
            deal = self._reverse(account, fill, closing)
        else:
            deal = self.close(account, fill, closing)
        order = fill.order
        order.volume_current -= fill.volume
        order.state = OrderState.FILLED if not order.volume_current else OrderState.CANCELED
        order.position_id, order.done_at = deal.position_id, fill.at
        self._books.keep(order)
        return deal

    def close(
        self, account: Account, fill: Fill, position: Position, entry: Entry = Entry.OUT, magic: int | None = None
    ) -> Deal:
        """Close a position, or the filled part of it."""
        terms = self._feed.terms[position.symbol]
        prices = (position.price_open, fill.price)
        profit = self._valuation.find_profit(account, terms, position.type, fill.volume, prices, fill.at)
        is_all = fill.volume == position.volume
        swap = position.swap if is_all else to_money(position.swap * fill.volume / position.volume, account)
        deal = self._record(account, fill, position.identifier, entry, (profit, swap), magic)
        if is_all:
            self._books.drop(position)
        else:
            position.margin -= to_money(position.margin * fill.volume / position.volume, account)
            position.volume -= fill.volume
            position.swap -= swap
            position.updated_at = fill.at
            self._books.keep(position)
        return deal

    def close_by(self, account: Account, order: Order, position: Position, other: Position, at: float) -> Deal:
        """Close two opposite positions against each other, as far as both reach."""
        volume = min(position.volume, other.volume)
        order.volume_initial = order.volume_current = volume
        order.position_id, order.position_by_id = position.identifier, other.identifier
        # the first leaves at the price of the second, which then leaves at its own
        first = Fill(order, 1 - position.type, volume, other.price_open, at, Reason.EXPERT)
        second = Fill(order, 1 - other.type, volume, other.price_open, at, Reason.EXPERT)
        deal = self.close(account, first, position, Entry.OUT_BY)
        self.close(account, second, other, Entry.OUT_BY)
        order.state, order.volume_current, order.done_at = OrderState.FILLED, ZERO, at
        self._books.keep(order)
        return deal

    def _find_netted(self, account: Account, symbol: str) -> Position | None:
        return next((p for p in self._books.list_positions(account.login) if p.symbol == symbol), None)

    def _open(self, account: Account, fill: Fill, identifier: int | None = None) -> Deal:
        order = fill.order
        position = Position(
            ticket=order.ticket,
            identifier=identifier or order.ticket,
            login=account.login,
            symbol=order.symbol,
            type=fill.side,
            volume=fill.volume,
            price_open=fill.price,
            sl=order.sl,
            tp=order.tp,
            swap=ZERO,
            margin=self._find_margin(account, fill, fill.volume),
            magic=order.magic,
            comment=order.comment,
            reason=int(fill.reason),
            opened_at=fill.at,
            updated_at=fill.at,
        )
        self._books.keep(position)
        return self._record(account, fill, position.identifier, Entry.IN, (ZERO, ZERO))

    def _add(self, account: Account, fill: Fill, position: Position) -> Deal:
        total = position.volume + fill.volume
        cost = exact(position.price_open) * position.volume + exact(fill.price) * fill.volume
        digits = self._feed.terms[position.symbol].digits + 3
        position.price_open = round(float(cost / total), digits)
        position.margin += self._find_margin(account, fill, fill.volume)
        position.volume = total
        self._take_over(position, fill)
        return self._record(account, fill, position.identifier, Entry.IN, (ZERO, ZERO))

    def _reverse(self, account: Account, fill: Fill, position: Position) -> Deal:
        terms = self._feed.terms[position.symbol]
        prices = (position.price_open, fill.price)
        profit = self._valuation.find_profit(account, terms, position.type, position.volume, prices, fill.at)
        opened = fill.volume - position.volume
        deal = self._record(account, fill, position.identifier, Entry.INOUT, (profit, position.swap), opened=opened)
        position.ticket = fill.order.ticket
        position.type = fill.side
        position.volume = opened
        position.price_open = fill.price
        position.swap = ZERO
        position.margin = self._find_margin(account, fill, opened)
        position.opened_at = fill.at
        position.sl = position.tp = 0.0  # the old stops lie on the wrong sides now
        self._take_over(position, fill)
        return deal

    def _take_over(self, position: Position, fill: Fill) -> None:
        # on a netting account the last order names the position
        order = fill.order
        position.magic, position.comment, position.reason = order.magic, order.comment, int(fill.reason)
        position.sl, position.tp = order.sl or position.sl, order.tp or position.tp
        position.updated_at = fill.at
        self._books.keep(position)

    def _find_margin(self, account: Account, fill: Fill, volume: Decimal) -> Decimal:
        terms = self._feed.terms[fill.order.symbol]
        return self._valuation.find_margin(account, terms, fill.side, volume, fill.price, fill.at)

    def _record(
        self,
        account: Account,
        fill: Fill,
        position_id: int,
        entry: Entry,
        money: tuple[Decimal, Decimal],
        magic: int | None = None,
        opened: Decimal | None = None,
    ) -> Deal:
        order = fill.order
        deal = Deal(
            ticket=self._books.take_ticket(),
            order_ticket=order.ticket,
            login=account.login,
            symbol=order.symbol,
            type=BUY if fill.side == BUY else SELL,
            entry=int(entry),
            reason=int(fill.reason),
            position_id=position_id,
            volume=fill.volume,
            price=fill.price,
            commission=_find_commission(account, fill.volume, entry, opened),
            swap=money[1],
            profit=money[0],
            fee=ZERO,
            magic=order.magic if magic is None else magic,
            comment=order.comment,
            made_at=fill.at,
        )
        self._books.add_deal(deal)
        return deal


def _find_commission(account: Account, volume: Decimal, entry: Entry, opened: Decimal | None) -> Decimal:
    share_in, share_out = _COMMISSION_SHARES[account.commission_mode]
    opening = volume if entry == Entry.IN else opened or ZERO
    closing = volume - opening
    charged = (opening * share_in + closing * share_out) * account.commission_per_lot
    return -to_money(charged, account) if charged else ZERO
