"""
The simulated terminal with the surface of the ``MetaTrader5`` package: same names, results and refusals.

``from simulator import mt5`` stands where ``import MetaTrader5 as mt5`` would. ``initialize`` takes the address of a
running simulator as its path: ``mt5.initialize("sim://127.0.0.1:18812", login=…, password=…, server=…)``.

Beside the surface it has functions with the prefix ``sim_``, which a real terminal has not: the market's clock, and
the words by which a program tells the simulated market to wait for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from simulator.terminal import arguments as given
from simulator.terminal import calls
from simulator.terminal.arguments import InvalidArgument
from simulator.terminal.link import SUCCESS
from simulator.terminal.prices import (
    copy_rates_from,
    copy_rates_from_pos,
    copy_rates_range,
    copy_ticks_from,
    copy_ticks_range,
    market_book_add,
    market_book_get,
    market_book_release,
    symbol_info,
    symbol_info_tick,
    symbol_select,
    symbols_get,
    symbols_total,
)
from simulator.terminal.shortcuts import (
    Buy,
    Close,
    Sell,
    _RawOrder,  # noqa: F401  (the package has it too)
)
from simulator.terminal.surface import CONSTANTS, STRUCTS
from simulator.terminal.trading import (
    history_deals_get,
    history_deals_total,
    history_orders_get,
    history_orders_total,
    order_calc_margin,
    order_calc_profit,
    order_check,
    order_send,
    orders_get,
    orders_total,
    positions_get,
    positions_total,
)
from simulator.terminal.waiting import (
    sim_ack,
    sim_clock,
    sim_hold,
    sim_release,
    sim_subscribe,
    sim_unsubscribe,
    sim_wait,
)

__version__ = "5.0.6231"
__author__ = "Mikrobot simulator"
__all__ = [
    "Buy",
    "Close",
    "Sell",
    "account_info",
    "copy_rates_from",
    "copy_rates_from_pos",
    "copy_rates_range",
    "copy_ticks_from",
    "copy_ticks_range",
    "history_deals_get",
    "history_deals_total",
    "history_orders_get",
    "history_orders_total",
    "initialize",
    "last_error",
    "login",
    "market_book_add",
    "market_book_get",
    "market_book_release",
    "order_calc_margin",
    "order_calc_profit",
    "order_check",
    "order_send",
    "orders_get",
    "orders_total",
    "positions_get",
    "positions_total",
    "shutdown",
    "sim_ack",
    "sim_clock",
    "sim_hold",
    "sim_release",
    "sim_subscribe",
    "sim_unsubscribe",
    "sim_wait",
    "symbol_info",
    "symbol_info_tick",
    "symbol_select",
    "symbols_get",
    "symbols_total",
    "terminal_info",
    "version",
    *CONSTANTS,
    *STRUCTS,
]

globals().update(CONSTANTS)
globals().update(STRUCTS)

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_PATH_UNITS = 257
_CREDENTIALS: dict[str, Callable[[str, Any, str], Any]] = {
    "login": lambda name, value, refusal: given.read_int(name, value, refusal=refusal),
    "password": lambda name, value, refusal: given.read_text(name, value, 253, refusal=refusal),
    "server": lambda name, value, refusal: given.read_text(name, value, 253, refusal=refusal),
}


def initialize(*args: Any, **keywords: Any) -> bool:
    """Connect to the simulator; ``path`` (positional or named), ``login``, ``password``, ``server``, ``timeout`` ms."""

    def work() -> bool:
        if len(args) > 1:
            raise InvalidArgument("Invalid number of arguments")
        path = given.read_text("path", args[0], _PATH_UNITS, refusal=given.name_place(0)) if args else None
        path = given.read_text("path", keywords["path"], _PATH_UNITS) if "path" in keywords else path
        timeout_ms = given.read_int("timeout", keywords.get("timeout", 60_000))
        calls.link.open(path, timeout_ms / 1000 or 60.0, _read_credentials(keywords))
        return True

    return bool(calls.attempt(work, on_failure=False, function="initialize"))


def login(*args: Any, **keywords: Any) -> bool:
    """Switch the terminal to another account: ``login``, ``password``, ``server``."""

    def work() -> bool:
        if len(args) > len(_CREDENTIALS):
            raise InvalidArgument("Invalid number of arguments")
        credentials = _read_credentials(keywords) | _read_unnamed(args)
        given.read_int("timeout", keywords.get("timeout", 60_000))
        if "login" not in credentials:
            raise InvalidArgument('Invalid "login" argument')
        return bool(calls.ask("login", credentials))

    return bool(calls.attempt(work, on_failure=False, function="login"))


def _read_credentials(values: dict[str, Any]) -> dict[str, Any]:
    return {name: read(name, values[name], "") for name, read in _CREDENTIALS.items() if name in values}


def _read_unnamed(values: tuple[Any, ...]) -> dict[str, Any]:
    named = zip(_CREDENTIALS.items(), values, strict=False)
    return {name: read(name, value, given.name_place(place)) for place, ((name, read), value) in enumerate(named)}


def shutdown() -> bool:
    """Say goodbye and close the connection."""

    def work() -> bool:
        calls.ask("shutdown")
        return True

    calls.attempt(work)
    calls.link.close()
    calls.link.last_error = SUCCESS
    return True


def last_error() -> tuple[int, str]:
    """Return code and text of what the last call met."""
    return calls.link.last_error


def version() -> Any:
    """Return terminal version, build and its date; zeros without a terminal."""
    return calls.attempt(lambda: tuple(calls.ask("version")), on_failure=(0, 0, ""))


def terminal_info() -> Any:
    """Return ``TerminalInfo``."""
    return calls.attempt(lambda: calls.ask_struct("TerminalInfo", "terminal_info"))


def account_info() -> Any:
    """Return ``AccountInfo``."""
    return calls.attempt(lambda: calls.ask_struct("AccountInfo", "account_info"))
