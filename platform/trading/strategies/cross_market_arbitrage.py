"""One instrument at two venues."""

from __future__ import annotations

from collections.abc import Mapping

from trading.engine.source import CLOSE_BUYS, CLOSE_SELLS, Wish
from trading.errors import InvalidRules
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.cycle import Quote, Quotes
from trading.strategies.specs.several import CROSS_MARKET


class CrossMarketArbitrageStrategy(BaseStrategy):
    """
    BUY where the other venue's bid, after both fees and slippage, is at least ``min_profit_threshold`` above the own ask; SELL mirrored.
    Closes where the gap of the middle prices has come down to ``close_at_fraction``.

    net = bid of the dear venue * (1 - fee - slippage) / (ask of the cheap venue * (1 + fee + slippage)) - 1. The other venue's bar must
    be at most ``max_execution_time_seconds`` older than the own one. Run it at both venues for both legs.

    Source: GeneBot 1.1.35, `cross_market_arbitrage_strategy.py` (an abstract base), made concrete; see the spec for what was mended.
    """

    spec = CROSS_MARKET
    memory = ("quotes", "side")

    def start(self) -> None:
        told = self.parameters
        self.other = told["other_symbol"]
        if self.other == self.instrument.name:
            raise InvalidRules(
                "entry.parameters.other_symbol must be another symbol", field="entry.parameters.other_symbol"
            )
        self.other_symbols = (self.other,)
        point = float(self.instrument.point)
        self.quotes = Quotes(told["spread_fraction"], {"own": point, "other": point})
        self.side = 0

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.quotes.update("own", bar)
        if self.other in others:
            self.quotes.update("other", others[self.other])
        oldest_s = self.parameters["max_execution_time_seconds"]
        own, other = self.quotes.at("own", bar.time, oldest_s), self.quotes.at("other", bar.time, oldest_s)
        if own is None or other is None:
            return NOTHING
        if self.side:
            return self._close_when_met(own, other)
        told = self.parameters
        own_cost = told["fee_fraction"] + told["slippage_fraction"]
        other_cost = told["other_fee_fraction"] + told["slippage_fraction"]
        for side, dear, dear_cost, cheap, cheap_cost in (
            (1, other, other_cost, own, own_cost),
            (-1, own, own_cost, other, other_cost),
        ):
            net = dear.bid * (1 - dear_cost) / (cheap.ask * (1 + cheap_cost)) - 1
            if net >= told["min_profit_threshold"]:
                self.side = side
                return Wish(side=side, reason=f"the venues differ by {100 * net:.3f} % after costs")
        return NOTHING

    def _close_when_met(self, own: Quote, other: Quote) -> Wish:
        gap = self.side * (other.middle / own.middle - 1)
        if gap > self.parameters["close_at_fraction"]:
            return NOTHING
        closes = CLOSE_BUYS if self.side > 0 else CLOSE_SELLS
        self.side = 0
        return Wish(closes=closes, reason="the venues have met")
