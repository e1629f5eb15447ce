"""What a strategy may be told: the kinds of parameters, how each is checked, and how each describes itself. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from trading.rules.fields import (
    CONTRADICTION,
    OUT_OF_RANGE,
    REQUIRED,
    UNKNOWN_FIELD,
    UNKNOWN_NAME,
    WRONG_TYPE,
    Problem,
    is_number,
)

LONGEST_LIST = 5000
_IMPACTS = ("low", "medium", "high")
_EVENT_FIELDS = ("currency", "title", "impact", "time", "forecast", "previous", "actual", "source")


@dataclass(frozen=True, slots=True)
class Parameter:
    """
    One parameter of a strategy.

    ``kind`` is one of `KINDS`; ``minimum`` and ``maximum`` bound a number, every number of a list, or are absent. ``longest`` bounds
    a list. A ``required`` one has no default: nobody can guess it.

    >>> [problem.message for problem in Parameter("int", 14, 2, 50, help="bars of the RSI").check(1, "entry.parameters.rsi_period")]
    ['entry.parameters.rsi_period must be a whole number from 2 to 50, not 1']
    """

    kind: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    required: bool = False
    shortest: int = 0
    longest: int = LONGEST_LIST

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with ``value``."""
        return KINDS[self.kind].check(self, value, path)

    def normal(self, value: Any) -> Any:
        """Return a right value in its one spelling, as plain JSON."""
        return KINDS[self.kind].normal(value)

    def describe(self) -> str:
        """Return what a right value is, in words."""
        return KINDS[self.kind].words(self)

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of a right value."""
        shape = KINDS[self.kind].schema(self)
        return {**shape, "description": self.help} | ({} if self.required else {"default": self.default})


@dataclass(frozen=True, slots=True)
class _Kind:
    check: Callable[[Parameter, Any, str], Iterator[Problem]]
    words: Callable[[Parameter], str]
    schema: Callable[[Parameter], dict[str, Any]]
    normal: Callable[[Any], Any]


def _range(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low is None and high is None:
        return ""
    if high is None:
        return f" of at least {low:g}"
    return f" from {low:g} to {high:g}"


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _wrong(parameter: Parameter, value: Any, path: str, code: str = WRONG_TYPE) -> Problem:
    right = parameter.describe()
    return Problem(path, code, f"{path} must be {right}, not {_show(value)}", list(parameter.choices) or right)


def _is_whole(value: Any) -> bool:
    return is_number(value) and value == int(value)


def _check_number(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    if not (_is_whole(value) if parameter.kind == "int" else is_number(value)):
        yield _wrong(parameter, value, path)
    elif not _in_range(parameter, value):
        yield _wrong(parameter, value, path, OUT_OF_RANGE)


def _in_range(parameter: Parameter, value: float) -> bool:
    low, high = parameter.minimum, parameter.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _check_bool(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield _wrong(parameter, value, path)


def _check_choice(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str) or value not in parameter.choices:
        yield _wrong(parameter, value, path, UNKNOWN_NAME)


def _check_name(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9._#/+-]{1,32}", value):
        yield _wrong(parameter, value, path)


def _list_of(
    entry: Callable[[Parameter, Any, str], Iterator[Problem]],
) -> Callable[[Parameter, Any, str], Iterator[Problem]]:
    def check(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, list | tuple):
            yield _wrong(parameter, value, path)
        elif not parameter.shortest <= len(value) <= parameter.longest:
            words = f"{parameter.describe()}: {parameter.shortest} to {parameter.longest} entries"
            yield Problem(path, OUT_OF_RANGE, f"{path} must be {words}, not {len(value)}", words)
        else:
            for index, one in enumerate(value):
                yield from entry(parameter, one, f"{path}[{index}]")

    return check


def _check_whole(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    words = f"a whole number{_range(parameter)}"
    if not _is_whole(value):
        yield Problem(path, WRONG_TYPE, f"{path} must be {words}, not {_show(value)}", words)
    elif not _in_range(parameter, value):
        yield Problem(path, OUT_OF_RANGE, f"{path} must be {words}, not {_show(value)}", words)


def _check_event(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield Problem(path, WRONG_TYPE, f"{path} must be an object, not {_show(value)}", "an object")
        return
    for name in value:
        if name not in _EVENT_FIELDS:
            message = f"{path}.{name} is not known: use {', '.join(_EVENT_FIELDS)}"
            yield Problem(f"{path}.{name}", UNKNOWN_FIELD, message, list(_EVENT_FIELDS))
    right = {
        "currency": (is_currency, "a currency of three letters"),
        "title": (lambda text: isinstance(text, str) and 0 < len(text) <= 200, "a title of 1 to 200 characters"),
        "impact": (lambda text: text in _IMPACTS, f"one of {', '.join(_IMPACTS)}"),
        "time": (
            lambda text: parse_moment(text) is not None,
            "an ISO time with its zone, such as 2026-01-09T13:30:00Z",
        ),
    }
    for name, (is_right, words) in right.items():
        here = f"{path}.{name}"
        if name not in value:
            yield Problem(here, REQUIRED, f"{here} is required: {words}", words)
        elif not is_right(value[name]):
            yield Problem(here, WRONG_TYPE, f"{here} must be {words}, not {_show(value[name])}", words)
    for name in ("forecast", "previous", "actual"):
        if value.get(name) is not None and not is_number(value[name]):
            here = f"{path}.{name}"
            yield Problem(here, WRONG_TYPE, f"{here} must be a number or absent, not {_show(value[name])}", "a number")


def _check_rates(parameter: Parameter, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping) or len(value) > 200:
        yield _wrong(parameter, value, path)
        return
    for currency, rows in value.items():
        here = f"{path}.{currency}"
        if not is_currency(currency):
            yield Problem(here, UNKNOWN_NAME, f"{here} must be a currency of three letters", "a currency")
        elif not isinstance(rows, list | tuple) or not 0 < len(rows) <= LONGEST_LIST:
            yield Problem(here, WRONG_TYPE, f"{here} must be a list of {{from, percent}}", "a list of {from, percent}")
        else:
            yield from _check_rate_rows(rows, here)


def _check_rate_rows(rows: Any, path: str) -> Iterator[Problem]:
    before: date | None = None
    for index, row in enumerate(rows):
        here = f"{path}[{index}]"
        day = parse_day(row.get("from")) if isinstance(row, Mapping) else None
        if (
            day is None
            or set(row) != {"from", "percent"}
            or not is_number(row["percent"])
            or abs(row["percent"]) > 1000
        ):
            words = 'an object such as {"from": "2024-06-12", "percent": 3.75}'
            yield Problem(here, WRONG_TYPE, f"{here} must be {words}, not {_show(row)}", words)
            return
        if before is not None and day <= before:
            yield Problem(
                f"{here}.from", CONTRADICTION, f"{here}.from must be later than the row before", "rising days"
            )
        before = day


def is_currency(text: Any) -> bool:
    """Say whether ``text`` is a currency code."""
    return isinstance(text, str) and bool(re.fullmatch(r"[A-Z]{3}", text))


def parse_moment(text: Any) -> datetime | None:
    """
    Return the moment an ISO text names, or None where it names none or lacks its zone.

    >>> parse_moment("2026-01-09T13:30:00Z").isoformat(), parse_moment("2026-01-09T13:30:00")
    ('2026-01-09T13:30:00+00:00', None)
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def parse_day(text: Any) -> date | None:
    """Return the day an ISO text names, or None."""
    try:
        return date.fromisoformat(text) if isinstance(text, str) and len(text) == 10 else None
    except ValueError:
        return None


