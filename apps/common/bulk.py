"""Inserting many rows at once by COPY, where a list of VALUES costs more than the work it is for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from django.db import connection, models


def copy_rows(rows: Sequence[models.Model]) -> None:
    """
    Insert unsaved rows of one model, in one statement; keys and defaults that the database gives are not read back.

    Values go in as they are, JSON columns as plain JSON values: nothing is converted and no `save` is called. Constraints
    and triggers hold as for any insert.

    :raises django.db.DatabaseError: as an insert would.
    """
    if not rows:
        return
    statement, read, json_places = _plan(type(rows[0]))
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            for row in rows:
                values = read(row)
                copy.write_row(_with_json(values, json_places) if json_places else values)


def _with_json(values: tuple[Any, ...], places: tuple[int, ...]) -> list[Any]:
    row = list(values)
    for place in places:
        row[place] = json.dumps(row[place])
    return row


@cache
def _plan(model: type[models.Model]) -> tuple[str, attrgetter[tuple[Any, ...]], tuple[int, ...]]:
    """Return the statement, what reads a row's values, and which of them are JSON."""
    fields = [one for one in model._meta.concrete_fields if not one.has_db_default() and not _is_numbered(one)]
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(one.column)) for one in fields)
    statement = f"COPY {quote(model._meta.db_table)} ({names}) FROM STDIN"
    places = tuple(place for place, one in enumerate(fields) if isinstance(one, models.JSONField))
    return statement, attrgetter(*[one.attname for one in fields]), places


def _is_numbered(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, models.AutoField)  # BigAutoField too
