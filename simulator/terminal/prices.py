"""Functions of the surface about symbols, bars and ticks."""

from collections.abc import Callable
from typing import Any

import numpy as np

from simulator.terminal import arguments as given
from simulator.terminal import calls
from simulator.terminal.arguments import InvalidArgument
from simulator.terminal.link import NO_CONNECTION, CallFailed
from simulator.terminal.surface import RATES_DTYPE, TICKS_DTYPE, read_struct

# Without a terminal these two do not say "No IPC connection".
_NOT_CONNECTED_SYMBOLS = -5


def _ask_symbols(method: str, arguments: Any = None) -> Any:
    try:
        return calls.ask(method, arguments)
    except CallFailed as failure:
        raise CallFailed(_NOT_CONNECTED_SYMBOLS) if failure.error[0] == NO_CONNECTION else failure from None


def symbols_total() -> Any:
    """Return how many symbols the server knows."""
    return calls.attempt(lambda: _ask_symbols("symbols_total"))


def symbols_get(*args: Any, **keywords: Any) -> Any:
    """Return the ``SymbolInfo`` of every symbol, or of those in ``group``."""

    def work() -> Any:
        if len(args) > 1:
            raise InvalidArgument("Invalid number of arguments")
        group, refusal = (args[0], given.name_place(0)) if args else (keywords.get("group", ""), "")
        text = given.read_text("group", group, given.MAX_GROUP_UNITS, refusal=refusal)
        return tuple(read_struct("SymbolInfo", values) for values in _ask_symbols("symbols_get", text))

    return calls.attempt(work, on_refusal=False)


def symbol_info(*args: Any, **keywords: Any) -> Any:
    """Return the ``SymbolInfo`` of one symbol."""
    given.refuse_keywords("symbol_info", keywords)
    return calls.attempt(lambda: calls.ask_struct("SymbolInfo", "symbol_info", *calls.take(args, given.read_symbol)))


def symbol_info_tick(*args: Any, **keywords: Any) -> Any:
    """Return the last ``Tick`` of one symbol."""
    given.refuse_keywords("symbol_info_tick", keywords)
    return calls.attempt(lambda: calls.ask_struct("Tick", "symbol_info_tick", *calls.take(args, given.read_symbol)))


def symbol_select(*args: Any, **keywords: Any) -> bool:
    """Show a symbol in Market Watch, or remove it."""
    given.refuse_keywords("symbol_select", keywords)
    values = (*args, True) if len(args) == 1 else args
    return bool(
        calls.attempt(lambda: calls.ask("symbol_select", calls.take(values, given.read_symbol, bool)), on_failure=False)
    )


def market_book_add(*args: Any, **keywords: Any) -> Any:
    """Open the depth of market of a symbol."""
    return _ask_book("market_book_add", args, keywords)


def market_book_release(*args: Any, **keywords: Any) -> Any:
    """Close the depth of market of a symbol."""
    return _ask_book("market_book_release", args, keywords)


def _ask_book(function: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    given.refuse_keywords(function, keywords)

    def work() -> bool:
        try:
            return bool(calls.ask(function, *calls.take(args, given.read_symbol)))
        except CallFailed as failure:
            if failure.error[0] != NO_CONNECTION:
                raise
            return False  # and the package calls that a success

    return calls.attempt(work, on_failure=False, on_refusal=None)


def market_book_get(*args: Any, **keywords: Any) -> Any:
    """Return the depth of market of a symbol as ``BookInfo`` entries."""
    given.refuse_keywords("market_book_get", keywords)
    return calls.attempt(lambda: calls.ask_structs("BookInfo", "market_book_get", *calls.take(args, given.read_symbol)))


# bars and ticks ------------------------------------------------------------------------------------------------------


_Reader = Callable[[Any], Any]
_SYMBOL, _LONG, _DATE = given.read_symbol, given.read_long, given.read_date


def copy_rates_from(*args: Any, **keywords: Any) -> Any:
    """Return ``count`` bars that open at or before ``date_from``: symbol, timeframe, date_from, count."""
    return _copy("copy_rates_from", args, keywords, RATES_DTYPE, _SYMBOL, _LONG, _DATE, _LONG)


def copy_rates_from_pos(*args: Any, **keywords: Any) -> Any:
    """Return ``count`` bars, the newest at ``start_pos`` (0 is forming): symbol, timeframe, start_pos, count."""
    return _copy("copy_rates_from_pos", args, keywords, RATES_DTYPE, _SYMBOL, _LONG, _LONG, _LONG)


def copy_rates_range(*args: Any, **keywords: Any) -> Any:
    """Return the bars that open within two dates: symbol, timeframe, date_from, date_to."""
    return _copy("copy_rates_range", args, keywords, RATES_DTYPE, _SYMBOL, _LONG, _DATE, _DATE)


def copy_ticks_from(*args: Any, **keywords: Any) -> Any:
    """Return ``count`` ticks from a date on: symbol, date_from, count, flags."""
    return _copy("copy_ticks_from", args, keywords, TICKS_DTYPE, _SYMBOL, _DATE, _LONG, _LONG)


def copy_ticks_range(*args: Any, **keywords: Any) -> Any:
    """Return the ticks within two dates: symbol, date_from, date_to, flags."""
    return _copy("copy_ticks_range", args, keywords, TICKS_DTYPE, _SYMBOL, _DATE, _DATE, _LONG)


def _copy(function: str, args: tuple[Any, ...], keywords: dict[str, Any], dtype: np.dtype, *readers: _Reader) -> Any:
    given.refuse_keywords(function, keywords)
    dates = tuple(value for value, reader in zip(args, readers, strict=False) if reader is _DATE)
    return calls.ask_with_dates(function, dates, lambda: calls.ask_array(dtype, function, calls.take(args, *readers)))
