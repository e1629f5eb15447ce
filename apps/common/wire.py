"""JSON as the platform speaks it: Decimals as numbers, instants in UTC to the millisecond; strict about what it reads."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import uuid
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from typing import Any

from django.utils.functional import Promise

WIRE_DIGITS = 15  # every double shows a decimal of 15 digits unchanged
MAX_DEPTH = 8
MAX_BODY_BYTES = 64 * 1024
MAX_NUMBER_LETTERS = 40
_WIRE_CONTEXT = Context(prec=WIRE_DIGITS)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@lru_cache(maxsize=4096)  # a burst says the same numbers hundreds of times
def to_wire_number(value: Decimal) -> int | float:
    """
    Return the JSON number of a Decimal, at most 15 significant digits.

    >>> to_wire_number(Decimal("100000.00000000")), to_wire_number(Decimal("1.10250000"))
    (100000, 1.1025)
    """
    value = _WIRE_CONTEXT.plus(value)
    if value == value.to_integral_value() and abs(value) < Decimal("1e15"):
        return int(value)
    return float(value)


@lru_cache(maxsize=1024)
def to_wire_time(at: dt.datetime) -> str:
    """
    Return an instant as `2026-01-27T14:30:22.000Z`.

    :raises ValueError: if it is naive.
    """
    if at.tzinfo is None:
        raise ValueError("a naive datetime has no place on the wire")
    return at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_json_value(value: Any) -> Any:
    """Turn what `json` does not know. The order is by frequency."""
    if isinstance(value, Decimal):
        return to_wire_number(value)
    if isinstance(value, dt.datetime):
        return to_wire_time(value)
    if isinstance(value, uuid.UUID | dt.date | dt.time | Promise):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple | set | frozenset) or hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no form on the wire")


_encoder = json.JSONEncoder(default=_to_json_value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def to_json(value: Any) -> bytes:
    """
    Return the value as JSON bytes.

    :raises ValueError: for NaN and infinities, which are bugs here.
    """
    return _encoder.encode(value).encode("utf-8")


def to_plain(value: Any) -> Any:
    """
    Return the value as JSON sees it: what a JSON column may hold.

    >>> to_plain({"lots": Decimal("0.10"), "of": ("a", None)})
    {'lots': 0.1, 'of': ['a', None]}

    :raises ValueError: for NaN and infinities, which are bugs here.
    """
    if value is None or type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value)):
        return value
    if type(value) is dict and all(type(name) is str for name in value):
        return {name: to_plain(inner) for name, inner in value.items()}
    if type(value) in (list, tuple):
        return [to_plain(inner) for inner in value]
    if type(value) is dt.datetime or (type(value) is Decimal and value.is_finite()):
        return _to_json_value(value)
    return json.loads(to_json(value))


def parse_json(raw: bytes) -> Any:
    """
    Return the value of JSON bytes, numbers with a point as Decimal. Trailing NULs are dropped (MQL5 strings end in one).

    :raises ValueError: with a sentence, if it is not JSON, deeper than 8, has a key twice, NaN, Infinity,
        a number of absurd size, or text that cannot be stored.
    """
    try:
        text = raw.rstrip(b"\x00").decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    if not text.strip():
        return {}
    _refuse_depth(text)
    value = json.loads(
        text,
        parse_float=_read_decimal,
        parse_int=_read_int,
        parse_constant=_refuse_constant,
        object_pairs_hook=_read_object,
    )
    if _UNSTORABLE.search(text) or "\\u" in text:
        _refuse_unstorable(value)
    return value


def _refuse_depth(text: str) -> None:
    """Count brackets outside of strings, before a parser recurses on them."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth, in_string, escaped = 0, False, False
    for letter in text:
        if in_string:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                in_string = False
        elif letter == '"':
            in_string = True
        elif letter in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
        elif letter in "]}":
            depth -= 1


def _read_decimal(text: str) -> Decimal:
    value = Decimal(text) if len(text) <= MAX_NUMBER_LETTERS else None
    if value is None or (value and not -30 <= value.adjusted() <= 20):
        raise ValueError(f"the number {text[:24]} is of absurd size")
    return value


def _read_int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"the number {text[:24]} is of absurd size")
    return int(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name[:40]!r} stands twice")
        found[name] = value
    return found


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise ValueError("a text holds NUL or half a surrogate pair")
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_unstorable(name)
            _refuse_unstorable(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_unstorable(inner)
