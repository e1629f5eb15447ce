"""Bars per second of the backtest on a million random bars: the signals, the loop, and a whole run."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.unit.trading.making import cross_rules, random_bars
from trading import jit
from trading.backtest.run import Costs, run
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument

BARS = 1_000_000
DOCUMENTS = {
    "EMA 20/50, stop 50, target 100": cross_rules("EMA_20", "EMA_50", exit={"stopLoss": 50, "takeProfit": 100}),
    "all rules": cross_rules(
        "EMA_20",
        "EMA_50",
        exit={"stopLoss": 10, "takeProfit": 20, "trailingStop": True, "trailingStopDistance": 8},
        risk={"maxRisk": 1, "maxDailyLoss": 5},
        filters={"timeRange": {"start": "07:00", "end": "21:00", "timezone": "Europe/Berlin"}},
    ),
}


def main() -> None:
    """Measure and print; the best of five runs each."""
    bars = random_bars(1, BARS, volatility_ticks=8)
    way = "machine code" if jit.is_available() else "plain Python"
    for name, document in DOCUMENTS.items():
        started = time.perf_counter()
        trades = len(_run(bars, document).trades)
        first = time.perf_counter() - started
        best = _best_s(lambda document=document: _run(bars, document))
        print(f"{name} ({way}): {BARS / best / 1e6:.1f}M bars/s, {trades} trades, first run {first:.2f} s")
    small = bars.part(0, 50_000)
    best = _best_s(lambda: _run(small, DOCUMENTS["all rules"], plain=True), repeat=2)
    print(f"all rules (plain Python): {len(small) / best / 1e3:.0f}k bars/s")


def _run(bars: Bars, document: dict[str, Any], *, plain: bool = False) -> Any:
    return run(bars, document, typical_instrument("EURUSD"), Costs(Decimal("0.8")), Decimal(1_000_000), plain=plain)


def _best_s(function: Callable[[], Any], repeat: int = 5) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return min(times)


if __name__ == "__main__":
    main()
