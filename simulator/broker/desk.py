"""The dealing desk: takes trade requests, checks them, carries them out."""

from dataclasses import dataclass
from decimal import Decimal

from simulator.broker import request as wanted
from simulator.broker.books import Books
from simulator.broker.checks import Checks, Permissions
from simulator.broker.execution import Execution, Fill, make_order
from simulator.broker.records import ZERO, Account, Deal, Order, OrderState, Position, Reason
from simulator.broker.request import TradeRequest
from simulator.broker.retcodes import DONE, DONE_PARTIAL, Outcome, Refused
from simulator.broker.valuation import Summary, Valuation
from simulator.market.feed import Feed
from trading.model.moments import moment_at

_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a market order fares beyond the quote: points of slippage against it, and the share that is filled."""

    slippage_points: int = 0
    filled_share: Decimal = Decimal(1)


_PLAIN = Conditions()


class Desk:
    """One request at a time; what it returns is already on the disk."""

    def __init__(self, feed: Feed, books: Books) -> None:
        self._feed, self._books = feed, books
        self.valuation = Valuation(feed, books)
        self.checks = Checks(feed, books, self.valuation)
        self.execution = Execution(feed, books, self.valuation)

    def send(
        self,
        account: Account,
        request: TradeRequest,
        at: float,
        permissions: Permissions,
        conditions: Conditions = _PLAIN,
    ) -> Outcome:
        """Carry out a request, or say with a retcode why not."""
        try:
            self.checks.check(account, request, at, permissions)
            outcome = self._carry_out(account, request, at, conditions)
        except Refused as refusal:
            return Outcome(refusal.retcode)
        self._books.commit(at)
        return outcome

    def check(
        self, account: Account, request: TradeRequest, at: float, permissions: Permissions
    ) -> tuple[int, Summary | None]:
        """Return 0 and the account as it would be after the trade, or the retcode of a refusal."""
        try:
            self.checks.check(account, request, at, permissions)
        except Refused as refusal:
            return refusal.retcode, None
        summary = self.valuation.summarise(account.login, at)
        if request.action != wanted.DEAL or self.checks.find_closing(account, request) is not None:
            return 0, summary
        terms = self._feed.terms[request.symbol]
        quote = self._feed.find_quote(request.symbol, at)
        assert quote is not None
        price = quote.ask if request.buys else quote.bid
        margin = summary.equity - self.checks.find_free_after(account, request, terms, price, at)
        return 0, Summary(summary.balance, summary.credit, summary.profit, summary.equity, margin)

    def _carry_out(self, account: Account, request: TradeRequest, at: float, conditions: Conditions) -> Outcome:
        if request.action == wanted.DEAL:
            return self._deal(account, request, at, conditions)
        if request.action == wanted.PENDING:
            return self._place(account, request, at)
        if request.action == wanted.SLTP:
            self._change_stops(account, request, at)
        elif request.action == wanted.MODIFY:
            return self._modify(account, request, at)
        elif request.action == wanted.REMOVE:
            return self._remove(account, request, at)
        else:
            return self._close_by(account, request, at)
        return Outcome(DONE)

    def _deal(self, account: Account, request: TradeRequest, at: float, conditions: Conditions) -> Outcome:
        closing = self.checks.find_closing(account, request)
        volume = self._find_filled_volume(request, conditions)
        order = self._make_order(account, request, at)
        price = self._find_price(request, at, conditions)
        order.price_open = price
        deal = self.execution.fill(account, Fill(order, request.side, volume, price, at, request.reason), closing)
        retcode = DONE if volume == request.volume else DONE_PARTIAL
        return Outcome(retcode, deal.ticket, order.ticket, float(volume), price)

    def _find_filled_volume(self, request: TradeRequest, conditions: Conditions) -> Decimal:
        if conditions.filled_share == 1:
            return request.volume
        instrument = self._feed.terms[request.symbol].instrument
        filled = instrument.floor_lots(request.volume * conditions.filled_share)
        return max(filled, instrument.volume_min)

    def _find_price(self, request: TradeRequest, at: float, conditions: Conditions) -> float:
        terms, quote = self._feed.terms[request.symbol], self._feed.find_quote(request.symbol, at)
        assert quote is not None
        slip = conditions.slippage_points * terms.point
        return round(quote.ask + slip if request.buys else quote.bid - slip, terms.digits)

    def _make_order(self, account: Account, request: TradeRequest, at: float) -> Order:
        ticket = self._books.take_ticket()
        order = make_order(account.login, ticket, request.symbol, request.type, request.volume, at)
        order.sl, order.tp = request.sl, request.tp
        order.type_filling, order.type_time = request.type_filling, request.type_time
        order.magic, order.comment, order.reason = request.magic, request.comment, int(request.reason)
        return order

    def _place(self, account: Account, request: TradeRequest, at: float) -> Outcome:
        order = self._make_order(account, request, at)
        order.price_open, order.price_stoplimit = request.price, request.stoplimit
        order.expires_at = self._find_expiry(request, at)
        self._books.keep(order)
        return Outcome(DONE, order=order.ticket, volume=float(order.volume_initial))

    def _find_expiry(self, request: TradeRequest, at: float) -> float:
        zone = self._feed.zone
        if request.type_time == wanted.GTC:
            return 0.0
        if request.type_time == wanted.SPECIFIED:
            return zone.to_utc(request.expiration)
        day = zone.to_server(at) if request.type_time == wanted.DAY else float(request.expiration)
        midnight = moment_at(day).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        return zone.to_utc(midnight + _DAY_S)

    def _change_stops(self, account: Account, request: TradeRequest, at: float) -> None:
        position = self.checks.find_changed_position(account, request)
        position.sl, position.tp, position.updated_at = request.sl, request.tp, at
        self._books.keep(position)

    def _modify(self, account: Account, request: TradeRequest, at: float) -> Outcome:
        order = self._get_order(account, request)
        order.price_open, order.sl, order.tp = request.price, request.sl, request.tp
        order.price_stoplimit = request.stoplimit or order.price_stoplimit
        order.type_time, order.expires_at = request.type_time, self._find_expiry(request, at)
        self._books.keep(order)
        return Outcome(DONE, order=order.ticket)

    def _remove(self, account: Account, request: TradeRequest, at: float) -> Outcome:
        order = self._get_order(account, request)
        order.state, order.done_at = OrderState.CANCELED, at
        self._books.keep(order)
        return Outcome(DONE, order=order.ticket)

    def _get_order(self, account: Account, request: TradeRequest) -> Order:
        order = self._books.find_order(account.login, request.order)
        if order is None:
            raise Refused(10035)
        return order

    def _close_by(self, account: Account, request: TradeRequest, at: float) -> Outcome:
        pair = [self._books.find_position(account.login, t) for t in (request.position, request.position_by)]
        position, other = pair
        if position is None or other is None:
            raise Refused(10036)
        ticket = self._books.take_ticket()
        order = make_order(account.login, ticket, position.symbol, 8, position.volume, at)
        order.magic, order.comment = request.magic, request.comment
        order.price_open = other.price_open
        deal = self.execution.close_by(account, order, position, other, at)
        return Outcome(DONE, deal.ticket, order.ticket, float(deal.volume), deal.price)

    def close_at(
        self, account: Account, position: Position, price: float, at: float, reason: Reason, note: str
    ) -> Deal:
        """Close a position by the server's own hand: a stop, a target, a stop-out. The caller commits."""
        ticket = self._books.take_ticket()
        order = make_order(account.login, ticket, position.symbol, 1 - position.type, position.volume, at)
        order.price_open, order.comment, order.reason = price, note, int(reason)
        order.magic = position.magic
        return self.execution.fill(account, Fill(order, order.type, position.volume, price, at, reason), position)

    def cancel(self, order: Order, state: OrderState, at: float) -> None:
        """End a waiting order without a fill. The caller commits."""
        order.state, order.done_at = state, at
        self._books.keep(order)

    def activate(self, account: Account, order: Order, price: float, at: float) -> Deal | None:
        """Fill a waiting order whose price has come; without the margin for it the order is rejected."""
        side = 0 if order.type in wanted.BUYING else 1
        request = _as_request(order, side)
        try:
            closing = self.checks.find_closing(account, request)
            free = ZERO
            if closing is None or order.volume_current > closing.volume:
                terms = self._feed.terms[order.symbol]
                free = self.checks.find_free_after(account, request, terms, price, at)
            if free < 0:
                raise Refused(10019)
        except Refused:
            self.cancel(order, OrderState.REJECTED, at)
            return None
        return self.execution.fill(account, Fill(order, side, order.volume_current, price, at, Reason.EXPERT), closing)


def _as_request(order: Order, side: int) -> TradeRequest:
    return TradeRequest(
        action=wanted.DEAL,
        magic=order.magic,
        order=0,
        symbol=order.symbol,
        volume=order.volume_current,
        price=order.price_open,
        stoplimit=0.0,
        sl=order.sl,
        tp=order.tp,
        deviation=0,
        type=side,
        type_filling=wanted.RETURN,
        type_time=wanted.GTC,
        expiration=0,
        comment=order.comment,
        position=0,
        position_by=0,
    )
