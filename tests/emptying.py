"""Empties the database after a test that commits, touching only what the test has written."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection, transaction

# `migrate` fills these itself after it has made the tables; no test changes them.
KEPT = frozenset({"django_migrations", "django_content_type", "auth_permission", "django_site"})

# The tables whose rows a trigger refuses to delete, and those that point to them: they can only be truncated, together.
TRUNCATED_TOGETHER = """
WITH RECURSIVE reached(root, member) AS (
    SELECT tgrelid, tgrelid FROM pg_trigger WHERE NOT tgisinternal AND tgtype & 1 = 1 AND tgtype & 8 = 8
    UNION
    SELECT root, conrelid FROM pg_constraint JOIN reached ON confrelid = member WHERE contype = 'f'
)
SELECT root::regclass::text, array_agg(member::regclass::text) FROM reached GROUP BY root
"""


def empty_after_test(_case: Any = None) -> None:
    """
    Take the rows out of the tables that have some: Django's own way truncates all tables and makes all permissions anew.

    All tables are locked first, as by TRUNCATE: what a thread of the test is still writing is waited for, and goes too.
    """
    tables = _tables()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {_listed(tables)} IN EXCLUSIVE MODE")
        cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables))
        written = {table for (table,) in cursor.fetchall()}
        together = {table for root, group in _truncated_together() if root in written for table in group}
        if together:
            cursor.execute(f"TRUNCATE {_listed(sorted(together))}")
        if rest := sorted(written - together):
            # Foreign keys are looked at when the transaction ends, so the order does not matter.
            cursor.execute("; ".join(f"DELETE FROM {table}" for table in rest))


@cache
def _tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - KEPT)


@cache
def _truncated_together() -> list[tuple[str, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(TRUNCATED_TOGETHER)
        return list(cursor.fetchall())


def _listed(tables: Sequence[str]) -> str:
    return ", ".join(tables)