def _number_schema(parameter: Parameter) -> dict[str, Any]:
    low, high = parameter.minimum, parameter.maximum
    bounds = {name: bound for name, bound in (("minimum", low), ("maximum", high)) if bound is not None}
    return {"type": "integer" if parameter.kind in ("int", "ints") else "number", **bounds}


def _list_schema(parameter: Parameter, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": parameter.shortest, "maxItems": parameter.longest}


def _same(value: Any) -> Any:
    return value


KINDS: dict[str, _Kind] = {
    "int": _Kind(_check_number, lambda p: f"a whole number{_range(p)}", _number_schema, int),
    "float": _Kind(_check_number, lambda p: f"a number{_range(p)}", _number_schema, _same),
    "bool": _Kind(_check_bool, lambda p: "true or false", lambda p: {"type": "boolean"}, _same),
    "choice": _Kind(
        _check_choice, lambda p: f"one of {', '.join(p.choices)}", lambda p: {"enum": list(p.choices)}, _same
    ),
    "choices": _Kind(
        _list_of(_check_choice),
        lambda p: f"one of {', '.join(p.choices)}, or a list of them",
        lambda p: _list_schema(p, {"enum": list(p.choices)}),
        list,
    ),
    "ints": _Kind(
        _list_of(_check_whole),
        lambda p: f"a list of whole numbers{_range(p)}",
        lambda p: _list_schema(p, _number_schema(p)),
        lambda value: [int(one) for one in value],
    ),
    "name": _Kind(
        _check_name,
        lambda p: "the name of a symbol",
        lambda p: {"type": "string", "maxLength": 32},
        lambda value: value,
    ),
    "names": _Kind(
        _list_of(_check_name),
        lambda p: "a list of symbols",
        lambda p: _list_schema(p, {"type": "string", "maxLength": 32}),
        list,
    ),
    "rates": _Kind(
        _check_rates,
        lambda p: 'dated rates such as {"USD": [{"from": "2024-06-12", "percent": 5.5}]}',
        lambda p: {"type": "object"},
        dict,
    ),
    "events": _Kind(
        _list_of(_check_event),
        lambda p: "a list of calendar events",
        lambda p: _list_schema(p, {"type": "object", "required": ["currency", "title", "impact", "time"]}),
        list,
    ),
}
"""The kinds there are; a form shows one field for each."""
