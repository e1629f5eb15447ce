"""What all calls of a terminal's conversation share: its state, and the ways in which a call can end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from simulator.broker.records import Account
from simulator.service.host import Host
from simulator.service.rows import Rows

Answer = tuple[Any, bytes]
Handler = Callable[[Any], Answer]


class Refusal(Exception):
    """A call that ends with a terminal's error code."""

    def __init__(self, code: int, text: str | None = None) -> None:
        self.error = [code, text]
        super().__init__(code, text)


class Silence(Exception):
    """A call that is never answered."""


class Drop(Exception):
    """A call whose connection breaks before the answer."""


@dataclass(slots=True)
class SessionState:
    """What a terminal remembers while its connection lives."""

    number: int
    login: int | None = None
    hidden: set[str] = field(default_factory=set)
    books_open: set[str] = field(default_factory=set)
    requests: int = 0


class Calls:
    """A group of calls; its public methods, named as the functions of the surface, answer them."""

    def __init__(self, host: Host, state: SessionState) -> None:
        self._host, self._state = host, state
        self._exchange, self._rows = host.exchange, Rows(host.exchange)

    def _get_account(self) -> Account:
        # another login may have been forced on the terminal, as a person at its keyboard would
        login = self._host.forced_login or self._state.login
        account = self._exchange.books.accounts.get(login) if login is not None else None
        if account is None:
            raise Refusal(-6)
        return account

    def _get_symbol(self, symbol: str) -> str:
        if symbol not in self._exchange.feed.terms:
            raise Refusal(-4)
        return symbol

    @property
    def _at(self) -> float:
        return self._exchange.market_at

    def _is_line_down(self) -> bool:
        return self._host.faults.is_on("server_down", self._state.login, self._host.wall())


def list_handlers(calls: Calls) -> dict[str, Handler]:
    """Return the calls that a group answers, by name."""
    names = (name for name in dir(calls) if not name.startswith("_"))
    return {name: getattr(calls, name) for name in names}


def is_in_group(name: str, group: str) -> bool:
    """
    Say whether a symbol is in a group: conditions by commas in their order, ``*`` for any text, ``!`` to leave out.

    >>> is_in_group("EURUSD", "*,!EUR*"), is_in_group("GBPUSD", "*,!EUR*"), is_in_group("GBPUSD", "")
    (False, True, True)
    """
    if not group:
        return True
    inside = False
    for condition in group.split(","):
        mask = condition.strip()
        if fnmatchcase(name, mask.removeprefix("!")):
            inside = not mask.startswith("!")
    return inside


def is_asked_for(record: Any, query: dict[str, Any]) -> bool:
    """Say whether a record fits: the ticket decides, else the symbol, else the group; they are never combined."""
    if "ticket" in query:
        return bool(record.ticket == query["ticket"])
    if "symbol" in query:
        return bool(record.symbol == query["symbol"])
    return is_in_group(record.symbol, query.get("group", ""))
