"""A triangle of currencies."""

from __future__ import annotations

from trading.strategies.cycle_strategy import CycleStrategy
from trading.strategies.specs.several import TRIANGULAR


class TriangularArbitrageStrategy(CycleStrategy):
    """
    Opens where going round three pairs pays at least ``min_profit_after_slippage`` after spread, fees and slippage, in either direction;
    closes where the round at middle prices pays no more than ``close_at_fraction``.

    The return of a cycle is the product of its rates less 1: bid * (1 - cost) where the base is sold, 1 / (ask * (1 + cost)) where it is
    bought. All three bars must have closed within ``max_step_delay_seconds``.

    Source: GeneBot 1.1.35, `triangular_arbitrage_strategy.py` (purpose), priced anew; see the spec for what was mended.
    """

    spec = TRIANGULAR

    def start(self) -> None:
        told = self.parameters
        cost = told["fee_fraction"] + told["max_slippage_per_step"]
        symbols = told["symbols"]
        costs = dict.fromkeys(symbols, cost)
        self.prepare(symbols, costs, field="entry.parameters.symbols", oldest_s=told["max_step_delay_seconds"])

    @property
    def threshold(self) -> float:
        return float(self.parameters["min_profit_after_slippage"])
