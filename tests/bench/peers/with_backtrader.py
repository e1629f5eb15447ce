"""backtrader: ``bars.npz stop_pips target_pips spread_pips first`` -> one line of JSON."""

import json
import sys
import time

import backtrader as bt
import numpy as np
import pandas as pd

data = np.load(sys.argv[1])
STOP, TARGET, SPREAD = (float(word) * 1e-4 for word in sys.argv[2:5])
frame = pd.DataFrame(
    {name: data[name] for name in ("open", "high", "low", "close")} | {"volume": 1.0},
    index=pd.to_datetime(data["time"], unit="s"),
)


class Cross(bt.Strategy):
    def __init__(self):
        self.cross = bt.ind.CrossOver(bt.ind.EMA(period=20), bt.ind.EMA(period=50))
        self.orders, self.count = [], 0

    def notify_trade(self, trade):
        self.count += trade.isclosed

    def next(self):
        side = self.cross[0]
        if not side:
            return
        for order in self.orders:
            if order.alive():
                self.cancel(order)
        if self.position:
            self.close()
        price, bracket = self.data.close[0], self.buy_bracket if side > 0 else self.sell_bracket
        self.orders = bracket(
            size=1000, exectype=bt.Order.Market, stopprice=price - side * STOP, limitprice=price + side * TARGET
        )


started = time.perf_counter()
cerebro = bt.Cerebro(stdstats=False)
cerebro.broker.setcash(1_000_000)
cerebro.broker.set_slippage_fixed(SPREAD / 2)
cerebro.adddata(bt.feeds.PandasData(dataname=frame))
cerebro.addstrategy(Cross)
(strategy,) = cerebro.run()
print(json.dumps({"seconds": time.perf_counter() - started, "trades": strategy.count, "rows": []}))
