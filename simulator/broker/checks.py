"""What the server refuses, in the order in which it looks."""

from dataclasses import dataclass
from decimal import Decimal

from simulator.broker import request as wanted
from simulator.broker.books import Books
from simulator.broker.levels import check_pending_price, check_stops
from simulator.broker.records import BUY, HEDGING, Account, Order, Position
from simulator.broker.request import TradeRequest
from simulator.broker.retcodes import Refused
from simulator.broker.valuation import NoRate, Valuation
from simulator.market.feed import Feed, Quote
from simulator.market.symbols import SymbolTerms

_ACTIONS = (wanted.DEAL, wanted.PENDING, wanted.SLTP, wanted.MODIFY, wanted.REMOVE, wanted.CLOSE_BY)
_LONG_ONLY, _SHORT_ONLY, _CLOSE_ONLY = 1, 2, 3
_INSTANT = 1
_MAX_POSITIONS = 1000


@dataclass(slots=True)
class Permissions:
    """Switches of the terminal and of its line to the server."""

    connected: bool = True
    autotrading: bool = True


class Checks:
    """Looks at requests; changes nothing."""

    def __init__(self, feed: Feed, books: Books, valuation: Valuation) -> None:
        self._feed, self._books, self._valuation = feed, books, valuation

    def check(self, account: Account, request: TradeRequest, at: float, permissions: Permissions) -> None:
        """
        Let a request pass that could be carried out at ``at``.

        :raises Refused: with the first thing that is wrong.
        """
        _check_permissions(account, request, permissions)
        if request.action not in _ACTIONS:
            raise Refused(10013)
        if request.action in (wanted.MODIFY, wanted.REMOVE):
            self._check_order_change(account, request, at)
            return
        if request.action == wanted.CLOSE_BY:
            self._check_close_by(account, request, at)
            return
        terms = self._feed.terms.get(request.symbol)
        if terms is None:
            raise Refused(10013)
        quote = self._check_market(terms, at)
        if request.action == wanted.SLTP:
            self._check_stop_change(account, request, terms, quote)
        elif request.action == wanted.PENDING:
            self._check_pending(account, request, terms, quote, at)
        else:
            self._check_deal(account, request, terms, quote, at)

    # market orders ---------------------------------------------------------------------------------------------------

    def _check_deal(self, account: Account, request: TradeRequest, terms: SymbolTerms, quote: Quote, at: float) -> None:
        if request.type not in (0, 1):
            raise Refused(10035)
        closing = self.find_closing(account, request)
        if closing is None:
            _check_direction(terms, request)
        self._check_volume(terms, request, closing, account)
        _check_filling(terms, request)
        if closing is None or request.volume > closing.volume:
            self._check_open_stops(request, terms, quote)
            self._check_money(account, request, terms, quote, at)
        if closing is not None:
            self._check_frozen(closing, terms, quote)
        _check_deviation(terms, request, quote)

    def find_closing(self, account: Account, request: TradeRequest) -> Position | None:
        """
        Return the position that a market order reduces, ``None`` if it opens one.

        :raises Refused: if the position it names is not there or can not be closed by it.
        """
        if request.position:
            position = self._books.find_position(account.login, request.position)
            if position is None:
                raise Refused(10036)
            if position.symbol != request.symbol or position.type == request.type:
                raise Refused(10013)
            self._check_oldest_first(account, position)
            return position
        if account.margin_mode == HEDGING:
            return None
        held = self.find_netted(account, request.symbol)
        return held if held is not None and held.type != request.type else None

    def find_netted(self, account: Account, symbol: str) -> Position | None:
        """Return the one position of a netting account in a symbol."""
        return next((p for p in self._books.list_positions(account.login) if p.symbol == symbol), None)

    def _check_oldest_first(self, account: Account, position: Position) -> None:
        if not account.fifo_close:
            return
        alike = [p for p in self._books.list_positions(account.login) if p.symbol == position.symbol]
        if any(p.type == position.type and p.opened_at < position.opened_at for p in alike):
            raise Refused(10045)

    def _check_volume(
        self, terms: SymbolTerms, request: TradeRequest, closing: Position | None, account: Account
    ) -> None:
        # the rest of a position may be below the minimum, if the broker changed it meanwhile
        is_rest = closing is not None and request.volume == closing.volume
        if not terms.instrument.is_volume(request.volume) and not is_rest:
            raise Refused(10014)
        may_reverse = account.margin_mode != HEDGING and not request.position
        if closing is not None and request.volume > closing.volume and not may_reverse:
            raise Refused(10038)
        if closing is None:
            self._check_volume_limit(account, request, terms)

    def _check_volume_limit(self, account: Account, request: TradeRequest, terms: SymbolTerms) -> None:
        limit = terms.instrument.volume_limit
        if not limit:
            return
        login, side = account.login, request.side
        held = sum(p.volume for p in self._books.list_positions(login) if p.symbol == terms.name and p.type == side)
        waiting = sum(
            order.volume_current
            for order in self._books.list_orders(login)
            if order.symbol == terms.name and (order.type in wanted.BUYING) == (side == BUY)
        )
        if held + waiting + request.volume > limit:
            raise Refused(10034)

    def _check_open_stops(self, request: TradeRequest, terms: SymbolTerms, quote: Quote) -> None:
        price = quote.bid if request.buys else quote.ask
        check_stops(terms, request.side, price, request.sl, request.tp)

    def _check_money(
        self, account: Account, request: TradeRequest, terms: SymbolTerms, quote: Quote, at: float
    ) -> None:
        if len(self._books.list_positions(account.login)) >= _MAX_POSITIONS:
            raise Refused(10040)
        price = quote.ask if request.buys else quote.bid
        if self.find_free_after(account, request, terms, price, at) < 0:
            raise Refused(10019)

    def find_free_after(
        self, account: Account, request: TradeRequest, terms: SymbolTerms, price: float, at: float
    ) -> Decimal:
        """
        Return the free margin that an opening order would leave.

        :raises Refused: if the margin can not be computed.
        """
        try:
            margin = self._valuation.find_margin(account, terms, request.side, request.volume, price, at)
        except NoRate:
            raise Refused(10021) from None
        held = self._books.list_positions(account.login)
        volume = request.volume
        if account.margin_mode != HEDGING:
            # a netted position comes down first, and only what is beyond it binds margin anew
            netted = self.find_netted(account, terms.name)
            if netted is not None and netted.type != request.side:
                volume = max(volume - netted.volume, Decimal(0))
                margin = margin * volume / request.volume
                held = [position for position in held if position is not netted]
        added = Position(
            ticket=0,
            identifier=0,
            login=account.login,
            symbol=terms.name,
            type=request.side,
            volume=volume,
            price_open=price,
            sl=0.0,
            tp=0.0,
            swap=Decimal(0),
            margin=margin,
            magic=0,
            comment="",
            reason=3,
            opened_at=at,
            updated_at=at,
        )
        equity = self._valuation.summarise(account.login, at).equity
        return equity - self._valuation.find_bound_margin(account, [*held, added])

    # waiting orders --------------------------------------------------------------------------------------------------

    def _check_pending(
        self, account: Account, request: TradeRequest, terms: SymbolTerms, quote: Quote, at: float
    ) -> None:
        if not 2 <= request.type <= 7:
            raise Refused(10035)
        _check_direction(terms, request)
        if not terms.instrument.is_volume(request.volume):
            raise Refused(10014)
        self._check_volume_limit(account, request, terms)
        if request.type_filling != wanted.RETURN:
            _check_filling(terms, request)
        self._check_expiration(request.type_time, request.expiration, at)
        check_pending_price(terms, request.type, request.price, request.stoplimit, quote)
        price = request.stoplimit if request.type in wanted.STOP_LIMITS else request.price
        check_stops(terms, request.side, price, request.sl, request.tp)
        if len(self._books.list_orders(account.login)) >= account.limit_orders:
            raise Refused(10033)

    def _check_expiration(self, type_time: int, expiration: int, at: float) -> None:
        if type_time > wanted.SPECIFIED_DAY:
            raise Refused(10022)
        if type_time in (wanted.SPECIFIED, wanted.SPECIFIED_DAY) and expiration <= self._feed.zone.to_server(at):
            raise Refused(10022)

    def _check_order_change(self, account: Account, request: TradeRequest, at: float) -> None:
        order = self._books.find_order(account.login, request.order)
        if order is None:
            raise Refused(10035)
        terms = self._feed.terms[order.symbol]
        quote = self._check_market(terms, at)
        level = terms.instrument.freeze_level_points * terms.point
        reference = quote.ask if order.type in wanted.BUYING else quote.bid
        if level and abs(reference - order.price_open) <= level:
            raise Refused(10029)
        if request.action == wanted.REMOVE:
            return
        _check_changed(request, order, self._feed.zone.to_server(order.expires_at) if order.expires_at else 0.0)
        self._check_expiration(request.type_time, request.expiration, at)
        check_pending_price(terms, order.type, request.price, request.stoplimit or order.price_stoplimit, quote)
        side = BUY if order.type in wanted.BUYING else 1
        check_stops(terms, side, request.price, request.sl, request.tp)

    # positions -------------------------------------------------------------------------------------------------------

    def find_changed_position(self, account: Account, request: TradeRequest) -> Position:
        """
        Return the position whose stops a request changes.

        :raises Refused: if there is none.
        """
        if request.position:
            position = self._books.find_position(account.login, request.position)
        elif account.margin_mode == HEDGING:
            position = None
        else:
            position = self.find_netted(account, request.symbol)
        if position is None or position.symbol != request.symbol:
            raise Refused(10036)
        return position

    def _check_stop_change(self, account: Account, request: TradeRequest, terms: SymbolTerms, quote: Quote) -> None:
        position = self.find_changed_position(account, request)
        if _is_same(request.sl, position.sl) and _is_same(request.tp, position.tp):
            raise Refused(10025)
        price = quote.bid if position.type == BUY else quote.ask
        # a level that stays as it is needs no new room
        sl = 0.0 if _is_same(request.sl, position.sl) else request.sl
        tp = 0.0 if _is_same(request.tp, position.tp) else request.tp
        check_stops(terms, position.type, price, sl, tp)
        self._check_frozen(position, terms, quote)

    def _check_frozen(self, position: Position, terms: SymbolTerms, quote: Quote) -> None:
        level = terms.instrument.freeze_level_points * terms.point
        price = quote.bid if position.type == BUY else quote.ask
        if level and any(stop and abs(price - stop) <= level for stop in (position.sl, position.tp)):
            raise Refused(10029)

    def _check_close_by(self, account: Account, request: TradeRequest, at: float) -> None:
        if account.margin_mode != HEDGING:
            raise Refused(10013)
        pair = [self._books.find_position(account.login, t) for t in (request.position, request.position_by)]
        if pair[0] is None or pair[1] is None:
            raise Refused(10036)
        if pair[0].symbol != pair[1].symbol or pair[0].type == pair[1].type:
            raise Refused(10013)
        self._check_market(self._feed.terms[pair[0].symbol], at)

    def _check_market(self, terms: SymbolTerms, at: float) -> Quote:
        if terms.trade_mode == 0:
            raise Refused(10017)
        quote = self._feed.find_quote(terms.name, at)
        if not self._feed.is_open(terms.name, at):
            raise Refused(10018)
        if quote is None:
            raise Refused(10021)
        return quote


