"""The control door: accounts, faults, the clock, and the ground truth. Every command needs the token."""

import hmac
import math
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from simulator.broker import passwords
from simulator.broker import request as wanted
from simulator.broker.desk import Conditions
from simulator.broker.execution import COMMISSION_MODES
from simulator.broker.records import HEDGING, NETTING, ZERO, Account, Deal, DealType, Entry, Order, Reason
from simulator.broker.request import TradeRequest
from simulator.exchange import UnknownField
from simulator.faults import FaultError
from simulator.service.host import Host

_FAR = 1e15
_LOGIN_RANGE = range(1, 2**53)


class CommandError(Exception):
    """A command that was not carried out; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Commands:
    """The commands by name. Money goes in and out as text."""

    def __init__(self, host: Host, token: str, close_all: Callable[[int | None], None]) -> None:
        self._host, self._token, self._close_all = host, token, close_all

    def run(self, name: str, arguments: dict[str, Any], token: str) -> Any:
        """
        Carry out a command.

        :raises CommandError: if it is refused.
        """
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token.encode()):
            raise CommandError("FORBIDDEN", "the token of the data directory is needed")
        if name not in _COMMANDS:
            raise CommandError("UNKNOWN_COMMAND", f"no command {name!r}: there are {', '.join(sorted(_COMMANDS))}")
        try:
            return _COMMANDS[name](self, **arguments)
        except (FaultError, UnknownField) as error:
            raise CommandError("INVALID", str(error)) from error
        except (TypeError, ValueError, InvalidOperation, KeyError) as error:
            raise CommandError("INVALID", f"{name}: {error}") from error

    # accounts --------------------------------------------------------------------------------------------------------

    def open_account(
        self,
        *,
        login: int,
        password: str,
        server: str = "Mikrobot-Demo",
        currency: str = "USD",
        balance: str = "10000",
        leverage: int = 100,
        margin_mode: int = HEDGING,
        commission_per_lot: str = "0",
        commission_mode: str = "half",
        margin_call_percent: str = "100",
        stop_out_percent: str = "50",
        limit_orders: int = 200,
        fifo_close: bool = False,
        swap_free: bool = False,
        name: str = "Simulated account",
    ) -> dict[str, Any]:
        """Open an account and pay its balance in. The same call again changes nothing and says so."""
        books = self._host.exchange.books
        known = books.accounts.get(login)
        if known is not None:
            same = (known.server, known.currency, known.margin_mode) == (server, currency, margin_mode)
            if not same or not passwords.is_password(password, known.password_hash):
                raise CommandError("ACCOUNT_EXISTS", f"account {login} exists with other terms or another password")
            return {"login": login, "created": False}
        paid, charged = _read_money(balance, "balance"), _read_money(commission_per_lot, "commission_per_lot")
        fits = margin_mode in (NETTING, 1, HEDGING) and commission_mode in COMMISSION_MODES and 1 <= leverage <= 10_000
        if not fits or login not in _LOGIN_RANGE or len(currency) != 3 or not password:
            raise CommandError("INVALID", "check login, password, currency, leverage, margin_mode, commission_mode")
        at = self._host.exchange.market_at
        account = Account(
            login=login,
            password_hash=passwords.hash_password(password),
            server=server,
            name=name,
            company="Mikrobot",
            currency=currency,
            currency_digits=0 if currency == "JPY" else 2,
            leverage=leverage,
            margin_mode=margin_mode,
            balance=ZERO,
            credit=ZERO,
            commission_per_lot=charged,
            commission_mode=commission_mode,
            margin_call_percent=Decimal(margin_call_percent),
            stop_out_percent=Decimal(stop_out_percent),
            limit_orders=limit_orders,
            fifo_close=fifo_close,
            swap_free=swap_free,
            trade_allowed=True,
            trade_expert=True,
            opened_at=at,
        )
        books.keep(account)
        self._pay(login, paid, "Initial deposit")
        books.commit(at)
        self._host.log("account_opened", login=login, balance=balance, currency=currency)
        return {"login": login, "created": True}

    def deposit(self, *, login: int, amount: str, comment: str = "Deposit") -> dict[str, Any]:
        """Pay in, or out with a negative amount."""
        account = self._get_account(login)
        self._pay(login, _read_money(amount, "amount", lowest=Decimal("-1e12")), comment)
        self._host.exchange.books.commit(self._host.exchange.market_at)
        return {"balance": str(account.balance)}

    def _pay(self, login: int, amount: Decimal, comment: str) -> None:
        books = self._host.exchange.books
        deal = Deal(
            ticket=books.take_ticket(),
            order_ticket=0,
            login=login,
            symbol="",
            type=int(DealType.BALANCE),
            entry=int(Entry.IN),
            reason=int(Reason.CLIENT),
            position_id=0,
            volume=ZERO,
            price=0.0,
            commission=ZERO,
            swap=ZERO,
            profit=amount,
            fee=ZERO,
            magic=0,
            comment=comment,
            made_at=self._host.exchange.market_at,
        )
        books.add_deal(deal)

    def _get_account(self, login: int) -> Account:
        account = self._host.exchange.books.accounts.get(login)
        if account is None:
            raise CommandError("NOT_FOUND", f"no account {login}")
        return account

    def set_account(
        self, *, login: int, trade_allowed: bool | None = None, trade_expert: bool | None = None
    ) -> dict[str, Any]:
        """Allow or forbid trading on an account."""
        account = self._get_account(login)
        account.trade_allowed = account.trade_allowed if trade_allowed is None else trade_allowed
        account.trade_expert = account.trade_expert if trade_expert is None else trade_expert
        self._host.exchange.books.keep(account)
        self._host.exchange.books.commit(self._host.exchange.market_at)
        return {"trade_allowed": account.trade_allowed, "trade_expert": account.trade_expert}

    # truth -----------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return clock, accounts, subscriptions and counters."""
        host = self._host
        subscriptions = [asdict(subscription) for subscription in host.barrier.subscriptions]
        return (
            host.exchange.describe()
            | host.describe_clock()
            | {"subscriptions": subscriptions, "bars_opened": host.bars_opened, "forced_login": host.forced_login}
        )

    def ledger(self, *, login: int) -> dict[str, Any]:
        """Return everything of an account as it is on the disk: the truth that tests compare with."""
        account, exchange = self._get_account(login), self._host.exchange
        summary = exchange.desk.valuation.summarise(login, exchange.market_at)
        ledger = exchange.books.ledger
        return {
            "market_at": exchange.market_at,
            "balance": str(account.balance),
            "equity": str(summary.equity),
            "margin": str(summary.margin),
            "positions": [_as_plain(record) for record in exchange.books.list_positions(login)],
            "orders": [_as_plain(record) for record in exchange.books.list_orders(login)],
            "history_orders": [_as_plain(record) for record in ledger.list_done_orders(login, -_FAR, _FAR)],
            "deals": [_as_plain(record) for record in ledger.list_deals(login, -_FAR, _FAR)],
        }

    # clock -----------------------------------------------------------------------------------------------------------

    def set_speed(self, *, speed: float | str | None) -> dict[str, Any]:
        """Set the speed: a number, ``max``, or ``auto`` (×60 until caught up, then ×1)."""
        host = self._host
        host.pace.speed = read_speed(speed)
        host.pace.restart(host.exchange.market_at, host.wall())
        host.wake()
        return host.describe_clock()

    def pause(self) -> dict[str, Any]:
        """Let the market stand still until `resume`."""
        self._host.paused = True
        return self._host.describe_clock()

    def resume(self) -> dict[str, Any]:
        """Let the market go on."""
        self._host.paused = False
        self._host.wake()
        return self._host.describe_clock()

    def advance(self, *, seconds: float = 0.0, bars: int = 0) -> dict[str, Any]:
        """Go on at once, whoever has not acknowledged: by market seconds, and then by whole base bars."""
        host = self._host
        if not 0 <= seconds <= 86400 * 366 or not 0 <= bars <= 100_000:
            raise CommandError("INVALID", "seconds up to a year, bars up to 100000")
        target = host.exchange.market_at + seconds
        while host.exchange.market_at < target and not host.exchange.ended:
            before = host.exchange.market_at
            host.step(target)
            if host.exchange.market_at == before:
                break
        for _ in range(bars):
            while not host.exchange.ended and not host.step(math.inf):
                pass
        host.pace.restart(host.exchange.market_at, host.wall())
        return host.describe_clock()

    # faults ----------------------------------------------------------------------------------------------------------

    def script_fault(self, *, kind: str, **values: Any) -> dict[str, Any]:
        """Let something go wrong: see `simulator.faults`."""
        login = values.get("login")
        self._host.faults.script(kind, self._host.wall(), **values)
        if kind == "disconnect":
            self._close_all(login)
        self._host.log("fault_scripted", kind=kind, **values)
        return {"scripted": kind}

    def clear_faults(self) -> dict[str, Any]:
        """Forget every fault that has not happened yet."""
        self._host.faults.clear()
        self._host.forced_login = None
        return {}

    def force_login(self, *, login: int | None) -> dict[str, Any]:
        """Let every terminal show another account, as if somebody had logged in by hand; ``None`` ends it."""
        if login is not None:
            self._get_account(login)
        self._host.forced_login = login
        return {"forced_login": login}

    def set_autotrading(self, *, allowed: bool) -> dict[str, Any]:
        """Press the terminal's AutoTrading button."""
        self._host.exchange.permissions.autotrading = allowed
        return {"allowed": allowed}

    def change_terms(self, *, symbol: str, **changes: Any) -> dict[str, Any]:
        """Change a symbol's terms."""
        self._host.exchange.change_terms(symbol, changes)
        return {"symbol": symbol, **changes}

    def drop_stops(self, *, login: int, ticket: int, sl: bool = True, tp: bool = False) -> dict[str, Any]:
        """Let the broker lose the stop (or the target) of a position."""
        exchange = self._host.exchange
        position = exchange.books.find_position(login, ticket)
        if position is None:
            raise CommandError("NOT_FOUND", f"no position {ticket}")
        position.sl = 0.0 if sl else position.sl
        position.tp = 0.0 if tp else position.tp
        position.updated_at = exchange.market_at
        exchange.books.keep(position)
        exchange.books.commit(exchange.market_at)
        return _as_plain(position)

    def trade_by_hand(
        self, *, login: int, symbol: str, side: str, volume: str, sl: float = 0.0, tp: float = 0.0, position: int = 0,
        slippage_points: int = 0,
    ) -> dict[str, Any]:  # fmt: skip
        """
        Open a position as a person at the terminal would (no magic), or close one with ``position``.

        :param slippage_points: how much worse than the market the fill is; below zero it is better, and so a profit at once.
        """
        exchange = self._host.exchange
        request = TradeRequest(
            action=wanted.DEAL,
            magic=0,
            order=0,
            symbol=symbol,
            volume=Decimal(volume),
            price=0.0,
            stoplimit=0.0,
            sl=sl,
            tp=tp,
            deviation=0,
            type={"BUY": 0, "SELL": 1}[side],
            type_filling=wanted.FOK,
            type_time=wanted.GTC,
            expiration=0,
            comment="",
            position=position,
            position_by=0,
            reason=Reason.CLIENT,
        )
        outcome = exchange.desk.send(
            self._get_account(login), request, exchange.market_at, exchange.permissions, Conditions(slippage_points)
        )
        return asdict(outcome) | {"comment": outcome.comment}


_COMMANDS: dict[str, Any] = {
    name: method
    for name, method in vars(Commands).items()
    if callable(method) and not name.startswith("_") and name != "run"
}


def read_speed(speed: float | str | None) -> float | None:
    """
    Return a speed: a positive number, ``max`` as infinity, ``auto`` or ``None`` as ``None``.

    :raises ValueError: for anything else.
    """
    if speed in (None, "auto"):
        return None
    value = math.inf if speed == "max" else float(speed or 0)
    if not value > 0:
        raise ValueError("speed is a positive number, max or auto")
    return value


def _read_money(text: Any, name: str, lowest: Decimal = ZERO) -> Decimal:
    amount = Decimal(str(text))
    if not amount.is_finite() or not lowest <= amount <= Decimal("1e12"):
        raise CommandError("INVALID", f"{name} is out of range")
    return amount


def _as_plain(record: Order | Deal | Any) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(record).items()}
