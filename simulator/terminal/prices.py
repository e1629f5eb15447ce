"""Functions of the surface about symbols, bars and ticks."""

from typing import Any

import numpy as np

from simulator.terminal import arguments as given
from simulator.terminal import calls
from simulator.terminal.surface import RATES_DTYPE, TICKS_DTYPE


def symbols_total() -> Any:
    """Return how many symbols the server knows."""
    return calls.attempt(lambda: calls.ask("symbols_total"))


def symbols_get(*args: Any, **keywords: Any) -> Any:
    """Return the ``SymbolInfo`` of every symbol, or of those in ``group``."""
    if len(args) > 1:
        calls.link.last_error = (calls.INVALID, "Invalid number of arguments")
        return False

    def work() -> Any:
        group = args[0] if args else keywords.get("group", "")
        return calls.ask_structs("SymbolInfo", "symbols_get", given.read_text("group", group, given.MAX_GROUP_UNITS))

    return calls.attempt(work)


def symbol_info(*args: Any, **keywords: Any) -> Any:
    """Return the ``SymbolInfo`` of one symbol."""
    calls.take("symbol_info", args, keywords, str)
    return calls.attempt(lambda: calls.ask_struct("SymbolInfo", "symbol_info", given.read_text("symbol", args[0])))


def symbol_info_tick(*args: Any, **keywords: Any) -> Any:
    """Return the last ``Tick`` of one symbol."""
    calls.take("symbol_info_tick", args, keywords, str)
    return calls.attempt(lambda: calls.ask_struct("Tick", "symbol_info_tick", given.read_text("symbol", args[0])))


def symbol_select(*args: Any, **keywords: Any) -> bool:
    """Show a symbol in Market Watch, or remove it."""
    values = (*args, True) if len(args) == 1 else args
    calls.take("symbol_select", values, keywords, str, int)
    symbol, enable = values
    return bool(
        calls.attempt(
            lambda: calls.ask("symbol_select", [given.read_text("symbol", symbol), bool(enable)]), on_failure=False
        )
    )


def market_book_add(*args: Any, **keywords: Any) -> Any:
    """Open the depth of market of a symbol."""
    return _ask_book("market_book_add", args, keywords)


def market_book_release(*args: Any, **keywords: Any) -> Any:
    """Close the depth of market of a symbol."""
    return _ask_book("market_book_release", args, keywords)


def _ask_book(function: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    calls.take(function, args, keywords, str)
    return calls.attempt(lambda: bool(calls.ask(function, given.read_text("symbol", args[0]))), on_failure=False)


def market_book_get(*args: Any, **keywords: Any) -> Any:
    """Return the depth of market of a symbol as ``BookInfo`` entries."""
    calls.take("market_book_get", args, keywords, str)
    return calls.attempt(lambda: calls.ask_structs("BookInfo", "market_book_get", given.read_text("symbol", args[0])))


# bars and ticks ------------------------------------------------------------------------------------------------------


def copy_rates_from(*args: Any, **keywords: Any) -> Any:
    """Return ``count`` bars that open at or before ``date_from``: symbol, timeframe, date_from, count."""
    return _copy("copy_rates_from", args, keywords, RATES_DTYPE, (str, int, object, int), (2,))


def copy_rates_from_pos(*args: Any, **keywords: Any) -> Any:
    """Return ``count`` bars, the newest at ``start_pos`` (0 is forming): symbol, timeframe, start_pos, count."""
    return _copy("copy_rates_from_pos", args, keywords, RATES_DTYPE, (str, int, int, int), ())


def copy_rates_range(*args: Any, **keywords: Any) -> Any:
    """Return the bars that open within two dates: symbol, timeframe, date_from, date_to."""
    return _copy("copy_rates_range", args, keywords, RATES_DTYPE, (str, int, object, object), (2, 3))


def copy_ticks_from(*args: Any, **keywords: Any) -> Any:
    """Return ``count`` ticks from a date on: symbol, date_from, count, flags."""
    return _copy("copy_ticks_from", args, keywords, TICKS_DTYPE, (str, object, int, int), (1,))


def copy_ticks_range(*args: Any, **keywords: Any) -> Any:
    """Return the ticks within two dates: symbol, date_from, date_to, flags."""
    return _copy("copy_ticks_range", args, keywords, TICKS_DTYPE, (str, object, object, int), (1, 2))


def _copy(
    function: str,
    args: tuple[Any, ...],
    keywords: dict[str, Any],
    dtype: np.dtype,
    kinds: tuple[type, ...],
    dates: tuple[int, ...],
) -> Any:
    calls.take(function, args, keywords, *kinds)

    def work() -> Any:
        values = list(args)
        given.read_text("symbol", values[0])
        for index in dates:
            values[index] = given.read_date(values[index])
        return calls.ask_array(dtype, function, values)

    return calls.attempt(work)
