"""Calls about symbols and prices."""

from collections.abc import Callable
from typing import Any

from simulator.broker.records import Account
from simulator.market.feed import MAX_BARS, NoBars
from simulator.service.calls import Answer, Calls, Refusal, is_in_group
from simulator.terminal.surface import RATES_DTYPE, TICKS_DTYPE


class PriceCalls(Calls):
    """Symbols, depth of market, bars and ticks."""

    def symbols_total(self, _: Any) -> Answer:
        """Return the number of symbols."""
        return len(self._exchange.feed.terms), b""

    def symbols_get(self, group: str) -> Answer:
        """Return the rows of the symbols in a group."""
        account = self._get_account()
        names = [name for name in self._exchange.feed.terms if is_in_group(name, group)]
        return [self._symbol_row(account, name) for name in names], b""

    def symbol_info(self, symbol: str) -> Answer:
        """Return the row of one symbol."""
        self._get_symbol(symbol)
        return self._symbol_row(self._get_account(), symbol), b""

    def _symbol_row(self, account: Account, symbol: str) -> list[Any]:
        return self._rows.symbol(account, self._exchange.feed.terms[symbol], visible=symbol not in self._state.hidden)

    def symbol_info_tick(self, symbol: str) -> Answer:
        """Return the last tick of a symbol."""
        self._get_symbol(symbol)
        row = self._rows.tick(symbol)
        if row is None:
            raise Refusal(-4)
        return row, b""

    def symbol_select(self, arguments: list[Any]) -> Answer:
        """Show or hide a symbol; one that is in use stays."""
        symbol, enable = arguments
        self._get_symbol(symbol)
        if not enable and symbol in self._exchange.books.list_active_symbols():
            raise Refusal(-1)
        (self._state.hidden.discard if enable else self._state.hidden.add)(symbol)
        return True, b""

    def market_book_add(self, symbol: str) -> Answer:
        """Open the depth of market."""
        self._get_symbol(symbol)
        self._state.books_open.add(symbol)
        return True, b""

    def market_book_release(self, symbol: str) -> Answer:
        """Close the depth of market."""
        self._get_symbol(symbol)
        self._state.books_open.discard(symbol)
        return True, b""

    def market_book_get(self, symbol: str) -> Answer:
        """Return the depth of market: the best price on each side."""
        if symbol not in self._state.books_open:
            raise Refusal(-4)
        quote = self._exchange.feed.find_quote(symbol, self._exchange.market_at)
        if quote is None or not self._exchange.feed.is_open(symbol, self._exchange.market_at):
            return [], b""
        return [[kind, price, 100, 100.0] for kind, price in ((1, quote.ask), (2, quote.bid))], b""

    def copy_rates_from_pos(self, arguments: list[Any]) -> Answer:
        """Return bars by position; 0 is the forming one."""
        symbol, timeframe, start, count = arguments
        if start < 0 or count <= 0:
            raise Refusal(-2)
        if start + count > MAX_BARS:
            raise Refusal(-1)
        rows = self._read(lambda: self._exchange.feed.read_rates(symbol, timeframe, self._at, start + count))
        rows = rows[: len(rows) - start] if start else rows
        if not len(rows):
            raise Refusal(-1)
        return None, rows[-count:].tobytes()

    def copy_rates_from(self, arguments: list[Any]) -> Answer:
        """Return the last bars that opened at a moment or before."""
        symbol, timeframe, moment, count = arguments
        if count <= 0:
            raise Refusal(-2)
        if count > MAX_BARS:
            raise Refusal(-1)
        feed = self._exchange.feed
        return None, self._read(lambda: feed.read_rates_until(symbol, timeframe, self._at, moment, count)).tobytes()

    def copy_rates_range(self, arguments: list[Any]) -> Answer:
        """Return the bars that opened between two moments."""
        symbol, timeframe, first, last = arguments
        feed = self._exchange.feed
        rows = self._read(lambda: feed.read_rates_between(symbol, timeframe, self._at, first, last))
        return None, rows.tobytes()

    def _read(self, read: Callable[[], Any]) -> Any:
        try:
            rows = read()
        except NoBars:
            raise Refusal(-1) from None
        assert rows.dtype == RATES_DTYPE
        return rows

    def copy_ticks_from(self, arguments: list[Any]) -> Answer:
        """Return ticks from a moment on."""
        symbol, moment, count, flags = arguments
        if count <= 0:
            raise Refusal(-2)
        return self._copy_ticks(symbol, moment, self._exchange.server_now + 1, min(count, MAX_BARS), flags)

    def copy_ticks_range(self, arguments: list[Any]) -> Answer:
        """Return ticks between two moments."""
        symbol, first, last, flags = arguments
        return self._copy_ticks(symbol, first, last, MAX_BARS, flags)

    def _copy_ticks(self, symbol: str, first: float, last: float, count: int, flags: int) -> Answer:
        self._get_symbol(symbol)
        feed = self._exchange.feed
        if flags == 2:  # trades only: a market of bids and asks has none
            return None, b""
        ticks = feed.read_ticks(symbol, self._at, feed.zone.to_utc(first), feed.zone.to_utc(last), count)
        assert ticks.dtype == TICKS_DTYPE
        return None, ticks.tobytes()
