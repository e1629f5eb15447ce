"""The terminal's structs as our messages: floats become Decimal here, broker time becomes UTC here, and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from executor_agent.errors import TerminalUnknown
from trading.model.moments import moment_at
from trading.protocol import AccountState, DealMessage, OrderMessage, PositionMessage, SymbolSpec

SIDES = {0: "BUY", 1: "SELL"}
ORDER_TYPES = (
    "BUY", "SELL", "BUY_LIMIT", "SELL_LIMIT", "BUY_STOP", "SELL_STOP", "BUY_STOP_LIMIT", "SELL_STOP_LIMIT", "CLOSE_BY",
)  # fmt: skip
NameOf = Callable[[str], str]


def to_number(value: Any, digits: int = 8) -> Decimal:
    """
    Return a float of the terminal as a Decimal of that many digits.

    :raises TerminalUnknown: for NaN and infinities.

    >>> to_number(1.1000000000000001, 5)
    Decimal('1.10000')
    """
    if not math.isfinite(value):
        raise TerminalUnknown(f"the terminal gave {value!r} for a number")
    return Decimal(f"{value:.{digits}f}")


def to_exact(value: Any) -> Decimal:
    """Return a float of a specification as the shortest decimal that is that float: 1e-05 is 0.00001."""
    if not math.isfinite(value):
        raise TerminalUnknown(f"the terminal gave {value!r} for a number")
    return Decimal(f"{Decimal(repr(float(value))):f}")


def to_price(value: Any) -> Decimal:
    """Return a price; trailing zeros beyond the eighth digit are no price."""
    return to_number(value).normalize() + Decimal(0)


def to_level(value: Any) -> Decimal | None:
    """Return a stop or target; 0 means that there is none."""
    return to_price(value) if value else None


def to_utc(raw_ms: int, offset_s: int) -> datetime:
    """Return broker time (its wall clock written as UTC) as UTC."""
    return moment_at(raw_ms / 1000 - offset_s)


def read_account(info: Any) -> AccountState:
    """Return the money of `account_info`."""
    return AccountState(
        balance=to_number(info.balance),
        equity=to_number(info.equity),
        margin=to_number(info.margin),
        free_margin=to_number(info.margin_free),
        credit=to_number(info.credit),
        profit=to_number(info.profit),
    )


def read_position(row: Any, offset_s: int, name_of: NameOf) -> PositionMessage:
    """Return a `TradePosition`."""
    return PositionMessage(
        ticket=int(row.ticket),
        position_id=int(row.identifier),
        magic=int(row.magic),
        symbol=name_of(row.symbol),
        side=SIDES[row.type],
        volume_lots=to_price(row.volume),
        entry_price=to_price(row.price_open),
        stop_loss=to_level(row.sl),
        take_profit=to_level(row.tp),
        current_price=to_price(row.price_current),
        profit=to_number(row.profit),
        swap=to_number(row.swap),
        comment=str(row.comment),
        opened_at=to_utc(int(row.time_msc), offset_s),
    )


def read_order(row: Any, offset_s: int, name_of: NameOf) -> OrderMessage:
    """Return a waiting `TradeOrder`."""
    return OrderMessage(
        ticket=int(row.ticket),
        magic=int(row.magic),
        symbol=name_of(row.symbol),
        order_type=ORDER_TYPES[row.type],
        volume_lots=to_price(row.volume_current),
        price=to_price(row.price_open),
        stop_loss=to_level(row.sl),
        take_profit=to_level(row.tp),
        comment=str(row.comment),
        placed_at=to_utc(int(row.time_setup_msc), offset_s),
    )


def read_deal(row: Any, offset_s: int, name_of: NameOf) -> DealMessage:
    """Return a `TradeDeal`."""
    return DealMessage(
        ticket=int(row.ticket),
        order_ticket=int(row.order),
        position_id=int(row.position_id),
        deal_type=int(row.type),
        entry=int(row.entry),
        reason=int(row.reason),
        symbol=name_of(row.symbol) if row.symbol else "",
        magic=int(row.magic),
        volume_lots=to_price(row.volume),
        price=to_price(row.price),
        profit=to_number(row.profit),
        commission=to_number(row.commission),
        swap=to_number(row.swap),
        fee=to_number(row.fee),
        comment=str(row.comment),
        time_raw_ms=int(row.time_msc),
        market_at=to_utc(int(row.time_msc), offset_s),
    )


def read_spec(name: str, info: Any, margin_per_lot: Decimal | None, loss_per_lot_check: Decimal | None) -> SymbolSpec:
    """Return a `SymbolInfo` as the server wants it."""
    return SymbolSpec(
        name=name,
        broker_symbol=str(info.name),
        digits=int(info.digits),
        point=to_exact(info.point),
        tick_size=to_exact(info.trade_tick_size),
        tick_value=to_number(info.trade_tick_value),
        tick_value_profit=to_number(info.trade_tick_value_profit),
        tick_value_loss=to_number(info.trade_tick_value_loss),
        contract_size=to_exact(info.trade_contract_size),
        volume_min=to_exact(info.volume_min),
        volume_max=to_exact(info.volume_max),
        volume_step=to_exact(info.volume_step),
        volume_limit=to_exact(info.volume_limit),
        stops_level_points=int(info.trade_stops_level),
        freeze_level_points=int(info.trade_freeze_level),
        filling_mode=int(info.filling_mode),
        trade_mode=int(info.trade_mode),
        calc_mode=int(info.trade_calc_mode),
        execution_mode=int(info.trade_exemode),
        currency_base=str(info.currency_base),
        currency_profit=str(info.currency_profit),
        currency_margin=str(info.currency_margin),
        margin_per_lot=margin_per_lot,
        loss_per_lot_check=loss_per_lot_check,
    )
