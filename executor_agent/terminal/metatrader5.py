"""
The adapter for the `MetaTrader5` package, and for any module with its surface (the simulated one). Runs in its own process.

The package never releases the interpreter's lock and knows no timeouts: a hung terminal hangs the process that called it. So
this class lives in a child process (`child`), and the agent speaks to it through `supervised`.
"""

from __future__ import annotations

import time
from decimal import Decimal
from importlib import import_module
from typing import Any

from executor_agent.config import TerminalConfig
from executor_agent.errors import SymbolUnknown, TerminalUnknown
from executor_agent.terminal import translate
from executor_agent.terminal.broker_clock import detect_offset
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
from executor_agent.terminal.requests import RequestBuilder
from executor_agent.terminal.retcodes import INVALID_FILL
from trading.model.timeframe import Timeframe
from trading.protocol import AccountState, DealMessage, MarketClock, OrderMessage, PositionMessage, QuoteMessage

_CONNECT_TIMEOUT_MS = 15_000
_TOO_OLD_S = 86_400
_OFFSET_AGAIN_S = 1800.0
_MARGIN_MODES = {0: "NETTING", 1: "NETTING", 2: "HEDGING"}
_TRADE_MODES = {0: "DEMO", 1: "CONTEST", 2: "REAL"}
_CHECK_TICKS = 1000


