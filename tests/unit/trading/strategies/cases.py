"""For every strategy of the catalogue a market in which it trades."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tests.unit.trading.making import MONDAY, random_bars
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe
from trading.strategies.base import BaseStrategy
from trading.strategies.registry import build


@dataclass(frozen=True)
class Case:
    """A strategy with parameters, on bars of one instrument and of others beside it."""

    name: str
    bars: Bars
    parameters: Mapping[str, Any] = field(default_factory=dict)
    symbol: str = "EURUSD"
    others: Mapping[str, Bars] = field(default_factory=dict)

    def build(self) -> BaseStrategy:
        return build(self.name, self.parameters, typical_instrument(self.symbol), self.bars.timeframe)


def with_volume(bars: Bars, seed: int = 3) -> Bars:
    volume = np.random.default_rng(seed).integers(50, 500, len(bars)).astype(float)
    return Bars(bars.timeframe, bars.time, bars.open, bars.high, bars.low, bars.close, volume, bars.spread_points)


def walk(seed: int, count: int, timeframe: Timeframe, volatility_ticks: float = 40.0) -> Bars:
    return with_volume(random_bars(seed, count, timeframe=timeframe, volatility_ticks=volatility_ticks))


def waves(count: int, timeframe: Timeframe) -> Bars:
    """A market that swings every 24 bars, with noise: something can be learned of it."""
    random = np.random.default_rng(15)
    close = np.round(1.1 + 0.004 * np.sin(np.arange(count) * 2 * np.pi / 24) + random.normal(0, 0.0003, count), 5)
    open_ = np.concatenate(([close[0]], close[:-1]))
    rows = zip(open_, np.maximum(open_, close) + 0.0002, np.minimum(open_, close) - 0.0002, close, strict=True)
    return with_volume(
        Bars.from_rows(timeframe, [(MONDAY + timeframe.seconds * i, *row) for i, row in enumerate(rows)])
    )


def from_closes(closes: list[float], timeframe: Timeframe = Timeframe.M1, start: int = MONDAY) -> Bars:
    rows = [(start + timeframe.seconds * i, close, close, close, close) for i, close in enumerate(closes)]
    return Bars.from_rows(timeframe, rows)


def bumped(base: float, count: int, seed: int, digits: int = 5) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.round(base * np.exp(np.cumsum(random.normal(0, 2e-5, count))), digits)


def triangle(count: int = 300) -> dict[str, Bars]:
    """EURUSD, USDJPY and an EURJPY that now and then leaves their product."""
    euro, yen = bumped(1.1, count, 1), bumped(150.0, count, 2, 3)
    factor = np.ones(count)
    factor[60:80], factor[150:170] = 1.01, 0.99
    cross = np.round(euro * yen * factor, 3)
    closes = {"EURUSD": euro, "USDJPY": yen, "EURJPY": cross}
    return {symbol: from_closes(list(values)) for symbol, values in closes.items()}


def coin(count: int = 300) -> dict[str, Bars]:
    dollars, euro = bumped(60_000.0, count, 5, 2), bumped(1.1, count, 6)
    factor = np.ones(count)
    factor[50:70], factor[200:220] = 1.012, 0.988
    closes = {"BTCUSD": dollars, "EURUSD": euro, "BTCEUR": np.round(dollars / euro * factor, 2)}
    return {symbol: from_closes(list(values)) for symbol, values in closes.items()}


def venues(count: int = 300) -> dict[str, Bars]:
    here = bumped(1.1, count, 8)
    factor = np.ones(count)
    factor[40:60], factor[120:140] = 1.007, 0.993
    return {"EURUSD": from_closes(list(here)), "EURUSD.b": from_closes(list(np.round(here * factor, 5)))}


def _rates(value: float) -> list[dict[str, Any]]:
    return [{"from": "2020-01-01", "percent": value}]


def _events(bars: Bars, every: int) -> list[dict[str, Any]]:
    events = []
    for place in range(every, len(bars), every):
        moment = datetime.fromtimestamp(int(bars.time[place]) + 30, UTC).isoformat()
        figures = {"forecast": 1.0, "previous": 0.8, "actual": 1.2 if place % 2 else 0.7}
        events.append({"currency": "USD", "title": "Retail Sales", "impact": "high", "time": moment, **figures})
    return events


def make_cases() -> list[Case]:
    """Return one case per strategy of the catalogue, and one more per way of trading the news."""
    hours = walk(11, 900, Timeframe.H1)
    news = walk(12, 700, Timeframe.M5)
    three, coins, two = triangle(), coin(), venues()
    days = walk(13, 600, Timeframe.D1)
    carry = {"rates": {"EUR": _rates(5.0), "USD": _rates(1.0)}}
    learn = {
        "lookback_period": 200,
        "trees": 5,
        "retrain_frequency": 300,
        "prediction_threshold": 0.5,
        "min_confidence": 0.5,
    }
    ways = [
        Case("ForexNewsStrategy", news, {"events": _events(news, 40), "news_strategy": way, "breakout_multiplier": 0.2})
        for way in ("pre_news", "post_news", "breakout", "fade")
    ]
    return [
        Case("MikrobotStrategy", walk(21, 900, Timeframe.M1, 18.0)),
        Case("MovingAverageStrategy", hours),
        Case("RSIStrategy", hours),
        Case("MeanReversionStrategy", hours),
        Case("MultiIndicatorStrategy", hours),
        Case("AdvancedMomentumStrategy", hours, {"momentum_threshold": 0.2, "roc_threshold": 0.1}),
        Case("ATRVolatilityStrategy", hours),
        Case("MLPatternStrategy", waves(560, Timeframe.H1), learn),
        Case("ForexCarryTradeStrategy", days, carry),
        Case("ForexSessionStrategy", hours),
        *ways,
        Case(
            "CrossMarketArbitrageStrategy",
            two["EURUSD"],
            {"other_symbol": "EURUSD.b"},
            others={"EURUSD.b": two["EURUSD.b"]},
        ),
        *(
            Case("TriangularArbitrageStrategy", bars, symbol=own, others={k: v for k, v in three.items() if k != own})
            for own, bars in three.items()
        ),
        Case(
            "CryptoForexArbitrageStrategy",
            coins["BTCUSD"],
            symbol="BTCUSD",
            others={k: v for k, v in coins.items() if k != "BTCUSD"},
        ),
    ]


CASES = make_cases()


def label(case: Case) -> str:
    way = case.parameters.get("news_strategy")
    return f"{case.name}-{case.symbol}{f'-{way}' if way else ''}"
