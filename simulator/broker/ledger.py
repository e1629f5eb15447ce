"""
The broker's truth on disk: one SQLite file, each change one transaction that is on the disk before anybody hears of it.

The clock's position between changes is kept apart in a few bytes that are overwritten in place: they outlive a killed
process, and after a power loss the ledger's own last moment stands.
"""

import json
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from simulator.broker.records import Account, Deal, Order, OrderState, Position

RecordT = TypeVar("RecordT", Account, Position, Order, Deal)

_TABLES: dict[type, tuple[str, str]] = {
    Account: ("accounts", "login"),
    Position: ("positions", "identifier"),
    Order: ("orders", "ticket"),
    Deal: ("deals", "ticket"),
}
# a magic number may use all 64 bits, one more than SQLite's integers have
_TEXT_FIELDS = ("magic",)
_VERSION = 1
_SQL_TYPES = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT", Decimal: "TEXT"}
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS orders_by_login ON orders (login, setup_at)",
    "CREATE INDEX IF NOT EXISTS orders_by_position ON orders (position_id)",
    "CREATE INDEX IF NOT EXISTS orders_waiting ON orders (state) WHERE state = 1",
    "CREATE INDEX IF NOT EXISTS deals_by_login ON deals (login, made_at)",
    "CREATE INDEX IF NOT EXISTS deals_by_position ON deals (position_id)",
    "CREATE INDEX IF NOT EXISTS deals_by_order ON deals (order_ticket)",
)


class LedgerError(RuntimeError):
    """The ledger is another market's, or can not be written: the process must not go on."""


class _Table:
    def __init__(self, record: type) -> None:
        self.record = record
        self.name, self.key = _TABLES[record]
        hints = get_type_hints(record)
        self.columns = [field.name for field in fields(record)]
        self.kinds = [str if name in _TEXT_FIELDS else hints[name] for name in self.columns]
        self._reads = [int if name in _TEXT_FIELDS else hints[name] for name in self.columns]
        marks = ", ".join("?" for _ in self.columns)
        self.upsert = f"INSERT OR REPLACE INTO {self.name} VALUES ({marks})"  # noqa: S608
        self.insert = f"INSERT INTO {self.name} VALUES ({marks})"  # noqa: S608

    def declare(self) -> str:
        columns = ", ".join(f"{n} {_SQL_TYPES[k]} NOT NULL" for n, k in zip(self.columns, self.kinds, strict=True))
        return f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, PRIMARY KEY ({self.key}))"

    def write(self, record: Any) -> list[Any]:
        values = (getattr(record, name) for name in self.columns)
        return [
            str(value) if isinstance(value, Decimal) or kind is str else value
            for value, kind in zip(values, self.kinds, strict=True)
        ]

    def read(self, row: tuple[Any, ...]) -> Any:
        return self.record(*(read(value) for read, value in zip(self._reads, row, strict=True)))


class Ledger:
    """The file, its tables and its queries."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = ClockFile(folder / "clock.bin")
        self._connection = sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._tables = {record: _Table(record) for record in _TABLES}
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise LedgerError(
                f"ledger of version {version}, this simulator writes {_VERSION}: use a new data directory"
            )
        with self._transaction():
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            for table in self._tables.values():
                self._connection.execute(table.declare())
            self._connection.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            for index in _INDEXES:
                self._connection.execute(index)

    def close(self) -> None:
        """Close the files."""
        self._clock.close()
        self._connection.close()

    # writing ---------------------------------------------------------------------------------------------------------

    def write(
        self, changed: Iterable[Any], removed: Iterable[Position], deals: Iterable[Deal], facts: dict[str, Any]
    ) -> None:
        """
        Write one change of the books as one transaction.

        :raises LedgerError: if it can not be written; nothing of it is then in the file.
        """
        try:
            with self._transaction():
                for position in removed:
                    self._connection.execute("DELETE FROM positions WHERE identifier = ?", (position.identifier,))
                for record in changed:
                    table = self._tables[type(record)]
                    self._connection.execute(table.upsert, table.write(record))
                table = self._tables[Deal]
                for deal in deals:
                    # a deal is written once: a second time is an error, never a replacement
                    self._connection.execute(table.insert, table.write(deal))
                for name, value in facts.items():
                    self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))
        except sqlite3.Error as error:
            raise LedgerError(f"ledger not written: {error}") from error

    def remember_moment(self, market_at: float) -> None:
        """Keep the clock's position without waiting for the disk."""
        self._clock.write(market_at)

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection)

    # reading ---------------------------------------------------------------------------------------------------------

    def read_facts(self) -> dict[str, Any]:
        """Return every fact by name."""
        return {name: json.loads(value) for name, value in self._connection.execute("SELECT * FROM facts")}

    def find_moment(self) -> float | None:
        """Return the clock's last position, ``None`` in a new ledger."""
        written = self.read_facts().get("market_at")
        moments = [moment for moment in (written, self._clock.read()) if moment is not None]
        return max(moments, default=None)

    def list_all(self, record: type[RecordT]) -> list[RecordT]:
        """Return every record of a kind, oldest first."""
        return list(self._select(record, "1 = 1", ()))

    def list_waiting_orders(self) -> list[Order]:
        """Return the orders that wait for their price."""
        return list(self._select(Order, "state = ?", (int(OrderState.PLACED),)))

    def list_done_orders(self, login: int, since: float, until: float) -> list[Order]:
        """Return an account's history orders that were set up within two moments."""
        rule = "login = ? AND state != 1 AND setup_at >= ? AND setup_at <= ?"
        return list(self._select(Order, rule, (login, since, until)))

    def list_deals(self, login: int, since: float, until: float) -> list[Deal]:
        """Return an account's deals within two moments."""
        return list(self._select(Deal, "login = ? AND made_at >= ? AND made_at <= ?", (login, since, until)))

    def list_by(self, record: type[RecordT], login: int, column: str, value: int) -> list[RecordT]:
        """Return an account's history of one order or position."""
        if value >= 2**63:
            return []
        rule = f"login = ? AND {column} = ?"
        if record is Order:
            rule += " AND state != 1"
        return list(self._select(record, rule, (login, value)))

    def _select(self, record: type[RecordT], rule: str, values: tuple[Any, ...]) -> Iterator[RecordT]:
        table = self._tables[record]
        query = f"SELECT * FROM {table.name} WHERE {rule} ORDER BY {table.key}"  # noqa: S608
        for row in self._connection.execute(query, values):
            yield table.read(row)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type | None, *_: object) -> None:
        self._connection.execute("COMMIT" if kind is None else "ROLLBACK")


class ClockFile:
    """One moment and its checksum, overwritten in place."""

    _SHAPE = struct.Struct("<dI")

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._file = path.open("r+b", buffering=0)

    def read(self) -> float | None:
        """Return the moment, ``None`` if the file is new or torn."""
        self._file.seek(0)
        raw = self._file.read(self._SHAPE.size)
        if len(raw) != self._SHAPE.size:
            return None
        moment, checksum = self._SHAPE.unpack(raw)
        return float(moment) if checksum == zlib.crc32(raw[:8]) else None

    def write(self, moment: float) -> None:
        """Put ``moment`` in place."""
        raw = struct.pack("<d", moment)
        self._file.seek(0)
        self._file.write(raw + struct.pack("<I", zlib.crc32(raw)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
