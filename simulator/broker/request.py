"""A trade request as the server reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from simulator.broker.records import BUY, SELL, Reason

DEAL: Final = 1
PENDING: Final = 5
SLTP: Final = 6
MODIFY: Final = 7
REMOVE: Final = 8
CLOSE_BY: Final = 10

BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = 2, 3, 4, 5, 6, 7
BUYING: Final = (BUY, BUY_LIMIT, BUY_STOP, BUY_STOP_LIMIT)
STOP_LIMITS: Final = (BUY_STOP_LIMIT, SELL_STOP_LIMIT)
FOK, IOC, RETURN, BOC = 0, 1, 2, 3
GTC, DAY, SPECIFIED, SPECIFIED_DAY = 0, 1, 2, 3

FIELDS: Final = (
    *("action", "magic", "order", "symbol", "volume", "price", "stoplimit", "sl", "tp", "deviation", "type"),
    *("type_filling", "type_time", "expiration", "comment", "position", "position_by"),
)


@dataclass(frozen=True, slots=True)
class TradeRequest:
    """The seventeen fields; `volume` is exact, all else as the terminal sent it."""

    action: int
    magic: int
    order: int
    symbol: str
    volume: Decimal
    price: float
    stoplimit: float
    sl: float
    tp: float
    deviation: int
    type: int
    type_filling: int
    type_time: int
    expiration: int
    comment: str
    position: int
    position_by: int
    reason: Reason = Reason.EXPERT

    @property
    def buys(self) -> bool:
        """Whether the order is one to buy."""
        return self.type in BUYING

    @property
    def side(self) -> int:
        """BUY or SELL."""
        return BUY if self.buys else SELL

    def with_volume(self, volume: Decimal) -> "TradeRequest":
        """Return the same request for another volume."""
        return replace(self, volume=volume)


def read_volume(lots: float) -> Decimal:
    """
    Return lots to eight decimals, as far as the terminal's own go; what is no number is zero, which is refused.

    >>> read_volume(0.1 + 0.2)
    Decimal('0.3')
    """
    volume = Decimal(repr(round(float(lots), 8)))
    return volume if volume.is_finite() else Decimal(0)


def read_trade_request(values: Mapping[str, Any]) -> TradeRequest:
    """Return the request that the terminal sent."""
    read = {name: values[name] for name in FIELDS} | {"volume": read_volume(values["volume"])}
    return TradeRequest(**read)
