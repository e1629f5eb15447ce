"""
What the agent asks of a terminal.

Two rules for every answer. *Unknown is not none*: what could not be read raises `TerminalUnknown`, or is None in a `Look`; an empty
tuple means that the terminal said "none". Numbers are Decimal, times aware UTC, symbols the names we use: the adapter translates once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from trading.model.orders import Side
from trading.protocol import (
    AccountState,
    DealMessage,
    MarketClock,
    OrderMessage,
    PositionMessage,
    QuoteMessage,
    SymbolSpec,
)


@dataclass(frozen=True, kw_only=True)
class TerminalIdentity:
    """Who is logged in, and where."""

    login: int
    server: str
    currency: str
    leverage: int
    margin_mode: str  # HEDGING | NETTING
    trade_mode: str  # DEMO | CONTEST | REAL
    trade_allowed: bool
    terminal: dict[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at account and market. What could not be read is None; ``problem`` says why.

    Without its broker (``is_connected``) a terminal goes on showing what it saw last: that proves nothing.
    """

    market: MarketClock
    account: AccountState | None
    trade_allowed: bool
    positions: tuple[PositionMessage, ...] | None
    orders: tuple[OrderMessage, ...] | None
    quotes: Mapping[str, QuoteMessage]
    problem: str = ""
    is_connected: bool = True

    @property
    def is_complete(self) -> bool:
        """Whether account, positions and orders were all read, and not from a terminal that has lost its broker."""
        return self.is_connected and self.account is not None and self.positions is not None and self.orders is not None


BarTuple = tuple[int, float, float, float, float, float, int]
"""Opening time [epoch seconds, UTC], open, high, low, close, tick volume, spread [points]."""


@dataclass(frozen=True, kw_only=True)
class ClosedBars:
    """Closed bars, oldest first, and when the bar forming behind them opened [epoch seconds, UTC]; None where none forms."""

    rows: tuple[BarTuple, ...]
    forming_opened_s: int | None


@dataclass(frozen=True, kw_only=True)
class SymbolFacts:
    """A symbol as the server needs it, and as the engine does (the terminal's own fields)."""

    spec: SymbolSpec
    info: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class MarketOrder:
    """A deal at the market: a new position, or, with ``position``, the closing of one (``side`` is then the closing side)."""

    symbol: str
    side: Side
    volume_lots: Decimal
    price: Decimal
    magic: int
    comment: str
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    position: int | None = None


@dataclass(frozen=True, kw_only=True)
class OrderAnswer:
    """
    What the terminal said to a trade request. ``retcode`` None: it said nothing, so nobody knows.

    ``error_number``: MetaTrader's `last_error` where there was no answer.
    """

    retcode: int | None
    order_ticket: int | None = None
    deal_ticket: int | None = None
    filled_lots: Decimal = Decimal(0)
    price: Decimal | None = None
    comment: str = ""
    error_number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What carries a tag: open positions, waiting orders, deals since a moment. All three were read."""

    positions: tuple[PositionMessage, ...]
    orders: tuple[OrderMessage, ...]
    deals: tuple[DealMessage, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing carries the tag."""
        return not (self.positions or self.orders or self.deals)


class Terminal(Protocol):
    """
    A terminal logged into one account. Every method may raise `TerminalUnknown`.

    ``life`` changes whenever the terminal's process began anew: then subscriptions are gone and everything is to be read again.
    """

    @property
    def life(self) -> int: ...

    @property
    def restarts(self) -> int: ...

    @property
    def market_waits(self) -> bool:
        """Whether this is a simulated market that waits for us (`wait_for_bar`, `acknowledge`, `hold` mean something)."""
        ...

    def connect(self) -> TerminalIdentity: ...

    def look(self, symbols: tuple[str, ...]) -> Look: ...

    def read_symbol(self, symbol: str) -> SymbolFacts: ...

    def read_closed_bars(self, symbol: str, timeframe: str, count: int) -> ClosedBars: ...

    def list_deals_since(self, raw_ms: int) -> tuple[DealMessage, ...]: ...

    def list_deals_of(self, position_id: int) -> tuple[DealMessage, ...]: ...

    def find_by_tag(self, tag: str, magic: int, since_raw_ms: int) -> Evidence: ...

    def check_order(self, order: MarketOrder) -> OrderAnswer: ...

    def name_filling(self, symbol: str) -> str:
        """Return the mode an order would be sent with: FOK, IOC or RETURN."""
        ...

    def send_order(self, order: MarketOrder) -> OrderAnswer: ...

    def set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> OrderAnswer: ...

    def cancel_order(self, ticket: int) -> OrderAnswer: ...

    def subscribe(self, symbol: str, timeframe: str) -> None: ...

    def unsubscribe(self, symbol: str, timeframe: str) -> None: ...

    def wait_for_bar(self, seconds: float) -> tuple[tuple[str, str], ...]:
        """Return symbol and timeframe of subscribed bars that have closed, as soon as there are any; a simulated market only."""
        ...

    def acknowledge(self, symbol: str, timeframe: str, opened_s: int) -> None: ...

    def hold(self, seconds: float) -> None: ...

    def release(self) -> None: ...

    def close(self) -> None: ...
