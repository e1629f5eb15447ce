"""On real bars: the agent's runner, plain Python and machine code do the same trades."""

from dataclasses import asdict
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.trading.making import cross_rules
from tests.unit.trading.paper import PaperTerminal
from trading.backtest.run import Costs, run
from trading.engine.runner import StrategyRunner
from trading.model.instruments import typical_instrument
from trading.model.timeframe import Timeframe

_BESIDE = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[5:]]
SHARED = next((folder for folder in _BESIDE if folder.is_dir()), _BESIDE[0])

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data"),
]


@pytest.mark.parametrize(
    ("name", "pips"), [("EURUSD_M5_2026", 1), ("USDJPY_M5_2026", 1), ("XAUUSD_M5_2026", 3), ("US30_M5_2026", 4)]
)
def test_three_ways_one_list_of_trades(name, pips):
    from trading.data.files import read_bars

    symbol = name.split("_")[0]
    instrument = typical_instrument(symbol)
    bars = read_bars((SHARED / f"{name}.csv").open("rb")).bars.part(0, 4000)
    document = cross_rules(
        "EMA_8",
        "SMA_21",
        exit={"stopLoss": 20 * pips, "takeProfit": 35 * pips, "trailingStop": True, "trailingStopDistance": 12 * pips},
        risk={"lotSize": 3, "maxRisk": 0.5, "maxDailyLoss": 4},
        filters={"timeRange": {"start": "07:00", "end": "21:00", "timezone": "Europe/Berlin"}},
    )
    costs = Costs(Decimal(pips) / 2)

    plain, fast = (run(bars, document, instrument, costs, Decimal(50_000), plain=way) for way in (True, False))
    runner = StrategyRunner(document=document, instrument=instrument, timeframe=Timeframe.M5)
    spread = Decimal(pips) / 2 * instrument.pip_size
    lived = PaperTerminal(runner, instrument, spread=spread, balance=Decimal(50_000)).play(bars)

    assert plain.trades == fast.trades
    assert [asdict(trade) for trade in plain.trades] == [asdict(trade) for trade in lived]
    assert len({trade.exit_reason for trade in lived}) >= 3
