"""What is kept of the equity curve: every point for two days, one a minute for 90 days, one a day for ever."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

RAW = timedelta(hours=48)
MINUTES = timedelta(days=90)
BATCH = timedelta(days=14)  # how far beyond a border one run looks: what a long downtime has left

_THIN = """
DELETE FROM accounts_equitypoint WHERE id IN (
    SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY account_id, date_trunc(%s, at, 'UTC') ORDER BY at DESC, id DESC) AS place
        FROM accounts_equitypoint WHERE at < %s AND at >= %s
    ) AS placed WHERE place > 1
)
"""


def thin_equity(*, at: datetime) -> int:
    """Delete the points that are not the last of their minute (older than two days) or day (older than 90); return how many."""
    gone = 0
    with connection.cursor() as cursor:
        for unit, border in (("minute", at - RAW), ("day", at - MINUTES)):
            begin = border.replace(hour=0, minute=0, second=0, microsecond=0) if unit == "day" else border
            cursor.execute(_THIN, [unit, begin.replace(second=0, microsecond=0), begin - BATCH])
            gone += cursor.rowcount
    return gone
