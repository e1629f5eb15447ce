"""
The backtest's speed on a million random minutes, beside the least a loop can be and beside its peers; all ratios from one run.

The peers are installed once into a folder of their own (`MIKROBOT_PEERS`, by default in the user's cache); one that cannot be is said so.
"""

from __future__ import annotations

import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.peers.minimal import make_loop
from tests.unit.trading.making import cross_rules, random_bars
from trading import jit
from trading.backtest.run import Costs, Result, run
from trading.backtest.sweep import run_grid
from trading.data.files import read_bars
from trading.engine.runner import Book, Facts, StrategyRunner
from trading.model.bars import Bars
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

BARS, SWEEP_BARS, PEER_BARS, RULES = 1_000_000, 100_000, 100_000, 100
EURUSD, BALANCE = typical_instrument("EURUSD"), Decimal(1_000_000)
PEERS = {
    "vectorbt": ("vectorbt", "vectorbt-rust"),
    "backtesting": ("backtesting",),
    "backtrader": ("backtrader", "numpy", "pandas"),
    "nautilus": ("nautilus_trader", "numpy", "pandas"),
}
FOLDER = Path(__file__).parent / "peers"
REAL_BARS = Path(__file__).parents[3] / "shared/data/EURUSD_H1_2012_2020.csv"


def main() -> None:
    """Measure and print."""
    if not jit.is_available():
        print("numba is not installed: there is nothing to measure")
        return
    bars = random_bars(1, BARS, volatility_ticks=8)
    peers = Peers()
    _measure_first_call(bars)
    for stop, target in ((50, 100), (10, 20)):
        _compare(bars, stop, target, peers)
    _check_trades(bars.part(0, PEER_BARS), peers)
    _check_file(peers)
    _sweep(bars.part(0, SWEEP_BARS), peers)
    _measure_memory(bars)
    _measure_decision(bars.part(0, 3000))


def make_rules(fast: int, slow: int, stop: float, target: float) -> dict[str, Any]:
    """Return two averages that cross, one position at a time."""
    exit_ = {"stopLoss": stop, "takeProfit": target}
    return cross_rules(f"EMA_{fast}", f"EMA_{slow}", exit=exit_, risk={"maxOpenTrades": 1})


def _run(bars: Bars, stop: float, target: float, spread: str = "1") -> Result:
    return run(bars, make_rules(20, 50, stop, target), EURUSD, Costs(Decimal(spread)), BALANCE, plain=False)


def _measure_first_call(bars: Bars) -> None:
    """A process that has imported the package runs its first backtest: whatever is loaded at that moment is part of the figure."""
    code = (
        "import sys, time; from tests.bench.bench_backtest import *; from tests.bench.bench_backtest import _run\n"
        "bars = random_bars(1, 200_000, volatility_ticks=8); assert not {'numba', 'llvmlite'} & set(sys.modules)\n"
        "started = time.perf_counter(); _run(bars, 50, 100); first = time.perf_counter()\n"
        "_run(bars, 50, 100); again = time.perf_counter(); print(first - started, again - first, 'numba' in sys.modules)"
    )
    _run(bars, 50, 100)
    told = [_tell(code) for _ in range(5)]
    first_s, again_s = (statistics.median(float(words[place]) for words in told) for place in (0, 1))
    loads = "loads numba" if told[0][2] == "True" else "does not load numba"
    print(
        f"first call of a new process, machine code from the cache: {first_s:.3f} s (target 0.2), all it loads included;"
        f" the second {again_s:.4f} s; it {loads} (median of {len(told)} processes, 200,000 bars)"
    )


