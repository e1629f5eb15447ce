"""The wall clock is the database's: one clock for all processes. Doors read it and hand it down as `at`."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from django.db.models import DateTimeField, Func


class ClockTimestamp(Func):
    """The database's clock at the moment the row is read (`now()` would be the transaction's beginning)."""

    template = "clock_timestamp()"
    output_field = DateTimeField()


def read_at() -> dt.datetime:
    """Return the database's wall clock, aware, in UTC."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: dt.datetime = cursor.fetchone()[0]
    return at.astimezone(dt.UTC)
