"""Reads the values of a limit document, strictly: each refusal names its field and what would be right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any

from trading.errors import TradingError
from trading.risk.days import UnknownZone, check_zone

LARGEST_COUNT = 86_400


class InvalidLimits(TradingError):
    """A limit document with unknown names or values that can never be right."""

    code = "LIMITS_INVALID"


def fraction(name: str, value: Any) -> Decimal:
    """Return a share above 0 and at most 1; a ratio of slippage at most 10."""
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        number = None
    most = Decimal(10) if name == "max_slippage_ratio" else Decimal(1)
    if number is None or not number.is_finite() or not 0 < number <= most:
        raise InvalidLimits(f"{name} must be above 0 and at most {most} (0.05 is 5 %), was {value!r}", field=name)
    return number


def fraction_or_none(name: str, value: Any) -> Decimal | None:
    """Return a share, or None where the rule is off."""
    return None if value is None else fraction(name, value)


def count(name: str, value: Any) -> int:
    """Return a whole number from 0 to 86400."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_COUNT:
        raise InvalidLimits(f"{name} must be a whole number from 0 to {LARGEST_COUNT}, was {value!r}", field=name)
    return value


def count_or_none(name: str, value: Any) -> int | None:
    """Return a whole number, or None where the rule is off."""
    return None if value is None else count(name, value)


def times_or_none(name: str, value: Any) -> int | None:
    """Return a whole number from 1 on, or None where the rule is off."""
    if value == 0 and not isinstance(value, bool):
        raise InvalidLimits(f"{name} must be at least 1, or null for no such limit", field=name)
    return count_or_none(name, value)


def flag(name: str, value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise InvalidLimits(f"{name} must be true or false, was {value!r}", field=name)
    return value


def one_of(*allowed: str) -> Callable[[str, Any], str]:
    """Return a reader of one of these words, in any case."""

    def read(name: str, value: Any) -> str:
        text = value.upper() if isinstance(value, str) else value
        if text not in allowed:
            raise InvalidLimits(
                f"{name} must be one of {', '.join(allowed)}, was {value!r}", field=name, extra={"allowed": allowed}
            )
        return str(text)

    return read


def clock_or_none(name: str, value: Any) -> str | None:
    """Return a time of day with its zone, as ``15:10 America/Chicago``, or None where the rule is off."""
    if value is None:
        return None
    try:
        read_clock(value)
    except (ValueError, AttributeError, UnknownZone):
        message = f"{name} must be a time of day and a zone, like 15:10 America/Chicago, was {value!r}"
        raise InvalidLimits(message, field=name) from None
    return str(value)


def read_clock(text: str) -> tuple[time, str]:
    """
    Return the time of day and the zone of a text like ``15:10 America/Chicago``.

    :raises ValueError: where it is none.
    :raises UnknownZone: where nobody knows the zone.

    >>> read_clock("15:10 America/Chicago")
    (datetime.time(15, 10), 'America/Chicago')
    """
    wall, _, zone = text.partition(" ")
    found = time.fromisoformat(wall)
    if found.tzinfo is not None or found.microsecond:
        raise ValueError(f"{wall!r} is no time of the wall clock")
    return found, check_zone(zone)


def modes_of(checks: frozenset[str], modes: tuple[str, ...]) -> Callable[[str, Any], tuple[tuple[str, str], ...]]:
    """Return a reader of a mode for each of some checks."""

    def read(name: str, value: Any) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, Mapping):
            raise InvalidLimits(f"{name} must be an object of checks and modes, was {value!r}", field=name)
        for check in value:
            if check not in checks:
                raise InvalidLimits(
                    f"{name}.{check} is no limit that has a mode",
                    field=f"{name}.{check}",
                    extra={"allowed": sorted(checks)},
                )
        read_mode = one_of(*modes)
        return tuple(sorted((check, read_mode(f"{name}.{check}", mode)) for check, mode in value.items()))

    return read
