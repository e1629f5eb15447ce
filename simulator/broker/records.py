"""What the broker keeps: accounts, positions, orders, deals. Money and volume are Decimal, moments UTC seconds."""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

ZERO = Decimal(0)

BUY, SELL = 0, 1
NETTING, HEDGING = 0, 2


class DealType(IntEnum):
    """What a deal did to the account."""

    BUY = 0
    SELL = 1
    BALANCE = 2


class Entry(IntEnum):
    """What a deal did to a position."""

    IN = 0
    OUT = 1
    INOUT = 2
    OUT_BY = 3


class Reason(IntEnum):
    """Who wanted an order, a deal or a position."""

    CLIENT = 0
    EXPERT = 3
    SL = 4
    TP = 5
    SO = 6


class OrderState(IntEnum):
    """How far an order has come."""

    PLACED = 1
    CANCELED = 2
    PARTIAL = 3
    FILLED = 4
    REJECTED = 5
    EXPIRED = 6


@dataclass(slots=True)
class Account:
    """One login with its terms and its balance."""

    login: int
    password_hash: str
    server: str
    name: str
    company: str
    currency: str
    currency_digits: int
    leverage: int
    margin_mode: int
    balance: Decimal
    credit: Decimal
    commission_per_lot: Decimal
    """Round turn, in the account's currency."""
    commission_mode: str
    """`in`, `half` or `out`: at which deals it is charged."""
    margin_call_percent: Decimal
    stop_out_percent: Decimal
    limit_orders: int
    fifo_close: bool
    swap_free: bool
    """No swap is charged, as on an Islamic account; a backtest charges none either."""
    trade_allowed: bool
    trade_expert: bool
    opened_at: float


@dataclass(slots=True)
class Position:
    """An open position."""

    ticket: int
    identifier: int
    login: int
    symbol: str
    type: int
    volume: Decimal
    price_open: float
    sl: float
    tp: float
    swap: Decimal
    margin: Decimal
    magic: int
    comment: str
    reason: int
    opened_at: float
    updated_at: float

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self.type == BUY else -1


@dataclass(slots=True)
class Order:
    """An order: waiting (PLACED) or history."""

    ticket: int
    login: int
    symbol: str
    type: int
    state: int
    volume_initial: Decimal
    volume_current: Decimal
    price_open: float
    price_stoplimit: float
    sl: float
    tp: float
    type_filling: int
    type_time: int
    expires_at: float
    magic: int
    comment: str
    reason: int
    position_id: int
    position_by_id: int
    setup_at: float
    done_at: float


@dataclass(slots=True)
class Deal:
    """Something that changed the balance or a position. Never changed afterwards."""

    ticket: int
    order_ticket: int
    login: int
    symbol: str
    type: int
    entry: int
    reason: int
    position_id: int
    volume: Decimal
    price: float
    commission: Decimal
    swap: Decimal
    profit: Decimal
    fee: Decimal
    magic: int
    comment: str
    made_at: float

    @property
    def money(self) -> Decimal:
        """What the deal did to the balance."""
        return self.profit + self.commission + self.swap + self.fee