def _tell(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def _compare(bars: Bars, stop: int, target: int, peers: Peers) -> None:
    least = _make_minimal(bars, stop, target)
    ours = [least, lambda: _run(bars, stop, target), lambda: _run(bars, stop, target).equity]
    low, mine, with_equity = _medians(ours)
    count = len(_run(bars, stop, target).trades)
    print(f"\nstop {stop}, target {target} pips, {BARS:,} bars")
    print(f"  minimal loop        {BARS / low / 1e6:8.1f}M bars/s  {least():>7} trades")
    print(
        f"  ours                {BARS / mine / 1e6:8.1f}M bars/s  {count:>7} trades  {low / mine:6.2f} x the minimal loop (target 0.6)"
    )
    print(f"  ours, with equity   {BARS / with_equity / 1e6:8.1f}M bars/s {'':16} {low / with_equity:6.2f} x")
    for name, size in (
        ("vectorbt", BARS),
        ("backtesting", PEER_BARS),
        ("backtrader", PEER_BARS),
        ("nautilus", PEER_BARS),
    ):
        told = peers.ask(name, bars.part(0, size), stop, target, "1")
        if told is not None:
            rate = size / told["seconds"]
            print(
                f"  {name + ' ' + told.get('engine', ''):<19} {rate / 1e6:8.3f}M bars/s  {told['trades']:>7} trades  ours {BARS / mine / rate:8.1f} x"
            )
            expected = len(_run(bars.part(0, size), stop, target).trades)
            print(f"  {'':19} on {size:,} bars ours has {expected} trades")


def _make_minimal(bars: Bars, stop: int, target: int) -> Callable[[], int]:
    loop = make_loop()
    ints, floats = np.zeros((len(bars) // 2, 4), np.int64), np.zeros((len(bars) // 2, 3))
    distances = (stop * 1e-4, target * 1e-4, 1e-4)
    return lambda: loop(bars.open, bars.high, bars.low, bars.close, 20, 50, *distances, ints, floats)


def _medians(functions: list[Callable[[], Any]], repeat: int = 15) -> list[float]:
    for function in functions:
        function()
    times: list[list[float]] = [[] for _ in functions]
    # In turns, so that whatever else the machine does falls on all of them.
    for _ in range(repeat):
        for place, function in enumerate(functions):
            started = time.perf_counter()
            function()
            times[place].append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def _check_trades(bars: Bars, peers: Peers) -> None:
    """Market orders alone, no stop near, no spread: here the models agree, so every trade has to; what the end closes is each one's own."""
    told = peers.ask("backtesting", bars, 0, 0, "0")
    if told is None:
        return
    far = cross_rules("EMA_20", "EMA_50", exit={"stopLoss": 5000})
    ours = run(bars, far, EURUSD, Costs(), BALANCE, plain=False)
    columns = ours.trades.columns()
    mine = list(zip(columns.opened_bar.tolist(), columns.closed_bar.tolist(), columns.side.tolist(), strict=True))[:-1]
    theirs = [(int(row[0]), int(row[1]), 1 if row[2] > 0 else -1) for row in told["rows"]][:-1]
    prices = [(row[3], row[4]) for row in told["rows"]]
    same = sum(a == b for a, b in zip(mine, theirs, strict=False))
    off = max(
        (
            abs(a - b[0]) + abs(c - b[1])
            for a, c, b in zip(columns.entry_price[:-1], columns.exit_price, prices, strict=False)
        ),
        default=0.0,
    )
    print(
        f"\ntrades beside backtesting.py: {same} of {len(mine)} equal in bars and side (it has {len(theirs)}); prices differ by at most {off:.1e}"
    )


def _check_file(peers: Peers) -> None:
    """`manage.py backtest` on real hours, market orders alone: every trade is that of backtesting.py, but for the end of the data."""
    if not REAL_BARS.exists():
        print(f"\nreal hours: {REAL_BARS.name} is not here")
        return
    with REAL_BARS.open("rb") as file:
        bars = read_bars(file).bars
    told = peers.ask("backtesting", bars, 0, 0, "0")
    if told is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        rules, out = Path(folder) / "rules.json", Path(folder) / "out.json"
        rules.write_text(json.dumps(cross_rules("EMA_20", "EMA_50", exit={"stopLoss": 5000})))
        words = [
            "--rules",
            rules,
            "--data",
            REAL_BARS,
            "--symbol",
            "EURUSD",
            "--timeframe",
            "H1",
            "--spread",
            "0",
            "--json",
            out,
        ]
        root = Path(__file__).parents[2]
        command = [sys.executable, root / "manage.py", "backtest", *words, "--balance", "1000000"]
        subprocess.run([str(word) for word in command], check=True, capture_output=True, cwd=root)
        trades = json.loads(out.read_text())["trades"]
    bar_at = {at.isoformat(): bar for bar, at in enumerate(datetime.fromtimestamp(s, UTC) for s in bars.time.tolist())}

    def find(text: str) -> int:
        return bar_at.get(datetime.fromisoformat(text).isoformat(), len(bars))

    mine = [
        (find(t["opened_at"]), find(t["closed_at"]), t["side"], float(t["entry_price"]), float(t["exit_price"]))
        for t in trades
    ]
    theirs = [(int(r[0]), int(r[1]), "BUY" if r[2] > 0 else "SELL", r[3], r[4]) for r in told["rows"]]
    same = sum(
        a[:3] == b[:3] and abs(a[3] - b[3]) + abs(a[4] - b[4]) < 1e-9 for a, b in zip(mine, theirs, strict=False)
    )
    print(
        f"\nmanage.py backtest on {REAL_BARS.name} ({len(bars):,} bars): {same} of {len(mine)} trades equal backtesting.py's {len(theirs)} in bars, side and prices"
    )
    for place, (a, b) in enumerate(zip(mine, theirs, strict=False)):
        if a != b and not (a[:3] == b[:3] and abs(a[3] - b[3]) + abs(a[4] - b[4]) < 1e-9):
            print(f"  trade {place}: ours {a}, theirs {b}")


def _sweep(bars: Bars, peers: Peers) -> None:
    pairs = [(fast, fast + gap) for fast in range(5, 25) for gap in range(5, 55)]
    documents = [make_rules(fast, slow, 50, 100) for fast, slow in pairs]
    run_grid(bars, documents[:4], EURUSD, Costs(Decimal(1)), BALANCE)
    took = math.inf
    # The best of three, as the peer's.
    for _ in range(3):
        started = time.perf_counter()
        found = run_grid(bars, documents, EURUSD, Costs(Decimal(1)), BALANCE)
        took = min(took, time.perf_counter() - started)
    singles = [len(run(bars, documents[at], EURUSD, Costs(Decimal(1)), BALANCE).trades) for at in range(0, 1000, 97)]
    print(
        f"\nsweep of {len(pairs)} pairs over {len(bars):,} bars: {len(pairs) / took:,.0f} runs/s; every 97th equals its single run: {singles == found.trades[::97].tolist()}"
    )
    told = peers.ask("vectorbt", bars, 50, 100, "1", "60")
    if told is not None:
        rate = 60 / told["seconds"]
        print(
            f"  vectorbt {told['engine']} (60 of them): {rate:,.0f} runs/s, ours {len(pairs) / took / rate:,.0f} x (target 50)"
        )


def _measure_memory(bars: Bars) -> None:
    size = sum(
        column.nbytes
        for column in (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.spread_points)
    )
    code = (
        "import resource; from tests.bench.bench_backtest import *; from tests.bench.bench_backtest import _run\n"
        "_run(random_bars(1, 200_000, volatility_ticks=8), 50, 100).equity\n"
        "bars = random_bars(2, BARS, volatility_ticks=8)\n"
        "import gc; gc.collect()\n"
        "def now(): return int(open('/proc/self/statm').read().split()[1]) * resource.getpagesize()\n"
        "before = now(); result = _run(bars, 50, 100); result.equity; print(now() - before)"
    )
    if not Path("/proc/self/statm").exists():
        return
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    print(
        f"\nmemory a run with equity adds: {int(done.stdout) / size:.2f} x the bars of {size / 1e6:.0f} MB (target: 3 with the bars)"
    )
    print(f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def _measure_decision(bars: Bars) -> None:
    runners = [
        StrategyRunner(document=make_rules(20, 50, 50, 100), instrument=EURUSD, timeframe=Timeframe.M1)
        for _ in range(RULES)
    ]
    for runner in runners:
        runner.warm_up(bars.part(0, 2000))
    book = Book(BALANCE, BALANCE, BALANCE, 0, (), Decimal("1.1"), Decimal("1.1001"))
    times = []
    for bar in bars.part(2000, 2200):
        started = time.perf_counter()
        for runner in runners:
            runner.on_bar(bar, book, Facts())
        times.append(time.perf_counter() - started)
    print(f"\nthe agent's decision on a bar, {RULES} rules: median {statistics.median(times) * 1000:.2f} ms (target 2)")


class Peers:
    """Pythons of their own with the peers installed."""

    def __init__(self) -> None:
        default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mikrobot-peers"
        self.home = Path(os.environ.get("MIKROBOT_PEERS", default))
        self._refused: set[str] = set()

    def ask(self, name: str, bars: Bars, *words: Any) -> dict[str, Any] | None:
        """Run a peer's script over bars; None, and a line that says so, where it cannot be had."""
        python = self._install(name)
        if python is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bars.npz"
            np.savez(path, time=bars.time, open=bars.open, high=bars.high, low=bars.low, close=bars.close)
            first = StrategyRunner(document=make_rules(20, 50, 50, 100), instrument=EURUSD, timeframe=Timeframe.M1)
            spread, rest = words[2], words[3:]
            command = [
                python,
                FOLDER / f"with_{name}.py",
                path,
                words[0],
                words[1],
                spread,
                first.first_signal_bars,
                *rest,
            ]
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode:
            print(f"  {name}: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}")
            return None
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def _install(self, name: str) -> Path | None:
        home = self.home / name
        python = home / "bin" / "python"
        if name in self._refused:
            return None
        if not (home / "ready").exists():
            commands = [[sys.executable, "-m", "venv", home], [python, "-m", "pip", "install", "-q", *PEERS[name]]]
            for command in commands:
                done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
                if done.returncode:
                    print(f"  {name} is not here: {(done.stderr or 'it cannot be installed').strip().splitlines()[-1]}")
                    self._refused.add(name)
                    return None
            (home / "ready").touch()
        return python


if __name__ == "__main__":
    main()
