"""How fast the simulated market goes with one program that waits for every bar, and what a call costs (median)."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator import mt5
from tests.simulation import PASSWORD, running_simulator

BARS = 3_000
CALLS = 100
# a Monday, shortly after the market has opened
START = "2026-01-05T00:10:00Z"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, running_simulator(Path(folder), speed="max", start=START) as running:
        running.open_account()
        assert mt5.initialize(running.address, login=running.login, password=PASSWORD), mt5.last_error()
        print(f"bars with one subscriber: {_measure_bars():.0f}/s")
        for name, call in _list_calls().items():
            print(f"{name}: {_measure_call(call):.2f} ms")
        mt5.shutdown()


def _measure_bars() -> float:
    mt5.sim_subscribe("EURUSD", mt5.TIMEFRAME_M1)
    started, seen = time.perf_counter(), 0
    while seen < BARS:
        for symbol, timeframe, opened in mt5.sim_wait(10.0)["closed"]:
            assert mt5.copy_rates_from_pos(symbol, timeframe, 1, 1)[0]["time"] == opened
            mt5.sim_ack(opened, symbol, timeframe)
            seen += 1
    return seen / (time.perf_counter() - started)


def _list_calls() -> dict[str, Callable[[], Any]]:
    return {
        "symbol_info_tick": lambda: mt5.symbol_info_tick("EURUSD"),
        "account_info": mt5.account_info,
        "positions_get": mt5.positions_get,
        "copy_rates_from_pos, 500 bars": lambda: mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 500),
        "order_send (on the disk)": lambda: mt5.order_send({"action": 1, "symbol": "EURUSD", "volume": 0.01}),
    }


def _measure_call(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        assert call() is not None
        times.append(time.perf_counter() - started)
    return sorted(times)[len(times) // 2] * 1000


if __name__ == "__main__":
    main()
