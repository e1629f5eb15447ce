"""
What `test_engine_on_simulator` leaves open: sizing by balance over midnight, a converted profit, and recorded bars with gaps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator import mt5
from tests.simulation import PASSWORD, RunningSimulator, running_simulator
from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.run import Costs, Trade, run
from trading.engine.runner import Book, Facts, HeldPosition, Intent, StrategyRunner
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.instruments import typical_instrument
from trading.model.orders import ExitReason, IntentKind, Side
from trading.model.timeframe import Timeframe

BALANCE = Decimal(10_000)
SPREAD_POINTS = 8
MAGIC = 1_000_001


def write_replay(bars: Bars, path: Path) -> Path:
    lines = [
        f"{datetime.fromtimestamp(bar.time, UTC):%Y-%m-%d %H:%M},{bar.open},{bar.high},{bar.low},{bar.close},9"
        for bar in bars
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class Trader:
    """A program at the terminal: one strategy, every closed bar once, no approvals."""

    runner: StrategyRunner
    symbol: str
    exits: dict[int, ExitReason] = field(default_factory=dict)
    first: dict[int, tuple[Decimal, Decimal | None]] = field(default_factory=dict)
    moved: set[int] = field(default_factory=set)

    def trade(self) -> None:
        rates = mt5.copy_rates_from_pos(self.symbol, mt5.TIMEFRAME_M1, 1, 5000)
        self.runner.warm_up(Bars.from_rows(Timeframe.M1, [(*row.tolist()[:6], 0) for row in rates]))
        assert mt5.sim_subscribe(self.symbol, mt5.TIMEFRAME_M1)
        while not (clock := mt5.sim_wait(10.0))["ended"]:
            for _, _, opened in clock["closed"]:
                (row,) = mt5.copy_rates_from_pos(self.symbol, mt5.TIMEFRAME_M1, 1, 1).tolist()
                assert row[0] == opened
                bar = Bar(time=row[0], open=row[1], high=row[2], low=row[3], close=row[4])
                for intent in self.runner.on_bar(bar, self.read_book(), Facts()):
                    self.carry_out(intent)
                mt5.sim_ack(opened)

    def read_book(self) -> Book:
        account, tick = mt5.account_info(), mt5.symbol_info_tick(self.symbol)
        held = tuple(
            HeldPosition(
                ticket=position.ticket,
                side=Side.BUY if position.type == 0 else Side.SELL,
                volume_lots=Decimal(str(position.volume)),
                entry_price=Decimal(str(position.price_open)),
                stop_price=Decimal(str(position.sl)) if position.sl else None,
                target_price=Decimal(str(position.tp)) if position.tp else None,
                opened_at=datetime.fromtimestamp(position.time, UTC),
                first_lots=self.remember(position)[0],
                first_stop_price=self.remember(position)[1],
            )
            for position in mt5.positions_get(symbol=self.symbol)
        )
        money = [Decimal(str(value)) for value in (account.balance, account.equity, account.equity)]
        return Book(*money, len(held), held, Decimal(str(tick.bid)), Decimal(str(tick.ask)))

    def remember(self, position: Any) -> tuple[Decimal, Decimal | None]:
        stop = Decimal(str(position.sl)) if position.sl else None
        return self.first.setdefault(position.ticket, (Decimal(str(position.volume)), stop))

    def carry_out(self, intent: Intent) -> None:
        levels = {"sl": float(intent.stop_price or 0), "tp": float(intent.target_price or 0)}
        if intent.kind is IntentKind.MOVE_STOP:
            request = {"action": mt5.TRADE_ACTION_SLTP, "position": intent.ticket, **levels}
            self.moved.add(intent.ticket or 0)
        else:
            closes = intent.kind in (IntentKind.CLOSE, IntentKind.PARTIAL)
            side = intent.side.opposite if closes else intent.side
            request = {"action": 1, "type": 0 if side is Side.BUY else 1, "volume": float(intent.volume_lots)}
            request |= {"position": intent.ticket} if closes else levels
            if closes:
                self.exits[intent.ticket or 0] = ExitReason(intent.reason)
        result = mt5.order_send({"symbol": self.symbol, "magic": MAGIC, **request})
        assert result.retcode == mt5.TRADE_RETCODE_DONE, result

    def list_trades(self, bars: Bars) -> list[Trade]:
        """Return the closed trades, in the words of the backtest: times are those of the bars they happened in."""

        def find_bar(moment: int) -> datetime:
            index = int(np.searchsorted(bars.time, moment, side="right")) - 1
            return datetime.fromtimestamp(int(bars.time[index]), UTC)

        deals = [deal for deal in mt5.history_deals_get(0, 2**31 - 1) if deal.magic == MAGIC]
        entries = {deal.position_id: deal for deal in deals if deal.entry == mt5.DEAL_ENTRY_IN}
        return [
            Trade(
                opened_at=find_bar(entries[deal.position_id].time),
                closed_at=find_bar(deal.time),
                side=Side.SELL if deal.type == 0 else Side.BUY,
                volume_lots=Decimal(str(deal.volume)),
                entry_price=Decimal(str(entries[deal.position_id].price)),
                exit_price=Decimal(str(deal.price)),
                pnl=Decimal(str(deal.profit)),
                exit_reason=self.find_reason(deal),
            )
            for deal in deals
            if deal.entry == mt5.DEAL_ENTRY_OUT
        ]

    def find_reason(self, deal: Any) -> ExitReason:
        if deal.reason == mt5.DEAL_REASON_TP:
            return ExitReason.TAKE_PROFIT
        if deal.reason == mt5.DEAL_REASON_SL:
            return ExitReason.TRAILING_STOP if deal.position_id in self.moved else ExitReason.STOP_LOSS
        return self.exits[deal.position_id]


@contextmanager
def replaying(bars: Bars, symbol: str, folder: Path) -> Iterator[RunningSimulator]:
    path = write_replay(bars, folder / f"{symbol}_M1.csv")
    with running_simulator(folder, replay=path, speed="max", spread_points=SPREAD_POINTS) as simulator:
        simulator.open_account(balance=str(BALANCE), stop_out_percent="0", leverage=10000, swap_free=True)
        assert mt5.initialize(simulator.address, login=simulator.login, password=PASSWORD)
        yield simulator
        mt5.shutdown()


def compare(bars: Bars, instrument: Instrument, document: dict[str, Any], folder: Path) -> int:
    with replaying(bars, instrument.name, folder) as simulator:
        began = int(simulator.ready["market_at"])
        trader = Trader(
            StrategyRunner(document=document, instrument=instrument, timeframe=bars.timeframe), instrument.name
        )
        trader.trade()
        found = trader.list_trades(bars)
    costs = Costs(SPREAD_POINTS * instrument.point / instrument.pip_size)
    trade_from = datetime.fromtimestamp(began + bars.timeframe.seconds, UTC)
    tested = run(bars, document, instrument, costs, BALANCE, trade_from=trade_from, plain=True).trades
    # what is still open when the bars end is closed by the backtest only
    expected = [trade for trade in tested if trade.exit_reason is not ExitReason.END_OF_DATA]

    # stops of one bar are met in the order of the path here, of the positions there
    def order(trade: Trade) -> tuple[Any, ...]:
        return trade.closed_at, trade.opened_at, trade.entry_price

    assert sorted(found, key=order) == sorted(expected, key=order)
    return len(found)


def test_sizes_follow_the_balance_to_the_cent_over_midnight(tmp_path: Path) -> None:
    bars = random_bars(4, 900)

    assert compare(bars, typical_instrument("EURUSD"), cross_rules(risk={"lotSize": 50, "maxRisk": 1.5}), tmp_path) >= 5


def test_yen_profits_are_converted_alike(tmp_path: Path) -> None:
    bars = random_bars(9, 600, ticks_per_unit=1000)

    assert compare(bars, typical_instrument("USDJPY"), cross_rules(exit={"stopLoss": 8}), tmp_path) >= 5


NAME = "EURUSD_M1_2020Q3.csv"
BESIDE = [folder / "shared" / "data" / NAME for folder in Path(__file__).resolve().parents[3:]]
REAL_BARS = next((path for path in BESIDE if path.exists()), BESIDE[0])


@pytest.mark.shared_data
def test_real_bars_are_traded_alike(tmp_path: Path) -> None:
    if not REAL_BARS.exists():
        pytest.skip("the recorded bars are not here")
    rows = [line.split(",") for line in REAL_BARS.read_text().splitlines()[:1500]]
    times = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) for row in rows]
    prices = [tuple(float(cell) for cell in row[1:6]) for row in rows]
    bars = Bars.from_rows(Timeframe.M1, [(at, *row, 0) for at, row in zip(times, prices, strict=True)])
    document = cross_rules("EMA_20", "EMA_50", exit={"stopLoss": 20, "takeProfit": 30})

    assert compare(bars, typical_instrument("EURUSD"), document, tmp_path) >= 5


def test_nights_cost_alike_also_by_parts(tmp_path: Path) -> None:
    """Swap and commission to the cent: positions held over nights, closed in parts, on an account that is charged."""
    bars = random_bars(4, 900, timeframe=Timeframe.M1, volatility_ticks=6)
    exit_ = {"type": "stop_target", "stopLoss": 60, "takeProfit": 90}
    rules = cross_rules(exit=exit_, risk={"lotSize": 3, "maxOpenTrades": 3})
    at = {"unit": "r", "value": 0.2}
    document = {**rules, "rules_version": 2, "management": {"partialExits": [{"at": at, "fraction": 0.37}]}}
    path = write_replay(bars, tmp_path / "EURUSD_M1.csv")
    with running_simulator(tmp_path, replay=path, speed="max", spread_points=SPREAD_POINTS) as simulator:
        simulator.open_account(
            balance=str(BALANCE), commission_per_lot="7", commission_mode="half", stop_out_percent="50"
        )
        assert mt5.initialize(simulator.address, login=simulator.login, password=PASSWORD)
        began = int(simulator.ready["market_at"])
        instrument = typical_instrument("EURUSD")
        trader = Trader(StrategyRunner(document=document, instrument=instrument, timeframe=Timeframe.M1), "EURUSD")
        trader.trade()
        deals = [deal for deal in mt5.history_deals_get(0, 2**31 - 1) if deal.magic == MAGIC]
        mt5.shutdown()
    costs = Costs(
        Decimal("0.8"),
        Decimal("3.5"),
        swap_long_points=Decimal("-6.5"),
        swap_short_points=Decimal("2.1"),
        rollover_zone=timezone(timedelta(hours=2)),
        leverage=Decimal(100),
    )
    trade_from = datetime.fromtimestamp(began + 60, UTC)
    tested = run(bars, document, instrument, costs, BALANCE, trade_from=trade_from, plain=True).trades
    expected = sorted(
        (float(trade.volume_lots), float(trade.exit_price), float(trade.swap), float(trade.pnl - trade.commission))
        for trade in tested
        if trade.exit_reason is not ExitReason.END_OF_DATA
    )

    closed = [deal for deal in deals if deal.entry == mt5.DEAL_ENTRY_OUT]
    assert sorted((d.volume, d.price, d.swap, round(d.profit + d.swap, 2)) for d in closed) == expected
    assert any(deal.swap for deal in closed)
