"""The broker's stops and freeze levels: what it would refuse is not asked (each request counts), and said by name."""

from __future__ import annotations

from decimal import Decimal

from trading.model.instrument import Instrument
from trading.model.orders import Side
from trading.protocol import PositionMessage, QuoteMessage


def find_exit_price(side: Side, quote: QuoteMessage) -> Decimal:
    """Return the price at which a position of that side is left: stops and targets are measured from it."""
    return quote.bid if side is Side.BUY else quote.ask


def find_level_problem(
    side: Side, quote: QuoteMessage, stop_loss: Decimal, take_profit: Decimal | None, instrument: Instrument
) -> str | None:
    """Return STOP_TOO_NEAR or TARGET_TOO_NEAR where a level is on the wrong side or nearer than the broker allows."""
    exit_price, nearest = find_exit_price(side, quote), instrument.stops_level_points * instrument.point
    if _is_too_near((exit_price - stop_loss) * side.sign, nearest):
        return "STOP_TOO_NEAR"
    if take_profit is not None and _is_too_near((take_profit - exit_price) * side.sign, nearest):
        return "TARGET_TOO_NEAR"
    return None


def is_frozen(position: PositionMessage, quote: QuoteMessage, instrument: Instrument) -> bool:
    """Say whether the price is so near to the position's stop or target that the broker changes nothing any more."""
    zone = instrument.freeze_level_points * instrument.point
    exit_price = find_exit_price(Side(position.side), quote)
    levels = (level for level in (position.stop_loss, position.take_profit) if level is not None)
    return bool(zone) and any(abs(exit_price - level) <= zone for level in levels)


def _is_too_near(room: Decimal, nearest: Decimal) -> bool:
    return room <= 0 or room < nearest
