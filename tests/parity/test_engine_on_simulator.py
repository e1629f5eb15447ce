"""The strategy's runner beside the simulated terminal, over its wire, trades what `manage.py backtest` says it would."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from simulator import mt5
from tests.simulation import PASSWORD, SERVER, RunningSimulator, running_simulator
from tests.unit.trading.making import cross_rules, random_bars
from trading.backtest.run import Costs, run
from trading.engine.runner import Book, Facts, HeldPosition, Intent, StrategyRunner
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason, IntentKind, Side
from trading.model.timeframe import Timeframe

SYMBOL = "EURUSD"
SPREAD_POINTS = 8
BALANCE = Decimal(10_000)
_REASONS = {mt5.DEAL_REASON_SL: ExitReason.STOP_LOSS, mt5.DEAL_REASON_TP: ExitReason.TAKE_PROFIT}
_FRAMES = {Timeframe.M1: mt5.TIMEFRAME_M1, Timeframe.M5: mt5.TIMEFRAME_M5}

DOCUMENTS = {
    "opposite signal": cross_rules(exit={"stopLoss": 15, "takeProfit": 25}),
    "trailing, sized by risk": cross_rules(
        exit={"type": "stop_target", "stopLoss": 12, "trailingStop": True, "trailingStopDistance": 5},
        risk={"lotSize": 5, "maxRisk": 0.7, "maxOpenTrades": 3},
    ),
}


class BareAgent:
    """As little of an agent as can trade: no approval, no journal, the terminal's surface only."""

    def __init__(self, runner: StrategyRunner, frame: int) -> None:
        self.runner, self.frame = runner, frame
        self.moved: set[int] = set()
        self.reasons: dict[int, str] = {}

    def live(self) -> None:
        """Handle every closed bar until the market ends."""
        assert mt5.sim_subscribe(SYMBOL, self.frame)
        while True:
            waited = mt5.sim_wait(20.0)
            if not waited["closed"]:
                assert waited["ended"], "the market stood still"
                return
            for _, _, closed_at in waited["closed"]:
                self._handle(closed_at)

    def _handle(self, closed_at: int) -> None:
        rates = mt5.copy_rates_from_pos(SYMBOL, self.frame, 0, 5)
        row = next(rate for rate in rates if rate["time"] == closed_at)
        bar = Bar(int(row["time"]), *(float(row[name]) for name in ("open", "high", "low", "close")))
        for intent in self.runner.on_bar(bar, self._book(), Facts()):
            self._obey(intent)
        assert mt5.sim_ack(closed_at, SYMBOL, self.frame)

    def _book(self) -> Book:
        account, tick = mt5.account_info(), mt5.symbol_info_tick(SYMBOL)
        held = tuple(self._held(position) for position in mt5.positions_get(symbol=SYMBOL))
        money = (Decimal(str(amount)) for amount in (account.balance, account.equity, account.equity))
        return Book(*money, len(held), held, Decimal(str(tick.bid)), Decimal(str(tick.ask)))

    def _held(self, position) -> HeldPosition:
        return HeldPosition(
            ticket=position.ticket,
            side=Side.BUY if position.type == mt5.POSITION_TYPE_BUY else Side.SELL,
            volume_lots=Decimal(str(position.volume)),
            entry_price=Decimal(str(position.price_open)),
            stop_price=Decimal(str(position.sl)) or None,
            target_price=Decimal(str(position.tp)) or None,
            opened_at=datetime.fromtimestamp(position.time, UTC),
            stop_moved=position.ticket in self.moved,
        )

    def _obey(self, intent: Intent) -> None:
        request = {"symbol": SYMBOL, "sl": float(intent.stop_price or 0), "tp": float(intent.target_price or 0)}
        if intent.kind is IntentKind.MOVE_STOP:
            request |= {"action": mt5.TRADE_ACTION_SLTP, "position": intent.ticket}
            self.moved.add(intent.ticket)
        else:
            buys = (intent.side is Side.BUY) == (intent.kind is IntentKind.OPEN)
            request |= {
                "action": mt5.TRADE_ACTION_DEAL,
                "volume": float(intent.volume_lots),
                "type": mt5.ORDER_TYPE_BUY if buys else mt5.ORDER_TYPE_SELL,
                "type_filling": mt5.ORDER_FILLING_FOK,
            }
        if intent.kind is IntentKind.CLOSE:
            request |= {"position": intent.ticket}
            self.reasons[intent.ticket] = intent.reason
        result = mt5.order_send(request)
        assert result is not None, mt5.last_error()
        assert result.retcode == mt5.TRADE_RETCODE_DONE, result

    def list_trades(self) -> list[tuple]:
        """Return the closed trades of the account from its deals, in order of closing."""
        deals = [deal for deal in mt5.history_deals_get(0, 2_000_000_000) if deal.symbol]
        entries = {deal.position_id: deal for deal in deals if deal.entry == mt5.DEAL_ENTRY_IN}
        closes = [deal for deal in deals if deal.entry == mt5.DEAL_ENTRY_OUT]
        return [self._trade(entries[deal.position_id], deal) for deal in closes]

    def _trade(self, entry, close) -> tuple:
        ticket = close.position_id
        reason = _REASONS.get(close.reason) or self.reasons.get(ticket)
        if reason is ExitReason.STOP_LOSS and ticket in self.moved:
            reason = ExitReason.TRAILING_STOP
        side = Side.BUY if entry.type == mt5.DEAL_TYPE_BUY else Side.SELL
        prices = (Decimal(str(price)) for price in (entry.volume, entry.price, close.price))
        return _minute(entry.time), _minute(close.time), side, *prices, Decimal(str(close.profit)), str(reason)


