"""What the strategies that go round a cycle share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from trading.engine.source import CLOSE_BUYS, CLOSE_SELLS, Wish
from trading.errors import InvalidRules, UnknownSymbol
from trading.model.bars import Bar
from trading.model.instruments import typical_instrument
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.cycle import Quote, Quotes, cycle_return, find_cycle, gross_return, reverse
from trading.strategies.pair import split_symbol


class CycleStrategy(BaseStrategy):
    """
    Trades one leg of a cycle of three pairs.

    Run once on each leg's symbol: the three instances see the same closed bars, find the same cycle at the same bar, and each wishes
    the side of its own leg; so all three legs open, and close, together. Not one knows whether the others were filled.
    """

    memory = ("quotes", "side", "direction")

    def prepare(self, symbols: Sequence[str], costs: Mapping[str, float], *, field: str, oldest_s: int) -> None:
        """Set up the cycle; the own symbol must be among ``symbols``."""
        own = next((symbol for symbol in symbols if _is_same(symbol, self.instrument.name)), None)
        if own is None:
            message = f"{field} must hold the own symbol {self.instrument.name}, not only {', '.join(symbols)}"
            raise InvalidRules(message, field=field)
        try:
            steps = find_cycle(symbols, costs)
        except ValueError as error:
            raise InvalidRules(f"{field}: {error}", field=field) from None
        self.own, self.oldest_s = own, oldest_s
        self.cycles = {1: steps, -1: reverse(steps)}
        self.other_symbols = tuple(symbol for symbol in symbols if symbol != own)
        points = {symbol: _point(symbol) for symbol in self.other_symbols} | {own: float(self.instrument.point)}
        self.quotes = Quotes(self.parameters["spread_fraction"], points)
        self.side, self.direction = 0, 0
        self.warm_up(window=1)

    @property
    @abstractmethod
    def threshold(self) -> float:
        """The return after costs that opens [fraction]."""

    def is_blocked(self, quotes: Mapping[str, Quote], bar: Bar, others: Mapping[str, Bar]) -> str:
        """Return why no new cycle may be begun now, or an empty text."""
        return ""

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.quotes.update(self.own, bar)
        for symbol in self.other_symbols:
            if symbol in others:
                self.quotes.update(symbol, others[symbol])
        quotes = self._quotes_at(bar.time)
        if quotes is None:
            return NOTHING
        if self.direction:
            return self._close_when_done(quotes)
        for direction, steps in self.cycles.items():
            gain = cycle_return(steps, quotes)
            if gain >= self.threshold and not self.is_blocked(quotes, bar, others):
                sold = next(step.sells_base for step in steps if step.symbol == self.own)
                self.direction, self.side = direction, -1 if sold else 1
                return Wish(side=self.side, reason=f"the cycle pays {100 * gain:.3f} % after costs")
        return NOTHING

    def _close_when_done(self, quotes: Mapping[str, Quote]) -> Wish:
        left = gross_return(self.cycles[self.direction], quotes)
        if left > self.parameters["close_at_fraction"]:
            return NOTHING
        closes = CLOSE_BUYS if self.side > 0 else CLOSE_SELLS
        self.side, self.direction = 0, 0
        return Wish(closes=closes, reason=f"the cycle pays {100 * left:.3f} % no more")

    def _quotes_at(self, time_s: int) -> dict[str, Quote] | None:
        quotes = {}
        for symbol in (self.own, *self.other_symbols):
            quote = self.quotes.at(symbol, time_s, self.oldest_s)
            if quote is None:
                return None
            quotes[symbol] = quote
        return quotes


def _is_same(first: str, second: str) -> bool:
    if first.upper() == second.upper():
        return True
    try:
        return split_symbol(first) == split_symbol(second)
    except ValueError:
        return False


def _point(symbol: str) -> float:
    # Nobody tells a strategy the specification of another symbol; where none is typical, the fraction given stands in.
    try:
        return float(typical_instrument(symbol.replace("/", "")).point)
    except UnknownSymbol:
        return 0.0
