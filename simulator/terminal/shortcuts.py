"""The package's own shortcuts in Python: ``Buy``, ``Sell``, ``Close``."""

from typing import Any

from simulator.terminal.prices import symbol_info_tick
from simulator.terminal.surface import CONSTANTS
from simulator.terminal.trading import order_send, positions_get

_HELPER_TRIES = 10
_HELPER_DEVIATION_POINTS = 10
_ASK_AGAIN = (CONSTANTS["TRADE_RETCODE_REQUOTE"], CONSTANTS["TRADE_RETCODE_PRICE_OFF"])


def _RawOrder(
    order_type: int, symbol: str, volume: float, price: float, comment: str | None = None, ticket: int | None = None
) -> Any:
    request: dict[str, Any] = {
        "action": CONSTANTS["TRADE_ACTION_DEAL"],
        "type": order_type,
        "symbol": symbol,
        "volume": volume,
        "price": price,
        "deviation": _HELPER_DEVIATION_POINTS,
    }
    named = {"comment": comment, "position": ticket}
    return order_send(request | {name: value for name, value in named.items() if value is not None})


def _send_at_market(
    order_type: int, symbol: str, volume: float, price: float | None, comment: str | None, ticket: int | None
) -> Any:
    if price is not None:
        return _RawOrder(order_type, symbol, volume, price, comment, ticket)
    result = None
    for _ in range(_HELPER_TRIES):
        tick = symbol_info_tick(symbol)  # None without a terminal: the package's own shortcut then raises too
        quote = tick.ask if order_type == CONSTANTS["ORDER_TYPE_BUY"] else tick.bid
        result = _RawOrder(order_type, symbol, volume, quote, comment, ticket)
        if result is None or result.retcode not in _ASK_AGAIN:
            break
    return result


def Buy(
    symbol: str, volume: float, price: float | None = None, *, comment: str | None = None, ticket: int | None = None
) -> Any:
    """Buy at ``price``, or at the market with up to ten tries."""
    return _send_at_market(CONSTANTS["ORDER_TYPE_BUY"], symbol, volume, price, comment, ticket)


def Sell(
    symbol: str, volume: float, price: float | None = None, *, comment: str | None = None, ticket: int | None = None
) -> Any:
    """Sell at ``price``, or at the market with up to ten tries."""
    return _send_at_market(CONSTANTS["ORDER_TYPE_SELL"], symbol, volume, price, comment, ticket)


def Close(symbol: str, *, comment: str | None = None, ticket: int | None = None) -> Any:
    """Close a position by ticket, or all of a symbol: ``True``, ``False``, ``"Partially"``, or ``None``."""
    found = positions_get(symbol=symbol) if ticket is None else positions_get(ticket=ticket)
    closed = 0
    for position in found:
        if symbol_info_tick(symbol) is None:
            return None
        opposite = CONSTANTS["ORDER_TYPE_SELL" if position.type == 0 else "ORDER_TYPE_BUY"]
        result = _send_at_market(opposite, symbol, position.volume, None, comment, position.ticket)
        if result is None:
            return None
        closed += result.retcode == CONSTANTS["TRADE_RETCODE_DONE"]
    if not closed:
        return False
    return True if closed == len(found) else "Partially"
