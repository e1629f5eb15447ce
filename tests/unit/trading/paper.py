"""A hand-written terminal in Decimal: the agent's loop around `StrategyRunner`, with `match` in place of a broker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from trading.engine.match import NO_FILL, STOP_FILL, match_open, match_path
from trading.engine.runner import Book, Facts, HeldPosition, Intent, StrategyRunner
from trading.model.bars import Bar, Bars
from trading.model.instrument import Instrument
from trading.model.orders import ExitReason, IntentKind


@dataclass
class PaperTrade:
    """What the backtest calls a trade."""

    opened_at: datetime
    closed_at: datetime
    side: str
    volume_lots: Decimal
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    exit_reason: str
    commission: Decimal = Decimal("0.00")
    swap: Decimal = Decimal("0.00")


class PaperTerminal:
    """Holds positions, fills them by `match`, and asks the runner after every closed bar."""

    def __init__(
        self,
        runner: StrategyRunner,
        instrument: Instrument,
        *,
        spread: Decimal,
        balance: Decimal,
        trail_fraction: Decimal | None = None,
    ) -> None:
        self.runner, self.instrument, self.spread = runner, instrument, spread
        self.balance = self.day_start_equity = self.equity = balance
        self.trail_fraction = trail_fraction  # what every approval asks for
        self.positions: list[HeldPosition] = []
        self.trades: list[PaperTrade] = []
        self.facts = Facts()
        self._ticket = 1 << 33
        self._forming: Bar | None = None

    def play(self, bars: Bars) -> list[PaperTrade]:
        """Live through the bars: each one opens, the last one is decided on, each runs its path, each closes."""
        last: Bar | None = None
        self.step_s = bars.timeframe.seconds
        for bar in bars:
            if last is not None and bar.time // 86400 != last.time // 86400:
                self.day_start_equity = self.equity
            self._open(bar, self._closed(last, bar))
            self._run(bar)
            self.equity = self.balance + self._floating(self._price(bar.close))
            last = bar
        if last is not None:
            self._end(last)
        return self.trades

    def _closed(self, last: Bar | None, bar: Bar) -> Bar | None:
        """Return the bar of the strategy that is over as ``bar`` opens, added up by hand."""
        frame = self.runner.timeframe
        if last is None:
            return None
        if not self._forming or frame.open_time(last.time) != self._forming.time:
            self._forming = replace(last, time=frame.open_time(last.time))
        else:
            high, low = max(self._forming.high, last.high), min(self._forming.low, last.low)
            self._forming = replace(self._forming, high=high, low=low, close=last.close)
        return self._forming if frame.open_time(bar.time) != self._forming.time else None

    def _open(self, bar: Bar, last: Bar | None) -> None:
        bid = self._price(bar.open)
        ask = bid + self.spread
        for held in list(self.positions):
            kind, _ = match_open(held.side.sign, *self._levels(held), float(bid), float(ask))
            if kind != NO_FILL:
                self._close(held, bar, bid if held.side == "BUY" else ask, self._reason(held, kind))
        if last is None:
            return
        for intent in self.runner.on_bar(last, self._book(bid, ask), self.facts):
            self._obey(intent, bar, bid, ask)

    def _run(self, bar: Bar) -> None:
        path = (bar.open, bar.high, bar.low, bar.close, float(self.spread), False)
        for held in list(self.positions):
            kind, price = match_path(held.side.sign, *self._levels(held), *path)
            if kind != NO_FILL:
                self._close(held, bar, self._price(price), self._reason(held, kind))

    def _obey(self, intent: Intent, bar: Bar, bid: Decimal, ask: Decimal) -> None:
        if intent.kind is IntentKind.OPEN:
            self._ticket += 1
            entry = ask if intent.side == "BUY" else bid
            assert entry == intent.entry_price
            opened_at = datetime.fromtimestamp(bar.time, UTC)
            levels = (intent.stop_price, intent.target_price)
            self.positions.append(
                HeldPosition(
                    self._ticket,
                    intent.side,
                    intent.volume_lots,
                    entry,
                    *levels,
                    opened_at,
                    first_lots=intent.volume_lots,
                    first_stop_price=intent.stop_price,
                    trail_distance=intent.trail_distance,
                    trail_fraction=self.trail_fraction,
                )
            )
            return
        held = next(position for position in self.positions if position.ticket == intent.ticket)
        if intent.kind in (IntentKind.CLOSE, IntentKind.PARTIAL):
            self._close(held, bar, bid if held.side == "BUY" else ask, intent.reason, intent.volume_lots)
        else:
            moved = replace(held, stop_price=intent.stop_price, target_price=intent.target_price, stop_moved=True)
            self.positions[self.positions.index(held)] = moved

    def _end(self, bar: Bar) -> None:
        bid = self._price(bar.close)
        for held in list(self.positions):
            self._close(held, bar, bid if held.side == "BUY" else bid + self.spread, ExitReason.END_OF_DATA)
        end = bar.time + self.step_s
        for trade in self.trades:
            if trade.exit_reason == ExitReason.END_OF_DATA:
                trade.closed_at = datetime.fromtimestamp(end, UTC)

    def _close(self, held: HeldPosition, bar: Bar, price: Decimal, reason: str, part: Decimal | None = None) -> None:
        lots = part or held.volume_lots
        place = self.positions.index(held)
        left = replace(held, volume_lots=held.volume_lots - lots)
        self.positions[place : place + 1] = [left] if left.volume_lots else []
        pnl = self.instrument.profit(side=held.side, lots=lots, entry_price=held.entry_price, exit_price=price)
        self.balance += pnl
        closed_at = datetime.fromtimestamp(bar.time, UTC)
        self.trades.append(
            PaperTrade(held.opened_at, closed_at, held.side, lots, held.entry_price, price, pnl, str(reason))
        )

    def _reason(self, held: HeldPosition, kind: int) -> str:
        if kind != STOP_FILL:
            return ExitReason.TAKE_PROFIT
        return ExitReason.TRAILING_STOP if held.stop_moved else ExitReason.STOP_LOSS

    def _book(self, bid: Decimal, ask: Decimal) -> Book:
        equity = self.balance + self._floating(bid)
        return Book(
            self.balance,
            equity,
            self.day_start_equity,
            len(self.positions),
            tuple(self.positions),
            bid,
            ask,
        )

    def _floating(self, bid: Decimal) -> Decimal:
        prices = ((held, bid if held.side == "BUY" else bid + self.spread) for held in self.positions)
        return sum(
            (
                self.instrument.profit(side=h.side, lots=h.volume_lots, entry_price=h.entry_price, exit_price=price)
                for h, price in prices
            ),
            Decimal(0),
        )

    def _levels(self, held: HeldPosition) -> tuple[float, float]:
        return float(held.stop_price or 0), float(held.target_price or 0)

    def _price(self, price: float) -> Decimal:
        return self.instrument.round_price(Decimal(repr(float(price))))