def _minute(time_s: float) -> int:
    return int(time_s) // 60 * 60


def _as_tuple(trade) -> tuple:
    opened, closed = (_minute(at.timestamp()) for at in (trade.opened_at, trade.closed_at))
    numbers = (trade.volume_lots, trade.entry_price, trade.exit_price, trade.pnl)
    return opened, closed, trade.side, *numbers, str(trade.exit_reason)


@pytest.fixture
def recorded(tmp_path: Path) -> Bars:
    """A file of bars in ``tmp_path`` to replay, and the bars themselves."""
    bars = random_bars(21, 2600, volatility_ticks=9)
    lines = (f"{bar.opened_at:%Y-%m-%d %H:%M},{bar.open},{bar.high},{bar.low},{bar.close},50" for bar in bars)
    (tmp_path / f"{SYMBOL}_M1.csv").write_text("\n".join(lines))
    return bars


@pytest.fixture
def simulator(tmp_path: Path, recorded: Bars):
    options = {"replay": tmp_path / f"{SYMBOL}_M1.csv", "speed": "max", "spread_points": SPREAD_POINTS, "paused": True}
    with running_simulator(tmp_path, **options) as running:
        # The backtest knows no swap: it would change the balance that later trades are sized by.
        running.control.call("change_terms", symbol=SYMBOL, swap_long_points=0.0, swap_short_points=0.0)
        running.open_account(7001, balance=str(BALANCE), currency="USD", commission_per_lot="0")
        assert mt5.initialize(running.address, login=7001, password=PASSWORD, server=SERVER), mt5.last_error()
        yield running
        mt5.shutdown()


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.M5])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_terminal_fills_what_the_backtest_fills(simulator: RunningSimulator, recorded: Bars, name, timeframe):
    document = DOCUMENTS[name]
    assert mt5.symbol_select(SYMBOL)
    instrument = Instrument.from_symbol_info(mt5.symbol_info(SYMBOL)._asdict(), account_currency="USD")
    started = float(mt5.sim_clock()["market_at"])
    runner = StrategyRunner(document=document, instrument=instrument, timeframe=timeframe)
    history = mt5.copy_rates_from_pos(SYMBOL, _FRAMES[timeframe], 1, runner.warmup_bars)
    columns = ("time", "open", "high", "low", "close", "tick_volume", "spread")
    runner.warm_up(Bars.from_rows(timeframe, [tuple(row[name] for name in columns) for row in history]))
    agent = BareAgent(runner, _FRAMES[timeframe])

    simulator.control.resume()
    agent.live()

    beginning = datetime.fromtimestamp(timeframe.open_time(int(started)) + timeframe.seconds, UTC)
    costs = Costs(Decimal(SPREAD_POINTS) / 10)
    tested = run(recorded, document, instrument, costs, BALANCE, timeframe=timeframe, trade_from=beginning).trades
    expected = sorted(_as_tuple(trade) for trade in tested if trade.exit_reason is not ExitReason.END_OF_DATA)
    assert sorted(agent.list_trades()) == expected
    assert len(expected) > 5
