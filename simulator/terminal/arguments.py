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
WRONG: Final = "Invalid arguments"
_PLACES: Final = ("1st", "2nd", "3rd")
# A C long of Windows, which is what the package reads its integers and dates into.
_LONGEST_INT: Final = 2**31


class InvalidArgument(Exception):
    """The package answers ``None`` (or ``False``) and puts this text behind error -2."""

    is_surprise = False


class SurprisingArgument(InvalidArgument):
    """The package puts this text behind error -2 too, but CPython finds its own exception pending: a SystemError."""

    is_surprise = True


def refuse_keywords(function: str, keywords: Mapping[str, Any]) -> None:
    """Raise as a positional-only C function does."""
    if keywords:
        raise TypeError(f"{function}() takes no keyword arguments")


def pending_exception(function: str) -> SystemError:
    """Return what CPython makes of a C function that leaves an exception behind but returns a value."""
    return SystemError(f"<built-in function {function}> returned a result with an exception set")


def name_place(index: int) -> str:
    """
    Return how the package names an argument without a name.

    >>> name_place(0)
    'Invalid 1st unnamed argument'
    """
    return f"Invalid {_PLACES[index]} unnamed argument"


def count_units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def read_text(name: str, value: Any, limit: int = MAX_TEXT_UNITS, *, refusal: str = "") -> str:
    """
    Return ``value`` if it is a text that the package would carry.

    :raises InvalidArgument: if it is not, or is longer than ``limit`` UTF-16 units; ``refusal`` replaces its words.
    """
    if not isinstance(value, str) or count_units(value) > limit:
        raise InvalidArgument(refusal or f'Invalid "{name}" argument')
    return value


def read_symbol(value: Any) -> str:
    """
    Return ``value`` if it may be a symbol of a positional function.

    :raises InvalidArgument: if it is no text or too long.
    """
    return read_text("symbol", value, refusal=WRONG)


def read_int(name: str, value: Any, bits: int = 64, *, is_signed: bool = False, refusal: str = "") -> int:
    """
    Return ``value`` if it is a Python integer that fits its bits.

    :raises InvalidArgument: if it is of another type (``numpy.int64`` is).
    :raises SurprisingArgument: if it does not fit.
    """
    words = refusal or f'Invalid "{name}" argument'
    if not isinstance(value, int):
        raise InvalidArgument(words)
    lowest, above = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if is_signed else (0, 2**bits)
    if not lowest <= value < above:
        raise SurprisingArgument(words)
    return int(value)


def read_long(value: Any) -> int:
    """
    Return ``value`` if a C long of Windows holds it.

    :raises SurprisingArgument: if it is no integer, or too large.
    """
    if not isinstance(value, int) or not -_LONGEST_INT <= value < _LONGEST_INT:
        raise SurprisingArgument(WRONG)
    return int(value)


def read_number(value: Any) -> float:
    """
    Return a number as a float.

    :raises SurprisingArgument: if it is none.
    """
    if not isinstance(value, (int, float)):
        raise SurprisingArgument(WRONG)
    return float(value)


def read_request(request: Any) -> dict[str, Any]:
    """
    Return the known fields of a trade request, each in its type; a missing one is zero or empty.

    :raises InvalidArgument: for a field of the wrong type or too long a text.
    :raises SurprisingArgument: for an integer that does not fit its field.
    """
    if not isinstance(request, dict):
        raise InvalidArgument(WRONG)
    read: dict[str, Any] = {}
    for name, bits in INT_FIELDS.items():
        read[name] = read_int(name, request.get(name, 0), bits, is_signed=name == "expiration")
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

    A float beyond a C long becomes its lowest value, as the processor converts it. Whether an integer fits is found out
    only after the call: see `is_too_late`.

    :raises InvalidArgument: for anything else.
    """
    if isinstance(value, datetime):
        value = value.timestamp()
    if not isinstance(value, (int, float)):
        raise InvalidArgument(WRONG)
    if value != value or not -_LONGEST_INT <= value < _LONGEST_INT:
        return -_LONGEST_INT
    return int(value)


def is_too_late(value: Any) -> bool:
    """Say whether a date is an integer that no C long holds: the package asks first and fails when it returns."""
    return isinstance(value, int) and not -_LONGEST_INT <= value < _LONGEST_INT


def read_query(values: Mapping[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    """
    Return the filters among ``values`` that were given; None is no way to leave one out.

    :raises InvalidArgument: for one of the wrong type.
    :raises SurprisingArgument: for a number that does not fit.
    """
    query: dict[str, Any] = {}
    for name in allowed:
        if name not in values:
            continue
        if name in ("ticket", "position"):
            query[name] = read_int(name, values[name])
        else:
            query[name] = read_text(name, values[name], MAX_GROUP_UNITS if name == "group" else MAX_TEXT_UNITS)
    return query
