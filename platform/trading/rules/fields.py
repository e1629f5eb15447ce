"""The kinds of fields a rule document is made of: each can check a value and describe itself as JSON Schema."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol, TypeGuard
from zoneinfo import ZoneInfo

UNKNOWN_FIELD = "UNKNOWN_FIELD"
REQUIRED = "REQUIRED"
WRONG_TYPE = "WRONG_TYPE"
OUT_OF_RANGE = "OUT_OF_RANGE"
UNKNOWN_NAME = "UNKNOWN_NAME"
CONTRADICTION = "CONTRADICTION"
SETTING_LOOSENS = "SETTING_LOOSENS"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a document: dotted path, stable code, one sentence, and what is allowed instead."""

    path: str
    code: str
    message: str
    allowed: Any = None

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as plain JSON values."""
        return {"field": self.path, "code": self.code, "message": self.message, "allowed": self.allowed}


class Kind(Protocol):
    """What every kind of field can do."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with ``value``."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a right value."""
        ...


def wrong_type(path: str, value: Any, right: str) -> Problem:
    """Return the problem of a value that is not ``right``."""
    return Problem(path, WRONG_TYPE, f"{path} must be {right}, not {_show(value)}", right)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def is_number(value: Any) -> TypeGuard[int | float]:
    """Say whether ``value`` is a finite number; truth values are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    return math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number above one bound (or from it on, where ``or_equal``) and up to another."""

    above: float
    at_most: float
    whole: bool = False
    unit: str = ""
    or_equal: bool = False

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not is_number(value) or (self.whole and value != int(value)):
            yield wrong_type(path, value, self._describe())
        elif not self.above <= value <= self.at_most or (value == self.above and not self.or_equal):
            yield Problem(path, OUT_OF_RANGE, f"{path} must be {self._describe()}, not {value}", self._describe())

    def schema(self) -> dict[str, Any]:
        kind = "integer" if self.whole else "number"
        bounds = {"minimum" if self.or_equal else "exclusiveMinimum": self.above, "maximum": self.at_most}
        return {"type": kind, **bounds, **({"description": self.unit} if self.unit else {})}

    def _describe(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        unit = f" [{self.unit}]" if self.unit else ""
        begin = "from" if self.or_equal else "above"
        return f"{kind} {begin} {self.above:,g} {'' if self.or_equal else 'and '}up to {self.at_most:,.10g}{unit}"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, bool):
            yield wrong_type(path, value, "true or false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Any JSON value; somebody else knows what is right."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from ()

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few names."""

    names: tuple[Any, ...]

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if isinstance(value, bool) or value not in self.names:
            allowed = list(self.names)
            message = f"{path} must be one of {', '.join(map(str, allowed))}, not {_show(value)}"
            yield Problem(path, UNKNOWN_NAME, message, allowed)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.names)}


@dataclass(frozen=True, slots=True)
class IndicatorName:
    """An indicator with its period: `EMA_20`."""

    names: tuple[str, ...]
    longest: int = 1000

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        allowed = [f"{name}_<period>" for name in self.names]
        if not isinstance(value, str):
            yield wrong_type(path, value, " or ".join(allowed))
            return
        name, period = split_indicator(value)
        if name not in self.names or period is None:
            yield Problem(path, UNKNOWN_NAME, f"{path} must be {' or '.join(allowed)}, not {_show(value)}", allowed)
        elif not 2 <= period <= self.longest:
            right = f"a period of 2 to {self.longest}"
            yield Problem(path, OUT_OF_RANGE, f"{path} must have {right}, not {period}", right)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^({'|'.join(self.names)})_[0-9]{{1,4}}$"}


@lru_cache(maxsize=4096)
def split_indicator(text: str) -> tuple[str, int | None]:
    """
    Split `EMA_20` into its name and period; the period is None where the text has another form.

    >>> split_indicator("ema_20")
    ('EMA', 20)
    """
    match = re.fullmatch(r"([A-Za-z]+)_([0-9]{1,4})", text)
    return (match[1].upper(), int(match[2])) if match else (text, None)


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day, `08:00`; `24:00` is the end of the day."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, str) or parse_minute(value) is None:
            yield wrong_type(path, value, "a time of day as HH:MM, 00:00 to 24:00")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"}


def parse_minute(text: str) -> int | None:
    """
    Return minutes since midnight of `HH:MM`, or None where it is no such time.

    >>> parse_minute("08:30"), parse_minute("24:00"), parse_minute("25:00")
    (510, 1440, None)
    """
    match = re.fullmatch(r"([0-2][0-9]):([0-5][0-9])", text)
    minute = int(match[1]) * 60 + int(match[2]) if match else -1
    return minute if 0 <= minute <= 1440 else None


@dataclass(frozen=True, slots=True)
class ZoneName:
    """A time zone of the IANA database."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, str) or not _is_zone(value):
            right = "a time zone such as UTC, Europe/Berlin or America/New_York"
            yield Problem(path, UNKNOWN_NAME, f"{path} must be {right}, not {_show(value)}", right)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 64}


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of a stated length."""

    kind: Kind
    shortest: int
    longest: int

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        right = f"a list of {self.shortest} to {self.longest} entries"
        if self.shortest == self.longest:
            right = f"a list of exactly {self.shortest} entries"
        if not isinstance(value, list | tuple):
            yield wrong_type(path, value, right)
            return
        if not self.shortest <= len(value) <= self.longest:
            yield Problem(path, OUT_OF_RANGE, f"{path} must be {right}, not {len(value)}", right)
        for index, entry in enumerate(value[: self.longest]):
            yield from self.kind.check(entry, f"{path}[{index}]")

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.kind.schema(), "minItems": self.shortest, "maxItems": self.longest}


@dataclass(frozen=True, slots=True)
class Block:
    """An object with known fields; every other name is a mistake."""

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    title: str = field(default="", compare=False)

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield wrong_type(path or "the document", value, "an object")
            return
        yield from (self._unknown(str(name), path) for name in value if name not in self.fields)
        for name, kind in self.fields.items():
            here = f"{path}.{name}" if path else name
            if name in value:
                yield from kind.check(value[name], here)
            elif name in self.required:
                yield Problem(here, REQUIRED, f"{here} is required", kind.schema())

    def _unknown(self, name: str, path: str) -> Problem:
        here = f"{path}.{name}" if path else name
        allowed = list(self.fields)
        return Problem(here, UNKNOWN_FIELD, f"{here} is not known: use {', '.join(allowed)}", allowed)

    def schema(self) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.fields.items()},
            "additionalProperties": False,
        }
        if self.required:
            shape["required"] = list(self.required)
        return {"title": self.title, **shape} if self.title else shape


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several blocks, told apart by the name in one of their fields."""

    blocks: Mapping[str, Kind]
    key: str = "type"

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield wrong_type(path, value, "an object")
            return
        here = f"{path}.{self.key}"
        name = value.get(self.key)
        if name is None:
            yield Problem(here, REQUIRED, f"{here} is required: use {', '.join(self.blocks)}", list(self.blocks))
        elif not isinstance(name, str) or name not in self.blocks:
            yield from Choice(tuple(self.blocks)).check(name, here)
        else:
            yield from self.blocks[name].check(value, path)

    def schema(self) -> dict[str, Any]:
        return {"oneOf": [block.schema() for block in self.blocks.values()]}


@dataclass(frozen=True, slots=True)
class Either:
    """A plain value, or an object that says more."""

    plain: Kind
    whole: OneOf | Block

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from (self.whole if isinstance(value, Mapping) else self.plain).check(value, path)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.plain.schema(), self.whole.schema()]}
