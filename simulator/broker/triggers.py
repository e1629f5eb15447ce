"""What the server does by itself while the price moves: stops, targets, waiting orders, stop-outs, expiry, swap."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from simulator.broker import request as wanted
from simulator.broker.books import Books
from simulator.broker.desk import Desk
from simulator.broker.records import BUY, Account, Order, OrderState, Position, Reason
from simulator.broker.valuation import Valuation, to_money
from simulator.market.feed import Feed
from simulator.market.symbols import COIN
from trading.engine import match

_AS_STOP = {wanted.BUY_STOP_LIMIT: wanted.BUY_STOP, wanted.SELL_STOP_LIMIT: wanted.SELL_STOP}
_AS_LIMIT = {wanted.BUY_STOP_LIMIT: wanted.BUY_LIMIT, wanted.SELL_STOP_LIMIT: wanted.SELL_LIMIT}


@dataclass(frozen=True, slots=True)
class Move:
    """The bid of a symbol going one way in a stretch of time; a gap is a single quote with both prices the same."""

    symbol: str
    bid_from: float
    bid_to: float
    spread: float
    begins_at: float
    ends_at: float
    is_gap: bool = False

    def find_moment(self, bid: float) -> float:
        """Return when the bid is met on the way."""
        way = abs(self.bid_to - self.bid_from)
        share = abs(bid - self.bid_from) / way if way else 1.0
        return self.begins_at + (self.ends_at - self.begins_at) * min(share, 1.0)


@dataclass(frozen=True, slots=True)
class _Touch:
    bid: float
    ticket: int
    price: float
    subject: Position | Order
    kind: int


class Triggers:
    """Fills follow `trading.engine.match`; the caller commits."""

    def __init__(self, feed: Feed, books: Books, desk: Desk) -> None:
        self._feed, self._books, self._desk = feed, books, desk
        self._valuation: Valuation = desk.valuation

    def move(self, move: Move) -> None:
        """Carry out whatever the price meets on its way, in the order in which it meets it."""
        for account in list(self._books.accounts.values()):
            start = move.bid_from
            while True:
                rest = replace(move, bid_from=start)
                touch = min(
                    self._list_touches(account, rest), key=lambda t: (abs(t.bid - start), t.ticket), default=None
                )
                if touch is None:
                    break
                self._carry_out(account, touch, move.find_moment(touch.bid))
                start = touch.bid

    def _list_touches(self, account: Account, move: Move) -> Iterator[_Touch]:
        digits = self._feed.terms[move.symbol].digits
        for position in self._books.list_positions(account.login):
            if position.symbol != move.symbol:
                continue
            kind, price = self._match_position(position, move)
            if kind != match.NO_FILL:
                price = round(price, digits)
                bid = price if position.type == BUY else price - move.spread
                yield _Touch(_between(bid, move), position.ticket, price, position, kind)
        for order in self._books.list_orders(account.login):
            if order.symbol != move.symbol:
                continue
            order_type = _AS_STOP.get(order.type, order.type)
            filled, price = match.match_pending(order_type, order.price_open, move.bid_from, move.bid_to, move.spread)
            if filled:
                price = round(price, digits)
                bid = price - move.spread if order.type in wanted.BUYING else price
                yield _Touch(_between(bid, move), order.ticket, price, order, match.NO_FILL)

    def _match_position(self, position: Position, move: Move) -> tuple[int, float]:
        side = match.BUY if position.type == BUY else match.SELL
        if move.is_gap:
            ask = move.bid_to + move.spread
            return match.match_open(side, position.sl, position.tp, move.bid_to, ask)
        return match.match_segment(side, position.sl, position.tp, move.bid_to, move.spread)

    def _carry_out(self, account: Account, touch: _Touch, at: float) -> None:
        if isinstance(touch.subject, Position):
            position = touch.subject
            stopped = touch.kind == match.STOP_FILL
            reason, level = (Reason.SL, position.sl) if stopped else (Reason.TP, position.tp)
            digits = self._feed.terms[position.symbol].digits
            note = f"[{'sl' if stopped else 'tp'} {level:.{digits}f}]"
            self._desk.close_at(account, position, touch.price, at, reason, note)
        elif touch.subject.type in _AS_LIMIT:
            order = touch.subject
            order.type, order.price_open = _AS_LIMIT[order.type], order.price_stoplimit
            order.price_stoplimit = 0.0
            self._books.keep(order)
        else:
            self._desk.activate(account, touch.subject, touch.price, at)

    def expire_orders(self, at: float) -> None:
        """End the waiting orders whose time is over."""
        for login in self._books.accounts:
            for order in self._books.list_orders(login):
                if order.expires_at and order.expires_at <= at:
                    self._desk.cancel(order, OrderState.EXPIRED, at)

    def stop_out(self, at: float) -> None:
        """Close the biggest loser of every account whose margin level is too low, until it is not."""
        for account in list(self._books.accounts.values()):
            while self._books.list_positions(account.login):
                summary = self._valuation.summarise(account.login, at)
                if not summary.margin or summary.margin_level > account.stop_out_percent:
                    break
                note = f"[so {summary.margin_level:.2f}%/{summary.equity:.2f}/{summary.margin:.2f}]"
                if not self._close_worst(account, at, note):
                    break

    def _close_worst(self, account: Account, at: float, note: str) -> bool:
        tradable = [p for p in self._books.list_positions(account.login) if self._feed.is_open(p.symbol, at)]
        if not tradable:
            return False
        worst = min(tradable, key=lambda p: self._valuation.find_position_profit(account, p, at) + p.swap)
        price = self._valuation.find_close_price(worst, at)
        if price is None:
            return False
        self._desk.close_at(account, worst, price, at, Reason.SO, note)
        return True

    def charge_night(self, day: int, at: float) -> None:
        """Charge the swap of the night that ends ``day`` (days of the server's clock since 1970)."""
        weekday = (day + 4) % 7  # Sunday is 0, as in the terminal
        for login, account in self._books.accounts.items():
            for position in [] if account.swap_free else self._books.list_positions(login):
                self._charge_position(position, weekday, at)

    def _charge_position(self, position: Position, weekday: int, at: float) -> None:
        terms = self._feed.terms[position.symbol]
        nights = 1
        if terms.session != COIN:
            if weekday in (0, 6):
                return
            nights = 3 if weekday == terms.swap_triple_weekday else 1
        points = terms.swap_long_points if position.type == BUY else terms.swap_short_points
        if not points:
            return
        account = self._books.accounts[position.login]
        rate = self._valuation.find_rate(terms.instrument.currency_profit, account.currency, at, losing=points < 0)
        per_lot = Decimal(str(points)) * terms.instrument.point * terms.instrument.contract_size * rate
        position.swap += to_money(per_lot * position.volume * nights, account)
        position.updated_at = at
        self._books.keep(position)


def _between(bid: float, move: Move) -> float:
    # a level in the wake of the move counts as met at its start
    low, high = sorted((move.bid_from, move.bid_to))
    return min(max(bid, low), high)
