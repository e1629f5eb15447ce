"""Inserting and updating many rows at once, where what the ORM says it with costs more than the work it is for."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from django.db import connection, models
from django.db.models.base import ModelState

from apps.common.prepared import execute

FEW = 8  # rows, up to which single INSERTs in one round trip cost less than a COPY
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
    plan = _plan(type(rows[0]))
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(plan.copy) as copy:
            for row in rows:
                copy.write_row(plan.values_of(row))


def insert_rows(rows: Sequence[models.Model]) -> None:
    """
    Insert a few unsaved rows of one model as `copy_rows` does, each by a statement that the server keeps prepared: in a round
    trip with others (`one_round_trip`), where COPY needs one of its own.

    :raises django.db.DatabaseError: as an insert would.
    """
    if not rows:
        return
    plan = _plan(type(rows[0]))
    for row in rows:
        execute(plan.insert, plan.values_of(row))


def update_rows(rows: Sequence[models.Model], names: tuple[str, ...]) -> None:
    """
    Write the named columns of rows of one model that exist, in one statement. A row that is gone is passed over.

    Values go in as they are, and no `save` is called.

    :param names: of columns' attributes (`account_id`); none of them JSON.
    :raises django.db.DatabaseError: as an update would.
    """
    if not rows:
        return
    statement, read = _update_plan(type(rows[0]), names)
    execute(statement, [list(column) for column in zip(*map(read, rows), strict=True)])


class _Plan(NamedTuple):
    """How rows of a model go in: the two statements, what reads a row's values, and which of them are JSON."""

    copy: str
    insert: str
    read: attrgetter[tuple[Any, ...]]
    json_places: tuple[int, ...]

    def values_of(self, row: models.Model) -> Sequence[Any]:
        values: tuple[Any, ...] = self.read(row)
        if not self.json_places:
            return values
        plain = list(values)
        for place in self.json_places:
            plain[place] = json.dumps(plain[place])
        return plain


@cache
def _defaults(model: type[models.Model]) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[], Any]], ...]]:
    """Return the default of every column's attribute, and those that are made anew for each row."""
    fields = model._meta.concrete_fields
    anew = [one for one in fields if one.has_default() and callable(one.default)]
    plain = {one.attname: None if one in anew else one.get_default() for one in fields}
    return plain, tuple((one.attname, one.get_default) for one in anew)


@cache
def _plan(model: type[models.Model]) -> _Plan:
    fields = [one for one in model._meta.concrete_fields if not one.has_db_default() and not _is_numbered(one)]
    quote = connection.ops.quote_name
    target = f"{quote(model._meta.db_table)} ({', '.join(quote(str(one.column)) for one in fields)})"
    places = tuple(place for place, one in enumerate(fields) if isinstance(one, models.JSONField))
    return _Plan(
        f"COPY {target} FROM STDIN",
        f"INSERT INTO {target} VALUES ({', '.join(['%s'] * len(fields))})",  # noqa: S608 - the model's own names
        attrgetter(*[one.attname for one in fields]),
        places,
    )


@cache
def _update_plan(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, attrgetter[tuple[Any, ...]]]:
    """Return the statement, which takes an array for each column whatever the number of rows, and what reads a row."""
    key = model._meta.pk
    assert key is not None
    known = {one.attname: one for one in model._meta.concrete_fields}
    fields = [key, *(known[name] for name in names)]
    quote = connection.ops.quote_name
    columns = [quote(str(one.column)) for one in fields]
    table = quote(model._meta.db_table)
    changes = ", ".join(f"{one} = new.{one}" for one in columns[1:])
    # Types without their lengths: a cast to varchar(3) would cut a text off, where the column refuses it.
    arrays = ", ".join(f"%s::{str(one.db_type(connection)).partition('(')[0]}[]" for one in fields)
    return (
        f"UPDATE {table} SET {changes} FROM unnest({arrays}) "  # noqa: S608 - the model's own names
        f"AS new ({', '.join(columns)}) WHERE {table}.{columns[0]} = new.{columns[0]}",
        attrgetter(*[one.attname for one in fields]),
    )


def _is_numbered(field: models.Field[Any, Any]) -> bool:
    return isinstance(field, models.AutoField)  # BigAutoField too