def _check_permissions(account: Account, request: TradeRequest, permissions: Permissions) -> None:
    if not permissions.connected:
        raise Refused(10031)
    if request.reason == 3 and not permissions.autotrading:
        raise Refused(10027)
    if request.reason == 3 and not account.trade_expert:
        raise Refused(10026)
    if not account.trade_allowed:
        raise Refused(10017)


def _check_direction(terms: SymbolTerms, request: TradeRequest) -> None:
    if terms.trade_mode == _LONG_ONLY and not request.buys:
        raise Refused(10042)
    if terms.trade_mode == _SHORT_ONLY and request.buys:
        raise Refused(10043)
    if terms.trade_mode == _CLOSE_ONLY:
        raise Refused(10044)


def _check_filling(terms: SymbolTerms, request: TradeRequest) -> None:
    allowed = {wanted.FOK: terms.filling_mask & 1, wanted.IOC: terms.filling_mask & 2}
    if terms.execution in (0, _INSTANT):
        allowed = {wanted.FOK: 1}
    if not allowed.get(request.type_filling):
        raise Refused(10030)


def _check_deviation(terms: SymbolTerms, request: TradeRequest, quote: Quote) -> None:
    # only instant and request execution look at the price that was asked for
    if terms.execution not in (0, _INSTANT):
        return
    price = quote.ask if request.buys else quote.bid
    if abs(price - request.price) > (request.deviation + 0.001) * terms.point:
        raise Refused(10004)


def _check_changed(request: TradeRequest, order: Order, expiration: float) -> None:
    same = all(
        _is_same(new, old)
        for new, old in ((request.price, order.price_open), (request.sl, order.sl), (request.tp, order.tp))
    )
    if same and request.type_time == order.type_time and (not expiration or int(expiration) == request.expiration):
        raise Refused(10025)


def _is_same(first: float, second: float) -> bool:
    return abs(first - second) < 1e-9