class MetaTraderTerminal:
    """One terminal, one account. Methods as in `ports.Terminal`; everything that could not be read raises `TerminalUnknown`."""

    def __init__(self, config: TerminalConfig, symbols: dict[str, str]) -> None:
        self._config = config
        self._package: Any = import_module(config.module)
        self._theirs = dict(symbols)
        self._ours = {theirs: ours for ours, theirs in symbols.items()}
        self._requests = RequestBuilder(self._package, config.deviation_points)
        self._infos: dict[str, Any] = {}
        self._subscriptions: set[tuple[str, str]] = set()
        self._offset_s: int | None = config.server_utc_offset_s
        self._offset_at: float | None = None
        self._connected = False
        self._frames = {getattr(self._package, f"TIMEFRAME_{frame}"): str(frame) for frame in Timeframe}
        self.market_waits = hasattr(self._package, "sim_clock")

    # --- connection ---------------------------------------------------------------------------------------------

    def connect(self) -> TerminalIdentity:
        """Log in to the configured account, and to no other."""
        config, package = self._config, self._package
        credentials = {"login": config.login, "password": config.password, "server": config.server}
        path = (config.path,) if config.path else ()
        self._connected = False
        if not package.initialize(*path, timeout=_CONNECT_TIMEOUT_MS, **credentials):
            first = package.last_error()
            # Some builds time out when they are to log in while starting, and connect when asked one after the other.
            if first[0] != -10005 or not (package.initialize(*path, timeout=_CONNECT_TIMEOUT_MS) and self._log_in()):
                raise TerminalUnknown(f"cannot connect: {first[1]}", number=first[0])
        account = self._read(self._package.account_info())
        if account.login != config.login and self._log_in():
            account = self._read(self._package.account_info())
        self._require_own(account)
        self._connected = True
        self._subscribe_again()
        return self._identify(account)

    def _log_in(self) -> bool:
        config = self._config
        return bool(self._package.login(config.login, password=config.password, server=config.server))

    def _identify(self, account: Any) -> TerminalIdentity:
        info = self._read(self._package.terminal_info())
        return TerminalIdentity(
            login=int(account.login),
            server=str(account.server),
            currency=str(account.currency),
            leverage=int(account.leverage),
            margin_mode=_MARGIN_MODES[account.margin_mode],
            trade_mode=_TRADE_MODES[account.trade_mode],
            trade_allowed=bool(info.trade_allowed and account.trade_allowed and account.trade_expert),
            terminal={"name": str(info.name), "build": int(info.build), "company": str(info.company)},
        )

    def _require_own(self, account: Any) -> None:
        if account.login != self._config.login:
            self._connected = False
            raise TerminalUnknown(f"the terminal is logged into {account.login}, not {self._config.login}")

    def _read_own(self) -> Any:
        """Return the account, which must be ours: a person may log in elsewhere at any moment, and what is read then is not ours."""
        account = self._read(self._package.account_info())
        self._require_own(account)
        return account

    def _ensure(self) -> None:
        if not self._connected:
            self.connect()

    def _read(self, answer: Any) -> Any:
        if answer is None or answer is False:
            number, text = self._package.last_error()
            if number <= -10000:
                self._connected = False
            raise TerminalUnknown(f"the terminal gave no answer: {text}", number=number)
        return answer

    # --- looking ------------------------------------------------------------------------------------------------

    def look(self, symbols: tuple[str, ...]) -> Look:
        """Read account, positions, orders and quotes; each part that cannot be read is None."""
        self._ensure()
        problems: list[str] = []
        if (account := self._attempt(lambda: self._read(self._package.account_info()), problems)) is not None:
            self._require_own(account)
        quotes = {s: q for s in symbols if (q := self._attempt(lambda s=s: self._quote(s), problems)) is not None}
        market = self._clock()
        positions = self._attempt(self._positions, problems)
        orders = self._attempt(self._orders, problems)
        if account is not None and self._attempt(self._read_own, problems) is None:
            positions = orders = None
        terminal = self._attempt(lambda: self._read(self._package.terminal_info()), problems)
        connected = terminal is not None and bool(terminal.connected)
        if terminal is not None and not connected:
            problems.append("the terminal has no connection to its broker")
        is_on = connected and bool(terminal.trade_allowed)
        allowed = bool(is_on and account and account.trade_allowed and account.trade_expert)
        money: AccountState | None = None if account is None else translate.read_account(account)
        return Look(
            market=market,
            account=money,
            trade_allowed=allowed,
            positions=positions,
            orders=orders,
            quotes=quotes,
            problem="; ".join(problems)[:300],
            is_connected=connected,
        )

    def _attempt(self, read: Any, problems: list[str]) -> Any:
        try:
            return read()
        except TerminalUnknown as unknown:
            problems.append(unknown.message)
            return None

    def _positions(self) -> tuple[PositionMessage, ...]:
        rows = self._read(self._package.positions_get())
        return tuple(translate.read_position(row, self._offset(), self._name) for row in rows)

    def _orders(self) -> tuple[OrderMessage, ...]:
        rows = self._read(self._package.orders_get())
        return tuple(translate.read_order(row, self._offset(), self._name) for row in rows)

    def _quote(self, symbol: str) -> QuoteMessage:
        info, tick = self._info(symbol), self._read(self._package.symbol_info_tick(self._broker(symbol)))
        if not 0 < tick.bid <= tick.ask:
            raise TerminalUnknown(f"{symbol} has no quote yet")
        bid, ask = (translate.to_number(price, info.digits) for price in (tick.bid, tick.ask))
        return QuoteMessage(symbol=symbol, bid=bid, ask=ask, market_at=translate.to_utc(tick.time_msc, self._offset()))

    # --- clock --------------------------------------------------------------------------------------------------

    def _clock(self) -> MarketClock:
        if not self.market_waits:
            return MarketClock(market_at=translate.to_utc(int(time.time() * 1000), 0), server_offset_s=self._offset())
        clock = self._read(self._package.sim_clock())
        if self._config.server_utc_offset_s is None:
            self._offset_s = int(clock["server_offset_s"])
        speed = clock["speed"]
        return MarketClock(
            market_at=translate.to_utc(int(clock["market_at"] * 1000), 0),
            # "max" has no number; a billion is as much as the wire's rules allow and nobody reaches it.
            speed=float(speed) if isinstance(speed, int | float) and speed < 1e9 else 1e9,
            server_offset_s=self._offset(),
            ended=bool(clock["ended"]),
        )

    def _offset(self) -> int:
        is_due = self._offset_at is None or time.monotonic() - self._offset_at > _OFFSET_AGAIN_S
        if self._offset_s is None or (is_due and self._config.server_utc_offset_s is None and not self.market_waits):
            self._offset_at = time.monotonic()
            self._offset_s = self._detect_offset()
        if self._offset_s is None:
            raise TerminalUnknown("the broker's clock cannot be told without a fresh tick: set server_utc_offset_s")
        return self._offset_s

    def _detect_offset(self) -> int | None:
        if self.market_waits:
            return int(self._read(self._package.sim_clock())["server_offset_s"])
        found = detect_offset(self._package, [*self._infos, *self._theirs.values()])
        return self._offset_s if found is None else found

    # --- symbols and bars ---------------------------------------------------------------------------------------

    def _broker(self, symbol: str) -> str:
        return self._theirs.get(symbol, symbol)

    def _name(self, broker_symbol: str) -> str:
        return self._ours.get(broker_symbol, broker_symbol)

    def _info(self, symbol: str) -> Any:
        name = self._broker(symbol)
        if name not in self._infos:
            selected, not_found = self._package.symbol_select(name, True), self._package.RES_E_NOT_FOUND
            if not selected and self._package.last_error()[0] == not_found:
                ours = "" if name == symbol else f" (for {symbol})"
                raise SymbolUnknown(
                    f"the terminal has no symbol {name!r}{ours}: write the broker's name of it under [symbols]"
                )
            self._read(selected)
            self._infos[name] = self._read(self._package.symbol_info(name))
        return self._infos[name]

    def read_symbol(self, symbol: str) -> SymbolFacts:
        """Read the symbol's specification anew, with margin and loss of one lot as the terminal computes them."""
        self._ensure()
        self._infos.pop(self._broker(symbol), None)
        info, ask, package = self._info(symbol), float(self._quote(symbol).ask), self._package
        if not info.trade_tick_value:
            raise TerminalUnknown(f"{symbol} is not synchronised yet: its tick value is 0")
        margin = package.order_calc_margin(package.ORDER_TYPE_BUY, info.name, 1.0, ask)
        stop = ask - _CHECK_TICKS * info.trade_tick_size
        profit = package.order_calc_profit(package.ORDER_TYPE_BUY, info.name, 1.0, ask, stop) if stop > 0 else None
        spec = translate.read_spec(
            symbol,
            info,
            None if margin is None else translate.to_number(margin),
            None if profit is None else -translate.to_number(profit),
        )
        return SymbolFacts(spec=spec, info={**info._asdict(), "name": symbol})

    def read_closed_bars(self, symbol: str, timeframe: str, count: int) -> ClosedBars:
        """Read the last ``count`` closed bars; index 0 of the terminal is the bar still forming."""
        self._ensure()
        self._info(symbol)
        frame = getattr(self._package, f"TIMEFRAME_{timeframe}")
        try:
            rates = self._read(self._package.copy_rates_from_pos(self._broker(symbol), frame, 0, count + 1))
        except SystemError as error:
            raise TerminalUnknown(f"the terminal refused the question for bars: {error}") from None
        offset = self._offset()
        rows = tuple(_bar(row, offset) for row in rates.tolist())
        return ClosedBars(rows=rows[:-1], forming_opened_s=rows[-1][0] if rows else None)

    # --- history ------------------------------------------------------------------------------------------------

    def list_deals_since(self, raw_ms: int) -> tuple[DealMessage, ...]:
        """Return all deals since a broker time; a day is added at the end, or the last hours would be missing."""
        self._ensure()
        until_s = int(self._clock().market_at.timestamp()) + self._offset() + _TOO_OLD_S
        rows = self._read(self._package.history_deals_get(max(raw_ms // 1000, 0), until_s))
        self._read_own()
        deals = (translate.read_deal(row, self._offset(), self._name) for row in rows)
        return tuple(deal for deal in deals if deal.time_raw_ms >= raw_ms)

    def list_deals_of(self, position_id: int) -> tuple[DealMessage, ...]:
        """Return all deals of a position, open or closed."""
        self._ensure()
        rows = self._read(self._package.history_deals_get(position=position_id))
        self._read_own()
        return tuple(translate.read_deal(row, self._offset(), self._name) for row in rows)

    def find_by_tag(self, tag: str, magic: int, since_raw_ms: int) -> Evidence:
        """Return what carries magic and tag. Brokers may cut or change comments of deals, never the magic."""
        self._ensure()
        if not self._read(self._package.terminal_info()).connected:
            raise TerminalUnknown("the terminal has no connection to its broker: what it shows proves nothing")
        deals = self.list_deals_since(since_raw_ms)
        positions, orders = self._positions(), self._orders()
        self._read_own()
        return Evidence(
            positions=tuple(p for p in positions if p.magic == magic and p.comment == tag),
            orders=tuple(o for o in orders if o.magic == magic and o.comment == tag),
            deals=tuple(d for d in deals if d.magic == magic and d.comment == tag and d.entry in (0, 2)),
        )

    # --- trading ------------------------------------------------------------------------------------------------

    def check_order(self, order: MarketOrder) -> OrderAnswer:
        """Ask whether the terminal would take the order; retcode 0 means yes. A refused filling mode is remembered, the next one tried."""
        self._ensure()
        info = self._info(order.symbol)
        while True:
            answer = self._answer(self._package.order_check(self._requests.build_deal(order, info)))
            if answer.retcode != INVALID_FILL or not self._requests.try_next_filling(info):
                return answer

    def name_filling(self, symbol: str) -> str:
        """Return the filling mode in use for a symbol."""
        self._ensure()
        return self._requests.name_filling(self._info(symbol))

    def send_order(self, order: MarketOrder) -> OrderAnswer:
        """Send once; only where the filling mode was refused (so nothing was traded) the next mode is tried."""
        self._ensure()
        self._read_own()
        info = self._info(order.symbol)
        while True:
            answer = self._answer(self._package.order_send(self._requests.build_deal(order, info)))
            if answer.retcode != INVALID_FILL or not self._requests.try_next_filling(info):
                return answer

    def set_stops(
        self, position: PositionMessage, stop_loss: Decimal | None, take_profit: Decimal | None
    ) -> OrderAnswer:
        """Replace stop and target of a position; both, because the terminal replaces both."""
        self._ensure()
        self._read_own()
        info = self._info(position.symbol)
        return self._answer(
            self._package.order_send(self._requests.build_stops(position, stop_loss, take_profit, info))
        )

    def cancel_order(self, ticket: int) -> OrderAnswer:
        """Remove a waiting order."""
        self._ensure()
        self._read_own()
        return self._answer(self._package.order_send(self._requests.build_cancel(ticket)))

    def _answer(self, result: Any) -> OrderAnswer:
        if result is None:
            number, text = self._package.last_error()
            if number <= -10000:
                self._connected = False
            return OrderAnswer(retcode=None, comment=text, error_number=number)
        return OrderAnswer(
            retcode=int(result.retcode),
            order_ticket=int(getattr(result, "order", 0)) or None,
            deal_ticket=int(getattr(result, "deal", 0)) or None,
            filled_lots=translate.to_price(getattr(result, "volume", 0)),  # a check has none
            price=translate.to_level(result.price) if hasattr(result, "price") else None,
            comment=str(result.comment),
        )

    # --- the simulated market waits for us; a real one does not ----------------------------------------------------

    def subscribe(self, symbol: str, timeframe: str) -> None:
        """Make a simulated market wait at each closed bar until `acknowledge`."""
        self._subscriptions.add((symbol, timeframe))
        if self.market_waits:
            self._ensure()
            self._package.sim_subscribe(self._broker(symbol), getattr(self._package, f"TIMEFRAME_{timeframe}"))

    def _subscribe_again(self) -> None:
        # A market forgets who was away for long.
        if self.market_waits:
            for symbol, timeframe in self._subscriptions:
                self._package.sim_subscribe(self._broker(symbol), getattr(self._package, f"TIMEFRAME_{timeframe}"))

    def unsubscribe(self, symbol: str, timeframe: str) -> None:
        """Take `subscribe` back."""
        self._subscriptions.discard((symbol, timeframe))
        if self.market_waits:
            self._package.sim_unsubscribe(self._broker(symbol), getattr(self._package, f"TIMEFRAME_{timeframe}"))

    def wait_for_bar(self, seconds: float) -> tuple[tuple[str, str], ...]:
        """Return which subscribed bars have closed, as soon as there are any, or none after that time."""
        if not self.market_waits:
            return ()
        self._ensure()
        closed = self._read(self._package.sim_wait(seconds))["closed"]
        return tuple((self._name(symbol), self._frames[frame]) for symbol, frame, _ in closed)

    def acknowledge(self, symbol: str, timeframe: str, opened_s: int) -> None:
        """Say that the closed bar is handled."""
        if self.market_waits:
            frame = getattr(self._package, f"TIMEFRAME_{timeframe}")
            self._package.sim_ack(opened_s + self._offset(), self._broker(symbol), frame)

    def hold(self, seconds: float) -> None:
        """Let a simulated market stand still while an approval or order is in flight."""
        if self.market_waits:
            self._package.sim_hold(seconds)

    def release(self) -> None:
        """End `hold`."""
        if self.market_waits:
            self._package.sim_release()

    def close(self) -> None:
        """Say goodbye to the terminal."""
        if self._connected:
            self._package.shutdown()


def _bar(row: tuple[Any, ...], offset_s: int) -> BarTuple:
    return int(row[0]) - offset_s, row[1], row[2], row[3], row[4], float(row[5]), int(row[6])
