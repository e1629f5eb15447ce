"""Quotes of several symbols at one moment, and what going round a cycle of them pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from trading.model.bars import Bar
from trading.strategies.folds import Fold
from trading.strategies.pair import split_symbol


class Quote(NamedTuple):
    """Bid and ask of one symbol [price]."""

    bid: float
    ask: float

    @property
    def middle(self) -> float:
        """Half way between them."""
        return (self.bid + self.ask) / 2


class Step(NamedTuple):
    """One leg of a cycle: the symbol, whether its base is sold for its quote, and what it costs [fraction]."""

    symbol: str
    sells_base: bool
    cost: float


class Quotes(Fold):
    """The last closed bar of each symbol: ``[time, bid, spread in points]``."""

    kept = ("last",)

    def __init__(self, spread_fraction: float, points: Mapping[str, float]) -> None:
        self.spread_fraction = spread_fraction
        self.points = dict(points)
        self.last: dict[str, list[float]] = {}

    def update(self, symbol: str, bar: Bar) -> None:
        """Take the next bar of a symbol."""
        self.last[symbol] = [bar.time, bar.close, bar.spread_points]

    def at(self, symbol: str, time_s: int, oldest_s: int) -> Quote | None:
        """Return the quote of ``symbol``, or None where its last bar is more than ``oldest_s`` seconds older than ``time_s``."""
        if symbol not in self.last or time_s - self.last[symbol][0] > oldest_s:
            return None
        _, bid, spread_points = self.last[symbol]
        point = self.points.get(symbol, 0.0)
        spread = spread_points * point if spread_points and point else bid * self.spread_fraction
        return Quote(bid, bid + spread)


def find_cycle(symbols: Sequence[str], costs: Mapping[str, float]) -> list[Step]:
    """
    Return the steps of going once round three pairs, beginning by selling the base of the first.

    :raises ValueError: where the three pairs do not make a triangle of three currencies.

    >>> [(step.symbol, step.sells_base) for step in find_cycle(["EURUSD", "USDJPY", "EURJPY"], {})]
    [('EURUSD', True), ('USDJPY', True), ('EURJPY', False)]
    """
    pairs = {symbol: split_symbol(symbol) for symbol in symbols}
    first = symbols[0]
    start, holding = pairs[first]
    steps, left = [Step(first, True, costs.get(first, 0.0))], list(symbols[1:])
    while left:
        found = next((symbol for symbol in left if holding in pairs[symbol]), None)
        if found is None:
            raise ValueError(f"{', '.join(symbols)} do not make a triangle of three currencies")
        base, quote = pairs[found]
        steps.append(Step(found, base == holding, costs.get(found, 0.0)))
        holding = quote if base == holding else base
        left.remove(found)
    if holding != start:
        raise ValueError(f"{', '.join(symbols)} do not make a triangle of three currencies")
    return steps


def reverse(steps: Sequence[Step]) -> list[Step]:
    """Return the same cycle the other way round."""
    return [step._replace(sells_base=not step.sells_base) for step in reversed(steps)]


def cycle_return(steps: Sequence[Step], quotes: Mapping[str, Quote]) -> float:
    """
    Return what one round pays after costs, as a fraction: the product of its rates, less 1.

    Selling the base earns bid * (1 - cost); buying it earns 1 / (ask * (1 + cost)).

    >>> quotes = {"EURUSD": Quote(1.1, 1.1), "USDJPY": Quote(150.0, 150.0), "EURJPY": Quote(164.0, 164.0)}
    >>> round(100 * cycle_return(find_cycle(list(quotes), {}), quotes), 4)      # 1.1 * 150 / 164 - 1
    0.6098
    """
    product = 1.0
    for step in steps:
        quote = quotes[step.symbol]
        product *= quote.bid * (1 - step.cost) if step.sells_base else 1 / (quote.ask * (1 + step.cost))
    return product - 1


def gross_return(steps: Sequence[Step], quotes: Mapping[str, Quote]) -> float:
    """Return what one round pays at the middle prices without costs."""
    middles = {symbol: Quote(quote.middle, quote.middle) for symbol, quote in quotes.items()}
    return cycle_return([step._replace(cost=0.0) for step in steps], middles)
