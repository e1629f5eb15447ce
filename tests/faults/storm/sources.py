"""Where the storm's checks read: the platform's rows and the broker's ledger, both past every door of ours."""

from __future__ import annotations

import sqlite3
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from config.launch import postgres
from config.launch.data_dir import DataDir

AGAIN_AFTER_S = 0.2


class Store:
    """The platform's rows. Its server is killed now and then, so every question is asked again until it is answered."""

    def __init__(self, data: Path) -> None:
        opened = DataDir.open(data)
        self._url = postgres.url(opened, opened.read("ports.json")["postgres"])
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def ask(self, sql: str, parameters: Any = None, patience_s: float = 60.0) -> list[tuple[Any, ...]]:
        """
        Return the rows of a question.

        :raises psycopg.OperationalError: where nobody answers for so long.
        """
        deadline_s = time.monotonic() + patience_s
        while True:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
                return self._connection.execute(sql, parameters).fetchall()
            except psycopg.OperationalError:
                self.close()
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(AGAIN_AFTER_S)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Broker:
    """The simulated broker's ledger, read from its file: it can be asked while its process is dead."""

    def __init__(self, data: Path) -> None:
        address = f"file:{data / 'simulator' / 'ledger.sqlite3'}?mode=ro"
        self._connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=20)

    def close(self) -> None:
        self._connection.close()

    def list_doubled(self, logins: list[int]) -> list[tuple[int, str, int]]:
        """Return account, magic and number where a bot holds more than one position."""
        sql = f"select login, magic, count(*) from positions where login in ({_marks(logins)}) and magic <> '0' group by 1, 2 having count(*) > 1"
        return self._connection.execute(sql, logins).fetchall()

    def list_held(self, logins: list[int]) -> set[tuple[int, int]]:
        """Return account and magic of everything open."""
        sql = f"select login, magic from positions where login in ({_marks(logins)})"
        return {(login, int(magic)) for login, magic in self._connection.execute(sql, logins)}

    def count_entries(self, login: int, magic: int) -> int:
        """Return how often a bot has opened."""
        sql = "select count(*) from deals where login = ? and magic = ? and entry = 0 and symbol <> ''"
        return int(self._connection.execute(sql, (login, str(magic))).fetchone()[0])

    def list_entries(self, login: int) -> list[tuple[str, int, Decimal]]:
        """Return tag, position and lots of every opening deal."""
        sql = "select comment, position_id, volume from deals where login = ? and entry = 0 and symbol <> ''"
        return [(tag, position, Decimal(lots)) for tag, position, lots in self._connection.execute(sql, (login,))]

    def read_deals(self, login: int) -> dict[int, Decimal]:
        """Return what each deal booked, the deposit too."""
        sql = "select ticket, profit, commission, swap, fee from deals where login = ?"
        return {row[0]: sum(map(Decimal, row[1:]), Decimal(0)) for row in self._connection.execute(sql, (login,))}

    def read_balance(self, login: int) -> Decimal:
        return Decimal(self._connection.execute("select balance from accounts where login = ?", (login,)).fetchone()[0])


def _marks(values: list[int]) -> str:
    return ", ".join("?" for _ in values)
