"""backtesting.py: ``bars.npz stop_pips target_pips`` (0 for none) -> one line of JSON."""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

warnings.filterwarnings("ignore")
data = np.load(sys.argv[1])
STOP, TARGET, SPREAD = float(sys.argv[2]) * 1e-4, float(sys.argv[3]) * 1e-4, float(sys.argv[4]) * 1e-4
# The bar at which our averages have forgotten their seeds enough for a first signal.
FIRST = int(sys.argv[5])
frame = pd.DataFrame(
    {"Open": data["open"], "High": data["high"], "Low": data["low"], "Close": data["close"], "Volume": 1.0},
    index=pd.to_datetime(data["time"], unit="s"),
)


def ema(values, period):
    out = np.full(len(values), np.nan)
    out[period - 1] = np.mean(values[:period])
    alpha = 2.0 / (period + 1.0)
    rest = pd.Series(np.concatenate(([out[period - 1]], values[period:])))
    out[period - 1 :] = rest.ewm(alpha=alpha, adjust=False).mean().to_numpy()
    return out


class Cross(Strategy):
    def init(self):
        self.fast = self.I(ema, self.data.Close, 20)
        self.slow = self.I(ema, self.data.Close, 50)

    def next(self):
        if len(self.data) < FIRST:
            return
        now, before = self.fast[-1] - self.slow[-1], self.fast[-2] - self.slow[-2]
        price = self.data.Close[-1]
        if before <= 0 < now:
            self.buy(size=1000, sl=price - STOP if STOP else None, tp=price + TARGET if TARGET else None)
        elif before >= 0 > now:
            self.sell(size=1000, sl=price + STOP if STOP else None, tp=price - TARGET if TARGET else None)


test = Backtest(
    frame, Cross, cash=1_000_000, spread=SPREAD / 1.1, margin=0.02, exclusive_orders=True, finalize_trades=True
)
started = time.perf_counter()
stats = test.run()
seconds = time.perf_counter() - started
trades = stats["_trades"]
rows = trades[["EntryBar", "ExitBar", "Size", "EntryPrice", "ExitPrice"]].to_numpy().tolist()
print(json.dumps({"seconds": seconds, "trades": len(rows), "rows": rows if len(rows) < 5000 else []}))
