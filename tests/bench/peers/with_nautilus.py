"""nautilus_trader: ``bars.npz stop_pips target_pips spread_pips first`` -> one line of JSON. Bid and ask bars, bracket orders."""

import json
import sys
import time
from decimal import Decimal

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.indicators import ExponentialMovingAverage
from nautilus_trader.model import BarType, Money, Venue
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

data = np.load(sys.argv[1])
STOP, TARGET, SPREAD = (float(word) * 1e-4 for word in sys.argv[2:5])
FIRST = int(sys.argv[5])
venue = Venue("SIM")
instrument = TestInstrumentProvider.default_fx_ccy("EUR/USD", venue)
bids = pd.DataFrame(
    {name: data[name] for name in ("open", "high", "low", "close")},
    index=pd.to_datetime(data["time"] + 60, unit="s", utc=True),
)
bid_type, ask_type = (BarType.from_str(f"EUR/USD.SIM-1-MINUTE-{side}-EXTERNAL") for side in ("BID", "ASK"))


class Cross(Strategy):
    def __init__(self):
        super().__init__()
        self.fast, self.slow = ExponentialMovingAverage(20), ExponentialMovingAverage(50)
        self.above, self.seen = None, 0

    def on_start(self):
        self.register_indicator_for_bars(bid_type, self.fast)
        self.register_indicator_for_bars(bid_type, self.slow)
        self.subscribe_bars(bid_type)
        self.size = instrument.make_qty(1000)

    def on_bar(self, bar):
        self.seen += 1
        above, before = self.fast.value > self.slow.value, self.above
        self.above = above
        if self.seen < FIRST or above == before:
            return
        self.cancel_all_orders(instrument.id)
        self.close_all_positions(instrument.id)
        price, side = float(bar.close), 1 if above else -1
        orders = self.order_factory.bracket(
            instrument.id,
            OrderSide.BUY if above else OrderSide.SELL,
            self.size,
            sl_trigger_price=instrument.make_price(price - side * STOP),
            tp_price=instrument.make_price(price + side * TARGET),
        )
        self.submit_order_list(orders)


engine = BacktestEngine(
    BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True))
)
engine.add_venue(
    venue,
    OmsType.HEDGING,
    AccountType.MARGIN,
    [Money(1_000_000, USD)],
    base_currency=USD,
    default_leverage=Decimal(50),
)
engine.add_instrument(instrument)
engine.add_data(BarDataWrangler(ask_type, instrument).process(bids + SPREAD))
engine.add_data(BarDataWrangler(bid_type, instrument).process(bids))
engine.add_strategy(Cross())
started = time.perf_counter()
engine.run()
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "trades": len(engine.cache.positions_closed()), "rows": []}))
