"""What the package accepts as arguments, and in which words it refuses the rest."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

MAX_TEXT_UNITS: Final = 29  # symbol and comment, in UTF-16 units
MAX_GROUP_UNITS: Final = 1997
FLOAT_FIELDS: Final = ("volume", "price", "stoplimit", "sl", "tp")
TEXT_FIELDS: Final = ("symbol", "comment")
# unsigned limits in bits; the expiration is a signed time
INT_FIELDS: Final[Mapping[str, int]] = {
    "action": 32,
    "magic": 64,
    "order": 64,
    "deviation": 64,
    "type": 32,
    "type_filling": 32,
    "type_time": 32,
    "expiration": 64,
    "position": 64,
    "position_by": 64,
}


class InvalidArgument(Exception):
    """The package answers ``None`` (or ``False``) and puts this text behind error -2."""


def refuse_keywords(function: str, keywords: Mapping[str, Any]) -> None:
    """Raise as a positional-only C function does."""
    if keywords:
        raise TypeError(f"{function}() takes no keyword arguments")


def pending_exception(function: str) -> SystemError:
    """Return what CPython makes of a C function that fails to parse its arguments but returns a value."""
    return SystemError(f"<built-in function {function}> returned a result with an exception set")


def count_units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def read_text(name: str, value: Any, limit: int = MAX_TEXT_UNITS) -> str:
    """
    Return ``value`` if it is a text that the package would carry.

    :raises InvalidArgument: if it is not, or is longer than ``limit`` UTF-16 units.
    """
    if not isinstance(value, str) or count_units(value) > limit:
        raise InvalidArgument(f'Invalid "{name}" argument')
    return value


def read_int(name: str, value: Any) -> int:
    """
    Return ``value`` if it is a Python integer that fits 64 unsigned bits.

    :raises InvalidArgument: if it is of another type (``numpy.int64`` is).
    :raises OverflowError: if it does not fit.
    """
    if not isinstance(value, int):
        raise InvalidArgument(f'Invalid "{name}" argument')
    if not 0 <= value < 2**64:
        raise OverflowError(name)
    return int(value)


def read_request(request: Any, function: str) -> dict[str, Any]:
    """
    Return the known fields of a trade request, each in its type; a missing one is zero or empty.

    :raises InvalidArgument: for a field of the wrong type or too long a text.
    :raises SystemError: for an integer that does not fit its field.
    """
    if not isinstance(request, dict):
        raise InvalidArgument("Invalid arguments")
    read: dict[str, Any] = {}
    for name, bits in INT_FIELDS.items():
        value = request.get(name, 0)
        if not isinstance(value, int):
            raise InvalidArgument(f'Invalid "{name}" argument')
        if not 0 <= value < 2**bits:
            raise pending_exception(function)
        read[name] = int(value)
    for name in FLOAT_FIELDS:
        value = request.get(name, 0.0)
        if not isinstance(value, float):
            raise InvalidArgument(f'Invalid "{name}" argument')
        read[name] = float(value)
    for name in TEXT_FIELDS:
        read[name] = read_text(name, request.get(name, ""))
    return read


def read_date(value: Any) -> int:
    """
    Return whole seconds since 1970 for an int, a float or a datetime (a naive one means local time).

    :raises InvalidArgument: for anything else and for what does not fit signed 32 bits.
    """
    if isinstance(value, datetime):
        value = value.timestamp()
    if not isinstance(value, (int, float)) or value != value or abs(value) >= 2**31:
        raise InvalidArgument("Invalid arguments")
    return int(value)


def read_query(values: Mapping[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    """
    Return the filters among ``values`` that were given.

    :raises InvalidArgument: for one of the wrong type.
    """
    query: dict[str, Any] = {}
    for name in allowed:
        value = values.get(name)
        if value is None:
            continue
        if name in ("ticket", "position"):
            query[name] = read_int(name, value)
        else:
            query[name] = read_text(name, value, MAX_GROUP_UNITS if name == "group" else MAX_TEXT_UNITS)
    return query
