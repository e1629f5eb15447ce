"""A coin against two currencies."""

from __future__ import annotations

from collections.abc import Mapping

from trading.model.bars import Bar
from trading.strategies.cycle import Quote
from trading.strategies.cycle_strategy import CycleStrategy
from trading.strategies.specs.several import CRYPTO_FOREX


class CryptoForexArbitrageStrategy(CycleStrategy):
    """
    Opens where a coin sold for one currency, that changed for the other, and the coin bought back pays ``min_profit_threshold`` after all
    costs, in either direction; closes where the round at middle prices pays no more than ``close_at_fraction``.

    No new round while the spread of the currency pair exceeds ``max_conversion_spread`` or a coin's bar ranges over more than
    ``max_crypto_volatility`` of its price.

    Source: GeneBot 1.1.35, `crypto_forex_arbitrage_strategy.py` (purpose), priced by the cycle; see the spec for what was mended.
    """

    spec = CRYPTO_FOREX

    def start(self) -> None:
        told = self.parameters
        coins, pairs = told["crypto_pairs"], told["forex_pairs"]
        coin_cost = told["crypto_fee_fraction"] + told["slippage_fraction"]
        pair_cost = told["forex_fee_fraction"] + told["slippage_fraction"]
        costs = {**dict.fromkeys(coins, coin_cost), **dict.fromkeys(pairs, pair_cost)}
        oldest_s = told["max_execution_time_seconds"]
        self.prepare([coins[0], *pairs, coins[1]], costs, field="entry.parameters.crypto_pairs", oldest_s=oldest_s)

    @property
    def threshold(self) -> float:
        return float(self.parameters["min_profit_threshold"])

    def is_blocked(self, quotes: Mapping[str, Quote], bar: Bar, others: Mapping[str, Bar]) -> str:
        bars = {self.own: bar, **others}
        for pair in self.parameters["forex_pairs"]:
            if quotes[pair].ask / quotes[pair].bid - 1 > self.parameters["max_conversion_spread"]:
                return f"the spread of {pair} is too wide"
        for coin in self.parameters["crypto_pairs"]:
            if coin in bars and bars[coin].high / bars[coin].low - 1 > self.parameters["max_crypto_volatility"]:
                return f"{coin} moves too much"
        return ""
