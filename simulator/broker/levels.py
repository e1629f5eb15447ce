"""Where prices, stops and targets may lie."""

import math

from simulator.broker import request as wanted
from simulator.broker.records import BUY
from simulator.broker.retcodes import Refused
from simulator.broker.valuation import exact
from simulator.market.feed import Quote
from simulator.market.symbols import SymbolTerms
from trading.model.instrument import is_multiple


def check_stops(terms: SymbolTerms, side: int, price: float, sl: float, tp: float) -> None:
    """
    Let stops pass that lie on their sides of ``price``, far enough away and on the tick.

    :raises Refused: if one does not.
    """
    room = terms.instrument.stops_level_points * terms.point - terms.point / 1000
    sign = 1 if side == BUY else -1
    for level, direction in ((sl, -sign), (tp, sign)):
        if level == 0.0:
            continue
        if not is_on_tick(terms, level) or (level - price) * direction < max(room, terms.point / 1000):
            raise Refused(10016)


def check_pending_price(terms: SymbolTerms, order_type: int, price: float, stoplimit: float, quote: Quote) -> None:
    """
    Let a waiting order's price pass that lies on its side of the market.

    :raises Refused: if it does not, or is off the tick.
    """
    if not is_on_tick(terms, price) or price <= 0.0:
        raise Refused(10015)
    room = max(terms.instrument.stops_level_points * terms.point - terms.point / 1000, terms.point / 1000)
    reference = quote.ask if order_type in wanted.BUYING else quote.bid
    above = order_type in (wanted.BUY_STOP, wanted.BUY_STOP_LIMIT, wanted.SELL_LIMIT)
    if (price - reference) * (1 if above else -1) < room:
        raise Refused(10015)
    if order_type in wanted.STOP_LIMITS:
        beyond = stoplimit > price if order_type == wanted.BUY_STOP_LIMIT else stoplimit < price
        if stoplimit <= 0.0 or beyond or not is_on_tick(terms, stoplimit):
            raise Refused(10015)


def is_on_tick(terms: SymbolTerms, price: float) -> bool:
    """Say whether a price is a whole number of ticks, as far as a double can tell."""
    if not math.isfinite(price) or price < 0:
        return False
    return is_multiple(exact(round(price, terms.digits + 3)), terms.instrument.tick_size)
