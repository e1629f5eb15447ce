"""Connections outside of Django's pool, for those who listen: a LISTEN holds its connection for ever."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connections

LOST = (psycopg.OperationalError, psycopg.InterfaceError, OSError)


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
