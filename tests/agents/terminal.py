"""A hand-written terminal with a broker of its own: bars closed by hand, orders filled at the quote, every answer may be spoilt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from executor_agent.errors import TerminalUnknown
from executor_agent.terminal.ports import (
    BarTuple,
    ClosedBars,
    Evidence,
    Look,
    MarketOrder,
    OrderAnswer,
    SymbolFacts,
    TerminalIdentity,
)
from executor_agent.terminal.translate import read_spec
from trading.model.instruments import typical_instrument
from trading.model.orders import Side
from trading.protocol import AccountState, DealMessage, MarketClock, OrderMessage, PositionMessage, QuoteMessage

START_S = 1_767_571_200  # 2026-01-05 00:00 UTC, a Monday
SPREAD = Decimal("0.00008")


class Killed(BaseException):
    """The agent's process ends here, as by kill -9: nothing after this line happens in that life."""


class FakeTerminal:
    """One account, hedging, one symbol. `now_s` is the market clock."""

    market_waits = False

    def __init__(self) -> None:
        self.now_s = float(START_S)
        self.bars: list[BarTuple] = []
        self.positions: dict[int, PositionMessage] = {}
        self.orders: dict[int, OrderMessage] = {}
        self.deals: list[DealMessage] = []
        self.balance = Decimal(10_000)
        self.sent: list[MarketOrder] = []
        self.stops_set: list[tuple[int, Decimal | None]] = []
        self.cancelled: list[int] = []
        self.next_answers: list[Callable[[MarketOrder], OrderAnswer]] = []
        self.on_send: Callable[[MarketOrder], None] = lambda order: None
        self.is_silent = False
        self.positions_unknown = 0
        self.hides_positions = False
        self.drops_stops = False
        self.refuses_stops = False
        self.life = 1
        self._ticket = 2**33
        self.quote_age_s = 0.0

    @property
    def restarts(self) -> int:
        return self.life - 1

    # --- what a test does ---------------------------------------------------------------------------------------

    def add_history(self, closes: list[float]) -> None:
        """Close bars one after the other without anybody looking; each opens where the last one closed."""
        for close in closes:
            self.close_bar(close)

    def close_bar(self, close: float, *, low: float | None = None, high: float | None = None) -> None:
        """Close one M1 bar; the next one opens at its close, at this moment."""
        opened = self.bars[-1][4] if self.bars else close
        opened_s = START_S + 60 * len(self.bars)
        top, bottom = max(opened, close, high or 0.0), min(opened, close, low or 9.9)
        self.bars.append((opened_s, opened, top, bottom, close, 10.0, 8))
        self.now_s = opened_s + 60.0

    def hit_stop(self, ticket: int) -> None:
        """Close a position at its stop, as the broker does."""
        position = self.positions[ticket]
        assert position.stop_loss is not None
        self._close(position, position.stop_loss, position.volume_lots, reason=4)

    def close_by_hand(self, ticket: int) -> None:
        """Close a position as a person does at the terminal."""
        position = self.positions[ticket]
        self._close(position, self.bid, position.volume_lots, reason=0)

    def add_foreign_position(self, magic: int, comment: str = "") -> PositionMessage:
        """Open a position that the agent knows nothing of."""
        order = MarketOrder(
            symbol="EURUSD", side=Side.BUY, volume_lots=Decimal("0.10"), price=self.bid, magic=magic, comment=comment,
            stop_loss=self.bid - Decimal("0.0100"),
        )  # fmt: skip
        answer = self._fill(order)
        return self.positions[answer.order_ticket or 0]

    def add_pending(self, magic: int) -> int:
        """Place a waiting order."""
        self._ticket += 1
        self.orders[self._ticket] = OrderMessage(
            ticket=self._ticket, magic=magic, symbol="EURUSD", order_type="BUY_LIMIT", volume_lots=Decimal("0.10"),
            price=Decimal(1), stop_loss=None, take_profit=None, comment="", placed_at=self.market_at,
        )  # fmt: skip
        return self._ticket

    def fill_but_say_nothing(self, order: MarketOrder) -> OrderAnswer:
        """The disaster: the order is filled and the answer never comes."""
        self._fill(order)
        return OrderAnswer(retcode=None, comment="no connection", error_number=-10005)

    def say_nothing(self, order: MarketOrder) -> OrderAnswer:
        """Not filled, and no answer either."""
        return OrderAnswer(retcode=None, comment="no connection", error_number=-10005)

    def refuse(self, retcode: int) -> Callable[[MarketOrder], OrderAnswer]:
        """Answer an order with that return code."""
        return lambda order: OrderAnswer(retcode=retcode, comment=f"retcode {retcode}")

    @property
    def market_at(self) -> datetime:
        return datetime.fromtimestamp(self.now_s, UTC)

    @property
    def bid(self) -> Decimal:
        return Decimal(f"{self.bars[-1][4]:.5f}") if self.bars else Decimal("1.10000")

    # --- the port -----------------------------------------------------------------------------------------------

    def connect(self) -> TerminalIdentity:
        self._answer()
        return TerminalIdentity(
            login=1001,
            server="Fake",
            currency="USD",
            leverage=100,
            margin_mode="HEDGING",
            trade_mode="DEMO",
            trade_allowed=True,
        )

    def look(self, symbols: tuple[str, ...]) -> Look:
        self._answer()
        positions: tuple[PositionMessage, ...] | None = tuple(self.positions.values())
        if self.hides_positions:
            positions = ()
        if self.positions_unknown:
            self.positions_unknown -= 1
            positions = None
        quote = QuoteMessage(
            symbol="EURUSD", bid=self.bid, ask=self.bid + SPREAD,
            market_at=datetime.fromtimestamp(self.now_s - self.quote_age_s, UTC),
        )  # fmt: skip
        return Look(
            market=MarketClock(market_at=self.market_at),
            account=AccountState(
                balance=self.balance, equity=self.balance, margin=Decimal(0), free_margin=self.balance
            ),
            trade_allowed=True,
            positions=positions,
            orders=tuple(self.orders.values()),
            quotes={"EURUSD": quote} if "EURUSD" in symbols else {},
            problem="" if positions is not None else "positions are not known",
        )

    def read_symbol(self, symbol: str) -> SymbolFacts:
        self._answer()
        eurusd = typical_instrument("EURUSD")
        numbers = {
            "trade_tick_size": eurusd.tick_size, "trade_tick_value": eurusd.tick_value, "trade_tick_value_profit": eurusd.tick_value,
            "trade_tick_value_loss": eurusd.tick_value_loss, "trade_contract_size": eurusd.contract_size, "point": eurusd.point,
            "volume_min": eurusd.volume_min, "volume_max": eurusd.volume_max, "volume_step": eurusd.volume_step, "volume_limit": 0,
        }  # fmt: skip
        rest = {
            "name": symbol, "digits": 5, "trade_stops_level": 0, "trade_freeze_level": 0, "filling_mode": 1, "trade_mode": 4,
            "trade_calc_mode": 0, "trade_exemode": 2, "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR",
        }  # fmt: skip
        info = {name: float(value) for name, value in numbers.items()} | rest
        return SymbolFacts(spec=read_spec(symbol, _Info(info), None, None), info=info)

    def read_closed_bars(self, symbol: str, timeframe: str, count: int) -> ClosedBars:
        self._answer()
        forming = START_S + 60 * len(self.bars)
        return ClosedBars(rows=tuple(self.bars[-count:]), forming_opened_s=forming)

    def list_deals_since(self, raw_ms: int) -> tuple[DealMessage, ...]:
        self._answer()
        return tuple(deal for deal in self.deals if deal.time_raw_ms >= raw_ms)

    def list_deals_of(self, position_id: int) -> tuple[DealMessage, ...]:
        self._answer()
        return tuple(deal for deal in self.deals if deal.position_id == position_id)

    def find_by_tag(self, tag: str, magic: int, since_raw_ms: int) -> Evidence:
        self._answer()

        def matches(row: Any) -> bool:
            return row.magic == magic and row.comment == tag

        return Evidence(
            positions=tuple(filter(matches, self.positions.values())),
            orders=tuple(filter(matches, self.orders.values())),
            deals=tuple(deal for deal in self.deals if matches(deal) and deal.entry == 0),
        )

    def check_order(self, order: MarketOrder) -> OrderAnswer:
        return OrderAnswer(retcode=0)

    def name_filling(self, symbol: str) -> str:
        return "FOK"

    def send_order(self, order: MarketOrder) -> OrderAnswer:
        self._answer()
        self.sent.append(order)
        self.on_send(order)
        answer = self.next_answers.pop(0)(order) if self.next_answers else self._fill(order)
        return answer

    def set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> OrderAnswer:
        self._answer()
        self.stops_set.append((position.ticket, stop_loss))
        if self.refuses_stops:
            return OrderAnswer(retcode=10016, comment="Invalid stops")
        old = self.positions[position.ticket]
        self.positions[position.ticket] = msgspec.structs.replace(old, stop_loss=stop_loss, take_profit=take_profit)
        return OrderAnswer(retcode=10009)

    def cancel_order(self, ticket: int) -> OrderAnswer:
        self._answer()
        self.cancelled.append(ticket)
        self.orders.pop(ticket, None)
        return OrderAnswer(retcode=10009)

    def subscribe(self, symbol: str, timeframe: str) -> None:
        self._answer()

    def unsubscribe(self, symbol: str, timeframe: str) -> None:
        return

    def wait_for_bar(self, seconds: float) -> tuple[tuple[str, str], ...]:
        return ()

    def acknowledge(self, symbol: str, timeframe: str, opened_s: int) -> None:
        return

    def hold(self, seconds: float) -> None:
        return

    def release(self) -> None:
        return

    def close(self) -> None:
        return

    # --- the broker ---------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        if self.is_silent:
            raise TerminalUnknown("the terminal is silent")

    def _fill(self, order: MarketOrder) -> OrderAnswer:
        price = self.bid + SPREAD if order.side is Side.BUY else self.bid
        if order.position is not None:
            position = self.positions.get(order.position)
            if position is None:
                return OrderAnswer(retcode=10036, comment="Position closed")
            self._close(position, price, order.volume_lots, reason=3)
            return OrderAnswer(retcode=10009, filled_lots=order.volume_lots, price=price, comment="Request executed")
        self._ticket += 1
        ticket = self._ticket
        self.positions[ticket] = PositionMessage(
            ticket=ticket, position_id=ticket, magic=order.magic, symbol=order.symbol, side=str(order.side),
            volume_lots=order.volume_lots, entry_price=price, stop_loss=None if self.drops_stops else order.stop_loss,
            take_profit=order.take_profit, current_price=price, profit=Decimal(0), swap=Decimal(0), comment=order.comment,
            opened_at=self.market_at,
        )  # fmt: skip
        self._book(self.positions[ticket], price, order.volume_lots, entry=0, reason=3)
        return OrderAnswer(
            retcode=10009, order_ticket=ticket, filled_lots=order.volume_lots, price=price, comment="Request executed"
        )

    def _close(self, position: PositionMessage, price: Decimal, lots: Decimal, *, reason: int) -> None:
        left = position.volume_lots - lots
        if left:
            self.positions[position.ticket] = msgspec.structs.replace(position, volume_lots=left)
        else:
            self.positions.pop(position.ticket)
        self._book(position, price, lots, entry=1, reason=reason)

    def _book(self, position: PositionMessage, price: Decimal, lots: Decimal, *, entry: int, reason: int) -> None:
        self._ticket += 1
        self.deals.append(
            DealMessage(
                ticket=self._ticket,
                order_ticket=position.ticket,
                position_id=position.position_id,
                deal_type=0,
                entry=entry,
                reason=reason,
                symbol=position.symbol,
                magic=position.magic,
                volume_lots=lots,
                price=price,
                profit=Decimal(0),
                commission=Decimal(0),
                swap=Decimal(0),
                fee=Decimal(0),
                comment=position.comment,
                time_raw_ms=int(self.now_s * 1000),
                market_at=self.market_at,
            )
        )


class _Info:
    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
