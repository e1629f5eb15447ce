"""
Querysets compiled once and kept by the server as prepared statements, several of them asked in one round trip.

The ORM writes a SELECT anew each time, the server parses and plans it anew, and each is a round trip: for one approval that is
most of its time, and a thread that comes back from the database fifteen times waits fifteen times for the interpreter. A queryset
stays the only place that says what is read; what differs from time to time is a `Place` in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable
from django.db.transaction import TransactionManagementError
from psycopg.sql import Literal

RowT = TypeVar("RowT")
Values = tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """Where a parameter goes, counted from zero."""

    number: int


ONE, TWO, THREE = Place(0), Place(1), Place(2)


@models.ForeignObject.register_lookup  # a relation has lookups of its own
@models.Field.register_lookup
class AnyOf(models.Lookup):
    """
    `field__any=ids`: one of a list, which goes out as one array. `IN` is another statement for each length.

    An empty list finds nothing. The list holds values as the column has them (a `UUID`, not its text).
    """

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, parameters = self.process_lhs(compiler, connection)
        return f"{left} = ANY(%s)", (*parameters, self.rhs)


@dataclass(frozen=True, eq=False)
class Asked(Generic[RowT]):
    """A statement with its parameters, and what makes its rows of what comes back."""

    sql: str
    parameters: Sequence[Any] = ()
    read: Callable[[list[Values]], list[RowT]] = list  # type: ignore[assignment]
    locks: bool = False  # rows, until the transaction ends: nothing outside of one


class Prepared(Generic[RowT]):
    """
    A queryset of whole or partial rows of one model (`only`, no `select_related`), or of `values_list`, compiled with its first use.

    >>> from django.contrib.contenttypes.models import ContentType
    >>> apps_of_models = Prepared(lambda: ContentType.objects.filter(model__any=ONE).values_list("app_label"))
    >>> apps_of_models(["session", "site"]).parameters
    [['session', 'site']]
    """

    def __init__(self, make: Callable[[], models.QuerySet[Any, RowT]]) -> None:
        self._make = make

    def __call__(self, *parameters: Any) -> Asked[RowT]:
        """Return it with these parameters, by the numbers of their places."""
        sql, places, read, locks = self._plan
        return Asked(sql, [parameters[number] for number in places], read, locks)

    @cached_property
    def _plan(self) -> tuple[str, list[int], Callable[[list[Values]], list[RowT]], bool]:
        made = self._make()
        compiler = made.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, places = _with_constants(*compiler.as_sql())
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        if made._iterable_class is ModelIterable:
            if compiler.klass_info.get("related_klass_infos"):
                raise TypeError(f"{made.model.__name__}: rows of several models are asked for one by one")
            names = [column.target.attname for column, _, _ in compiler.select]
            return sql, places, _Maker(made.model, names, converters).make_rows, made.query.select_for_update
        return sql, places, _Maker(None, [], converters).make_rows, made.query.select_for_update


def _with_constants(sql: str, given: Sequence[Any]) -> tuple[str, list[int]]:
    """
    Return the statement with what is always the same written into it, and which parameter goes to each place left.

    A partial index is taken only where the statement itself says what it is of.
    """
    words, *others = sql.split("%s")
    places = []
    for value, after in zip(given, others, strict=True):
        if isinstance(value, Place):
            places.append(value.number)
        words += ("%s" if isinstance(value, Place) else Literal(value).as_string(None).replace("%", "%%")) + after
    return words, places


class _Maker:
    """Makes rows of one statement: instances as `Model.from_db` does without its constructor, or tuples."""

    def __init__(self, model: type[models.Model] | None, names: list[str], converters: dict[int, Any]) -> None:
        self._model, self._names = model, names
        self._converters = [
            (place, convert, column) for place, (found, column) in converters.items() for convert in found
        ]

    def make_rows(self, rows: list[Values]) -> list[Any]:
        if self._converters:
            rows = [self._convert(row) for row in rows]
        return rows if self._model is None else [self._make_row(self._model, row) for row in rows]

    def _convert(self, row: Values) -> Values:
        values = list(row)
        for place, convert, column in self._converters:
            values[place] = convert(values[place], column, connection)
        return tuple(values)

    def _make_row(self, model: type[models.Model], values: Values) -> models.Model:
        row = model.__new__(model)
        row.__dict__ = dict(zip(self._names, values, strict=True))
        row._state = ModelState()
        row._state.db, row._state.adding = DEFAULT_DB_ALIAS, False
        return row


def ask_together(*asked: Asked[Any]) -> list[list[Any]]:
    """
    Return the rows of each statement. They are carried out in their order, each seeing what was committed before it began, as if
    they were asked one after the other; but they go out together, and the answers come back together.

    :raises django.db.DatabaseError: of the first that fails; those after it were not carried out.
    :raises TransactionManagementError: where one locks rows and there is no transaction to hold them.
    """
    if not connection.in_atomic_block and any(one.locks for one in asked):
        raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
    if _is_watched():
        return [one.read(_ask_watched(one)) for one in asked]
    with one_round_trip():
        cursors = [execute(one.sql, one.parameters) for one in asked]
        found = [cursor.fetchall() for cursor in cursors]
    return [one.read(rows) for one, rows in zip(asked, found, strict=True)]


@contextmanager
def one_round_trip() -> Iterator[None]:
    """Send what `execute` is given within the block together; no COPY, and nothing of the ORM."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    if _is_watched():
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def execute(sql: str, parameters: Sequence[Any]) -> Any:
    """
    Carry out a statement that the server keeps prepared; return its cursor.

    :raises django.db.DatabaseError: as any statement of Django's.
    """
    if _is_watched():
        cursor = connection.cursor()
        cursor.execute(sql, list(parameters))
        return cursor
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return psycopg.Cursor(connection.connection).execute(sql, parameters, prepare=True)


def _is_watched() -> bool:
    """Say whether somebody counts or wraps the statements: they see them one by one then."""
    return connection.queries_logged or bool(connection.execute_wrappers)


def _ask_watched(one: Asked[Any]) -> list[Values]:
    with connection.cursor() as cursor:
        cursor.execute(one.sql, list(one.parameters))
        rows: list[Values] = cursor.fetchall()
    return rows
