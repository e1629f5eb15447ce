"""Connections outside of Django's pool, for those who listen: a LISTEN holds its connection for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import connections

LOST = (psycopg.OperationalError, psycopg.InterfaceError, OSError)
AT_A_TIME = 8  # notices taken before others get a turn of the loop


async def open_connection(name: str) -> psycopg.AsyncConnection[Any]:
    """
    Return a new connection in autocommit, to the database that Django uses.

    Dead peers are noticed by TCP keepalives within about ten seconds.

    :raises psycopg.OperationalError: if the database cannot be reached in five seconds.
    """
    settings = connections["default"].settings_dict
    return await psycopg.AsyncConnection.connect(
        host=settings["HOST"],
        port=settings["PORT"] or None,
        user=settings["USER"],
        password=settings["PASSWORD"],
        dbname=settings["NAME"],
        application_name=name,
        autocommit=True,
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
    )


async def hear_notices(
    connection: psycopg.AsyncConnection[Any], take: Callable[[str], None], *, alive_every_s: float
) -> None:
    """
    Call `take` with the payload of each notice, in the very turn of the loop in which it arrived, until the connection is lost.

    A generator of notices is two turns later; while other threads compute, each turn waits for the interpreter anew.

    :param alive_every_s: how often the server is asked whether it is there.
    :raises psycopg.OperationalError: where it is not.
    :raises Exception: what `take` raised.
    """
    connection.add_notify_handler(lambda notice: take(notice.payload))  # those that come while it is asked
    while True:
        await _Reading(connection, take).go_on(alive_every_s)
        await connection.execute("SELECT 1")


class _Reading:
    """Reads notices from a connection that is asked nothing meanwhile."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], take: Callable[[str], None]) -> None:
        self._pg, self._take = connection.pgconn, take
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._error: Exception | None = None

    async def go_on(self, seconds: float) -> None:
        """Read for a while; raise what went wrong."""
        fileno = self._pg.socket
        self._loop.add_reader(fileno, self._read)
        try:
            self._read()  # what came with the last answer
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            pass
        finally:
            self._loop.remove_reader(fileno)
            self._ended.set()
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        if self._ended.is_set():
            return  # put off before it ended: whoever reads next takes what is left
        try:
            self._pg.consume_input()
            for _ in range(AT_A_TIME):
                notice = self._pg.notifies()
                if notice is None:
                    return
                self._take(notice.extra.decode())
        except Exception as error:
            self._error = error
            self._ended.set()
        else:
            self._loop.call_soon(self._read)
