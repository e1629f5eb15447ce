"""The broker's books in memory, and the unit in which they change."""

from collections.abc import Iterable, Mapping
from typing import Any

from simulator.broker.ledger import Ledger
from simulator.broker.records import Account, Deal, Order, OrderState, Position

_FIRST_TICKET = 5_000_000_000  # beyond 32 bits, as tickets of real servers are


class Books:
    """
    Open positions, waiting orders and balances of every account, mirrored in the ledger.

    Whoever changes them calls `keep`, `drop` or `add_deal` for each change and `commit` at the end. Until then nothing
    is told to anybody; if the commit fails the process ends and starts again from the file.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.accounts: dict[int, Account] = {account.login: account for account in ledger.list_all(Account)}
        self._positions: dict[int, dict[int, Position]] = {login: {} for login in self.accounts}
        self._orders: dict[int, dict[int, Order]] = {login: {} for login in self.accounts}
        for position in ledger.list_all(Position):
            self._positions[position.login][position.identifier] = position
        for order in ledger.list_waiting_orders():
            self._orders[order.login][order.ticket] = order
        self.facts = ledger.read_facts()
        self._next_ticket = int(self.facts.get("next_ticket", _FIRST_TICKET))
        self._changed: dict[int, Any] = {}
        self._removed: dict[int, Position] = {}
        self._deals: list[Deal] = []
        self._new_facts: dict[str, Any] = {}

    # reading ---------------------------------------------------------------------------------------------------------

    def list_positions(self, login: int) -> list[Position]:
        """Return an account's open positions, oldest first."""
        return list(self._positions[login].values())

    def list_orders(self, login: int) -> list[Order]:
        """Return an account's waiting orders, oldest first."""
        return list(self._orders[login].values())

    def find_position(self, login: int, ticket: int) -> Position | None:
        """Return the account's open position with that ticket."""
        return next((position for position in self._positions[login].values() if position.ticket == ticket), None)

    def find_order(self, login: int, ticket: int) -> Order | None:
        """Return the account's waiting order with that ticket."""
        return self._orders[login].get(ticket)

    def list_active_symbols(self) -> set[str]:
        """Return the symbols that somebody has a position or an order in."""
        held: Iterable[Mapping[int, Any]] = (*self._positions.values(), *self._orders.values())
        return {record.symbol for records in held for record in records.values()}

    # changing --------------------------------------------------------------------------------------------------------

    def take_ticket(self) -> int:
        """Return a ticket that no order or deal has had."""
        ticket = self._next_ticket
        self._next_ticket += 1
        self._new_facts["next_ticket"] = self._next_ticket
        return ticket

    def keep(self, record: Account | Position | Order) -> None:
        """Note that a record is new or has changed."""
        self._changed[id(record)] = record
        if isinstance(record, Account):
            self.accounts[record.login] = record
            self._positions.setdefault(record.login, {})
            self._orders.setdefault(record.login, {})
        elif isinstance(record, Position):
            self._positions[record.login][record.identifier] = record
        elif record.state == OrderState.PLACED:
            self._orders[record.login][record.ticket] = record
        else:
            self._orders[record.login].pop(record.ticket, None)

    def drop(self, position: Position) -> None:
        """Note that a position is closed."""
        self._changed.pop(id(position), None)
        self._removed[position.identifier] = position
        del self._positions[position.login][position.identifier]

    def add_deal(self, deal: Deal) -> None:
        """Add a deal and book its money."""
        self._deals.append(deal)
        account = self.accounts[deal.login]
        account.balance += deal.money
        self.keep(account)

    def set_fact(self, name: str, value: Any) -> None:
        """Remember something by name."""
        self.facts[name] = self._new_facts[name] = value

    def commit(self, market_at: float) -> None:
        """
        Write all changes since the last commit as one.

        :raises simulator.broker.ledger.LedgerError: if the disk refuses.
        """
        if self._changed or self._removed or self._deals or self._new_facts:
            self._new_facts["market_at"] = market_at
            self.ledger.write(self._changed.values(), self._removed.values(), self._deals, self._new_facts)
            self._changed, self._removed, self._deals, self._new_facts = {}, {}, [], {}
        self.ledger.remember_moment(market_at)
