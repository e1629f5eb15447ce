"""vectorbt: ``bars.npz stop_pips target_pips spread_pips first [pairs]`` -> one line of JSON; its engine in Rust."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
import vectorbt as vbt

warnings.filterwarnings("ignore")
data = np.load(sys.argv[1])
STOP, TARGET, SPREAD = (float(word) * 1e-4 for word in sys.argv[2:5])
FIRST, PAIRS = int(sys.argv[5]), int(sys.argv[6]) if len(sys.argv) > 6 else 0
index = pd.to_datetime(data["time"], unit="s")
close = pd.Series(data["close"], index)


def find_signals(pairs):
    entries, exits = (np.zeros((len(close), len(pairs)), bool) for _ in range(2))
    for column, (fast, slow) in enumerate(pairs):
        above = (
            close.ewm(span=fast, adjust=False).mean().to_numpy() > close.ewm(span=slow, adjust=False).mean().to_numpy()
        )
        entries[1:, column] = above[:-1] & ~np.roll(above, 1)[:-1]
        exits[1:, column] = ~above[:-1] & np.roll(above, 1)[:-1]
    entries[:FIRST] = exits[:FIRST] = False
    return entries, exits


def run(engine, pairs):
    entries, exits = find_signals(pairs)
    folio = vbt.Portfolio.from_signals(
        close,
        entries=entries if len(pairs) > 1 else entries[:, 0],
        short_entries=exits if len(pairs) > 1 else exits[:, 0],
        price=data["open"] if len(pairs) == 1 else data["open"][:, None],
        size=1000,
        slippage=SPREAD / 2 / 1.1,
        open=data["open"] if len(pairs) == 1 else data["open"][:, None],
        high=data["high"] if len(pairs) == 1 else data["high"][:, None],
        low=data["low"] if len(pairs) == 1 else data["low"][:, None],
        sl_stop=STOP / data["open"] if len(pairs) == 1 else (STOP / data["open"])[:, None],
        tp_stop=TARGET / data["open"] if len(pairs) == 1 else (TARGET / data["open"])[:, None],
        init_cash=1_000_000,
        freq="1min",
        engine=engine,
    )
    return len(folio.trades.records_arr if hasattr(folio.trades, "records_arr") else folio.trades.values)


pairs = [(20, 50)] if not PAIRS else [(fast, fast + gap) for fast in range(5, 25) for gap in range(5, 55)][:PAIRS]
best, count = float("inf"), 0
run("rust", pairs[:20])
for _ in range(3):
    started = time.perf_counter()
    count = sum(run("rust", pairs[place : place + 20]) for place in range(0, len(pairs), 20))
    best = min(best, time.perf_counter() - started)
print(json.dumps({"seconds": best, "trades": count, "engine": "rust", "rows": []}))
