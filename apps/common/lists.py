"""Lists as every door gives them: `{results, next, previous, count, count_is_estimate?}` with an opaque keyset cursor."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.codes import Code
from apps.common.errors import Invalid
from apps.common.wire import to_plain

Row = TypeVar("Row", bound=Model)

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
EXACT_COUNT = 10_000


def list_page(
    request: Request, queryset: QuerySet[Row], order: Sequence[str], to_row: Callable[[Row], dict[str, Any]]
) -> Response:
    """
    Return one page of a list.

    `order` names columns that hold no null, the last of them unique (`["-created_at", "-id"]`). `next` and `previous`
    are cursors for `?cursor=`, or null at an end. Rows are found by their key, so a list that grows shows none twice.

    :raises Invalid: CURSOR_INVALID or FIELD_INVALID for a cursor or limit that cannot be used.
    """
    limit = read_limit(request)
    backwards, key = read_cursor(queryset.model, request.query_params.get("cursor"), order)
    wanted = [_turn(name) for name in order] if backwards else list(order)
    found = queryset.order_by(*wanted)
    if key is not None:
        found = found.filter(_after(wanted, key))
    rows = list(found[: limit + 1])
    more, rows = len(rows) > limit, rows[:limit]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (more if not backwards else True)
    has_previous = bool(rows) and (more if backwards else key is not None)
    body: dict[str, Any] = {
        "results": [to_row(row) for row in rows],
        "next": _write_cursor(rows[-1], order, "n") if has_next else None,
        "previous": _write_cursor(rows[0], order, "p") if has_previous else None,
        **count_rows(queryset),
    }
    return Response(body)


def read_limit(request: Request) -> int:
    """
    Return `?limit=`, 50 if absent.

    :raises Invalid: if it is not a whole number from 1 to 500.
    """
    text = request.query_params.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,4}", text) or not 1 <= int(text) <= MAX_LIMIT:
        raise Invalid(Code.FIELD_INVALID, f"limit must be a whole number from 1 to {MAX_LIMIT}.", "limit")
    return int(text)


def read_choice(request: Request, name: str, allowed: Collection[str]) -> str:
    """
    Return a filter's value as it is stored, an empty text where it is not asked for; case does not matter.

    :raises Invalid: FIELD_INVALID with what is allowed.
    """
    value = request.query_params.get(name, "").upper()
    if value and value not in allowed:
        message = f"{name} must be one of {', '.join(sorted(allowed))}."
        raise Invalid(Code.FIELD_INVALID, message, name, {"allowed": sorted(allowed)})
    return value


def read_cursor(model: type[Model], text: str | None, order: Sequence[str]) -> tuple[bool, list[Any] | None]:
    """
    Return (backwards, key) of a cursor given by this list's order.

    :raises Invalid: CURSOR_INVALID if it is another list's, or no cursor at all.
    """
    if text is None:
        return False, None
    try:
        direction, signature, values = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        if direction not in ("n", "p") or signature != ",".join(order) or len(values) != len(order):
            raise ValueError
        key = [_column(model, name).to_python(value) for name, value in zip(order, values, strict=True)]
        if None in key or any(isinstance(value, dt.datetime) and value.tzinfo is None for value in key):
            raise ValueError
    except (ValueError, TypeError, KeyError, binascii.Error, ValidationError, OverflowError, FieldDoesNotExist):
        raise Invalid(Code.CURSOR_INVALID, "This cursor is not one of this list.", "cursor") from None
    return direction == "p", key


def count_rows(queryset: QuerySet[Any]) -> dict[str, Any]:
    """Return `count`, exact to 10,000; above that the planner's estimate, and `count_is_estimate`."""
    plain = queryset.order_by()
    counted = plain[: EXACT_COUNT + 1].count()
    if counted <= EXACT_COUNT:
        return {"count": counted}
    plan = json.loads(plain.explain(format="json"))
    return {"count": max(int(plan[0]["Plan"]["Plan Rows"]), counted), "count_is_estimate": True}


def _turn(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _after(order: Sequence[str], key: Sequence[Any]) -> Q:
    """Return the rows behind `key` in this order: (a > A) or (a = A and b > B) …"""
    condition, equal = Q(), Q()
    for name, value in zip(order, key, strict=True):
        column = name.lstrip("-")
        step = Q(**{f"{column}__{'lt' if name.startswith('-') else 'gt'}": value})
        condition |= equal & step
        equal &= Q(**{column: value})
    return condition


def _column(model: type[Model], name: str) -> Any:
    """Return the model field behind an order's name, following `__` to related tables."""
    *path, last = name.lstrip("-").split("__")
    for step in path:
        model = model._meta.get_field(step).related_model  # type: ignore[assignment]
    return model._meta.get_field(last)


def _write_cursor(row: Model, order: Sequence[str], direction: str) -> str:
    values = []
    for name in order:
        value: Any = row
        for step in name.lstrip("-").split("__"):
            value = getattr(value, step)
        values.append(_exact(value))
    raw = json.dumps([direction, ",".join(order), values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _exact(value: Any) -> Any:
    """Keep microseconds: a cursor must name exactly the row it stands on."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return str(value) if isinstance(value, uuid.UUID) else to_plain(value)
