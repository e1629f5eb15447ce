"""Functions of the surface about positions, orders, history and trading."""

from typing import Any

from simulator.terminal import arguments as given
from simulator.terminal import calls
from simulator.terminal.arguments import InvalidArgument


def positions_total() -> Any:
    """Return the number of open positions."""
    return calls.attempt(lambda: calls.ask("positions_total"))


def orders_total() -> Any:
    """Return the number of pending orders."""
    return calls.attempt(lambda: calls.ask("orders_total"))


def positions_get(*args: Any, **keywords: Any) -> Any:
    """Return open positions by ``ticket``, ``symbol`` or ``group`` (the first of them that is given)."""
    return _get_open("positions_get", "TradePosition", args, keywords)


def orders_get(*args: Any, **keywords: Any) -> Any:
    """Return pending orders by ``ticket``, ``symbol`` or ``group`` (the first of them that is given)."""
    return _get_open("orders_get", "TradeOrder", args, keywords)


def _get_open(function: str, struct: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    def work() -> Any:
        if args:
            raise InvalidArgument("Unnamed arguments not allowed")
        return calls.ask_structs(struct, function, given.read_query(keywords, ("ticket", "symbol", "group")))

    return calls.attempt(work, function=function)


def history_orders_total(*args: Any, **keywords: Any) -> Any:
    """Return the number of orders in history between two dates."""
    return _count_history("history_orders_total", args, keywords)


def history_deals_total(*args: Any, **keywords: Any) -> Any:
    """Return the number of deals between two dates."""
    return _count_history("history_deals_total", args, keywords)


def _count_history(function: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    given.refuse_keywords(function, keywords)
    return calls.ask_with_dates(
        function, args, lambda: calls.ask(function, calls.take(args, given.read_date, given.read_date))
    )


def history_orders_get(*args: Any, **keywords: Any) -> Any:
    """Return orders of history: two dates (and ``group``), else ``ticket``, else ``position``."""
    return _get_history("history_orders_get", "TradeOrder", args, keywords)


def history_deals_get(*args: Any, **keywords: Any) -> Any:
    """Return deals: two dates (and ``group``), else ``ticket`` (of an order), else ``position``."""
    return _get_history("history_deals_get", "TradeDeal", args, keywords)


def _get_history(function: str, struct: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    def work() -> Any:
        query = given.read_query(keywords, ("ticket", "position", "group"))
        if len(args) == 2:
            dates = calls.take(args, given.read_date, given.read_date)
            return calls.ask_structs(struct, function, {"dates": dates, "group": query.get("group", "")})
        if args or not ("ticket" in query or "position" in query):
            raise InvalidArgument(given.WRONG)
        return calls.ask_structs(struct, function, query)

    return calls.ask_with_dates(function, args, work)


def order_calc_margin(*args: Any, **keywords: Any) -> Any:
    """Return the margin that an order needs: action, symbol, volume, price."""
    return _calculate("order_calc_margin", args, keywords, count=2)


def order_calc_profit(*args: Any, **keywords: Any) -> Any:
    """Return the profit between two prices: action, symbol, volume, price_open, price_close."""
    return _calculate("order_calc_profit", args, keywords, count=3)


def _calculate(function: str, args: tuple[Any, ...], keywords: dict[str, Any], *, count: int) -> Any:
    given.refuse_keywords(function, keywords)
    numbers = [given.read_number] * count
    return calls.attempt(
        lambda: float(calls.ask(function, calls.take(args, given.read_long, given.read_symbol, *numbers))),
        function=function,
    )


def order_check(*args: Any, **keywords: Any) -> Any:
    """Check a trade request without sending it."""
    return _request("order_check", "OrderCheckResult", args, keywords)


def order_send(*args: Any, **keywords: Any) -> Any:
    """Send a trade request to the server."""
    return _request("order_send", "OrderSendResult", args, keywords)


def _request(function: str, struct: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    return calls.attempt(lambda: calls.ask_struct(struct, function, _read_one(args, keywords)), function=function)


def _read_one(args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    # one dict, or the fields as keywords: `order_send(request=d)` therefore sends an empty request
    if args and keywords:
        raise InvalidArgument("Unnamed arguments not allowed")
    if len(args) > 1 or not (args or keywords):
        raise InvalidArgument("Invalid number of arguments")
    return given.read_request(args[0] if args else dict(keywords))
