"""Inserting many rows at once by COPY, where a list of VALUES costs more than the work it is for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

from django.db import connection, models
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)


def new_row(model: type[Row], **values: Any) -> Row:
    """
    Return an unsaved row for `copy_rows`, made without the model's constructor: of a burst that is most of the work.

    :param values: by the names of columns' attributes (`account_id`); what is not given has the model's default.
    :raises TypeError: for a name that is no column's.
    """
    plain, made = _defaults(model)
    row = model.__new__(model)
    given = {**plain, **values}
    if len(given) != len(plain):
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(values.keys() - plain.keys()))}")
    for name, make in made:
        if name not in values:
            given[name] = make()
    given["_state"] = ModelState()
    row.__dict__ = given
    return row


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
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """Return the default of every column's attribute, and those that are made anew for each row."""
    fields = model._meta.concrete_fields
    made = tuple((one.attname, one.get_default) for one in fields if callable(one.default))
    return {one.attname: None if callable(one.default) else one.get_default() for one in fields}, made


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
