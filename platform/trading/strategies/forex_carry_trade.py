"""Carry trade."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from trading.engine.source import CLOSE_BUYS, CLOSE_SELLS, Wish
from trading.model.bars import Bar
from trading.strategies.base import NOTHING, BaseStrategy
from trading.strategies.folds import Rsi, Window, correlation, deviation, mean
from trading.strategies.pair import currencies_of
from trading.strategies.specs.forex import CARRY_TRADE

_DAY_S = 86400
_MAJORS = frozenset(("USD", "EUR", "JPY", "GBP", "CHF", "AUD", "CAD", "NZD"))


class Dated:
    """Values of currencies, each in force from its day on."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.days = {name: [_epoch_day(row["from"]) for row in rows] for name, rows in table.items()}
        self.values = {name: [float(row["percent"]) for row in rows] for name, rows in table.items()}

    def at(self, name: str, time_s: int) -> float | None:
        """Return the value in force at ``time_s``, or None where none is known yet."""
        place = bisect_right(self.days.get(name, []), time_s // _DAY_S) - 1
        return self.values[name][place] if place >= 0 else None


class ForexCarryTradeStrategy(BaseStrategy):
    """
    Holds the currency that pays more while the market is calm; daily bars only.

    d = rate of the base - rate of the quote [percentage points]. Rates score = .7 * min(|d| / 5, 1) + .3 * (largest risk - risk) / largest
    risk, and must be .5. Gates: deviation of returns at most ``max_volatility``, RSI neutral. Technical score = .4 * max(0, 1 - 10 *
    distance to the average) + .3 * (1 - |RSI - centre| / half width) + .3 * (1 - deviation / maximum). Final = (w * rates + (1 - w) *
    technical) * a, a = 1 on the carry side of the average, else .3; a signal above .6 in the direction of d.
    Nothing for ``min_holding_days`` after a signal; then out where the rates no longer pay or have turned, else in again where a stop
    took it out. The broker's own swap, where given, must not cost money. A symbol too alike with one of ``held_symbols`` is not entered.

    Source: GeneBot 1.1.35, `forex_carry_trade_strategy.py` (logic), read in our own words; see the spec for what was mended.
    """

    spec = CARRY_TRADE
    memory = ("window", "rsi", "side", "entered_s", "alike", "last_closes")

    def start(self) -> None:
        told = self.parameters
        self.base, self.quote = currencies_of(self.instrument)
        self.rates, self.risks = Dated(told["rates"]), Dated(told["risk_scores"])
        self.other_symbols = tuple(symbol for symbol in told["held_symbols"] if symbol != self.instrument.name)
        self.window = Window(max(told["trend_period"], told["volatility_period"] + 1))
        self.rsi = Rsi(told["rsi_period"])
        self.side = 0
        self.entered_s: int | None = None
        self.last_closes: dict[str, float] = {}
        self.alike: dict[str, list[list[float]]] = {symbol: [] for symbol in self.other_symbols}
        self.warm_up(window=self.window.length, folds=[("RSI", told["rsi_period"])])

    def on_bar(self, bar: Bar, others: Mapping[str, Bar]) -> Wish:
        self.window.update(bar)
        rsi = self.rsi.update(bar.close)
        self._fold_returns(bar, others)
        if not self.is_warm:
            return NOTHING
        differential, score = self._rates_score(bar.time)
        if self.side:
            held_s = bar.time - (self.entered_s or 0)
            if held_s < self.parameters["min_holding_days"] * _DAY_S:
                return NOTHING
            if differential * self.side < self.parameters["min_rate_differential"]:
                return self._leave(differential)
        side = 1 if differential > 0 else -1
        final = self._final(bar, rsi, side, score)
        if final <= 0.6 or self._costs_swap(side) or self._is_alike():
            return NOTHING
        self.side, self.entered_s = side, bar.time
        return Wish(side=side, confidence=min(final, 1.0), reason=self._reason(side, differential, bar.close))

    def _leave(self, differential: float) -> Wish:
        closes = CLOSE_BUYS if self.side > 0 else CLOSE_SELLS
        self.side, self.entered_s = 0, None
        return Wish(closes=closes, reason=f"the rates differ by {differential:.2f} points only")

    def _rates_score(self, time_s: int) -> tuple[float, float]:
        told = self.parameters
        base, quote = self.rates.at(self.base, time_s), self.rates.at(self.quote, time_s)
        if base is None or quote is None:
            return 0.0, 0.0
        differential = base - quote
        risk = mean([self._risk(self.base, time_s), self._risk(self.quote, time_s)])
        if abs(differential) < told["min_rate_differential"] or risk > told["max_risk_score"]:
            return differential, 0.0
        spare = (told["max_risk_score"] - risk) / told["max_risk_score"]
        return differential, 0.7 * min(abs(differential) / 5, 1.0) + 0.3 * spare

    def _risk(self, currency: str, time_s: int) -> float:
        known = self.risks.at(currency, time_s)
        return known if known is not None else (1.0 if currency in _MAJORS else 2.0)

    def _final(self, bar: Bar, rsi: float, side: int, score: float) -> float:
        told = self.parameters
        closes = self.window.close[-told["volatility_period"] - 1 :]
        returns = [now / before - 1 for before, now in pairwise(closes)]
        spread = deviation(returns, mean(returns))
        low, high = told["rsi_neutral_min"], told["rsi_neutral_max"]
        if score < 0.5 or spread > told["max_volatility"] or not low < rsi < high:
            return 0.0
        average = mean(self.window.close[-told["trend_period"] :])
        centre, half = (low + high) / 2, (high - low) / 2
        technical = 0.4 * max(0.0, 1 - 10 * abs(bar.close - average) / average)
        technical += 0.3 * (1 - abs(rsi - centre) / half) + 0.3 * (1 - spread / told["max_volatility"])
        weight = told["swap_importance"]
        along = 1.0 if side * (bar.close - average) >= 0 else 0.3
        return float((weight * score + (1 - weight) * technical) * along)

    def _costs_swap(self, side: int) -> bool:
        long, short = self.parameters["long_swap_points"], self.parameters["short_swap_points"]
        return bool((long or short) and (long if side > 0 else short) < 0)

    def _fold_returns(self, bar: Bar, others: Mapping[str, Bar]) -> None:
        before, closes = self.last_closes, {symbol: other.close for symbol, other in others.items()}
        for symbol, pairs in self.alike.items():
            if symbol in closes and symbol in before and "" in before:
                # Returns of the same day only: both closed at this moment, and both at the one before.
                pairs.append([math.log(bar.close / before[""]), math.log(closes[symbol] / before[symbol])])
                del pairs[: -self.parameters["volatility_period"]]
        self.last_closes = {"": bar.close, **{symbol: closes[symbol] for symbol in self.alike if symbol in closes}}

    def _is_alike(self) -> bool:
        enough = self.parameters["volatility_period"]
        for pairs in self.alike.values():
            # Too few common days: unknown counts as alike.
            if len(pairs) < enough:
                return True
            own, other = zip(*pairs, strict=True)
            if abs(correlation(own, other)) > self.parameters["correlation_threshold"]:
                return True
        return False

    def _reason(self, side: int, differential: float, price: float) -> str:
        swap_pips = side * differential / 100 / 365 * price / float(self.instrument.pip_size)
        return f"rates differ by {differential:+.2f} points, about {swap_pips:.2f} pips a night"


def _epoch_day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days
