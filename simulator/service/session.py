"""One terminal's conversation: connection and account, and the groups of calls that make up the rest."""

from typing import Any

from simulator.broker import passwords
from simulator.market.feed import MAX_BARS
from simulator.service.calls import Answer, Calls, Drop, Handler, Refusal, SessionState, list_handlers
from simulator.service.history import HistoryCalls
from simulator.service.host import Host
from simulator.service.prices import PriceCalls
from simulator.service.rows import make_row
from simulator.service.trading import TradeCalls
from simulator.service.waiting import WaitCalls

_BUILD = 5430


class TerminalSession:
    """The state of one connection and the handlers of its calls."""

    def __init__(self, host: Host, number: int) -> None:
        self.state = SessionState(number)
        self._handlers: dict[str, Handler] = {}
        for group in (ConnectionCalls, PriceCalls, HistoryCalls, TradeCalls, WaitCalls):
            self._handlers |= list_handlers(group(host, self.state))

    def find_handler(self, method: str) -> Handler | None:
        """Return what answers a call."""
        return self._handlers.get(method)


class ConnectionCalls(Calls):
    """Login, account and terminal."""

    def initialize(self, credentials: dict[str, Any]) -> Answer:
        """Log in, by default into the first account there is."""
        if self._host.faults.is_on("disconnect", credentials.get("login"), self._host.wall()):
            raise Drop
        if "login" in credentials:
            return self.login(credentials)
        if not self._exchange.books.accounts:
            raise Refusal(-6)
        self._enter(min(self._exchange.books.accounts))
        return True, b""

    def login(self, credentials: dict[str, Any]) -> Answer:
        """Switch to another account."""
        account = self._exchange.books.accounts.get(credentials["login"])
        server = credentials.get("server")
        if account is None or (server and server != account.server):
            raise Refusal(-6)
        # the terminal remembers the password of the account it is in
        known = account.login == self._state.login and "password" not in credentials
        if not known and not passwords.is_password(credentials.get("password", ""), account.password_hash):
            raise Refusal(-6)
        self._enter(account.login)
        return True, b""

    def _enter(self, login: int) -> None:
        if self._state.login not in (None, login):
            self._host.leave(self._state.number, orderly=True)
        self._state.login = login

    def shutdown(self, _: Any) -> Answer:
        """Say goodbye: nothing waits for this connection any more."""
        self._host.leave(self._state.number, orderly=True)
        return True, b""

    def version(self, _: Any) -> Answer:
        """Return the terminal's version."""
        return [500, _BUILD, "21 Nov 2026"], b""

    def terminal_info(self, _: Any) -> Answer:
        """Return the row of ``TerminalInfo``."""
        permissions = self._exchange.permissions
        values = {
            "connected": permissions.connected and not self._is_line_down(),
            "dlls_allowed": True,
            "trade_allowed": permissions.autotrading,
            "build": _BUILD,
            "maxbars": MAX_BARS,
            "codepage": 65001,
            "ping_last": 800,
            "company": "Mikrobot",
            "name": "Mikrobot Simulated Terminal",
            "language": "English",
            "path": self._host.address,
            "data_path": self._host.address,
            "commondata_path": self._host.address,
        }
        return make_row("TerminalInfo", values), b""

    def account_info(self, _: Any) -> Answer:
        """Return the row of ``AccountInfo``."""
        account = self._get_account()
        summary = self._exchange.desk.valuation.summarise(account.login, self._exchange.market_at)
        return self._rows.account(account, summary), b""
