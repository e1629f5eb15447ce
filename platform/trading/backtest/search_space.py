"""What a search may change in a strategy document, and the documents that come of it."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from math import prod
from operator import ge, gt, le, lt, ne
from typing import Any, Final

from trading.errors import InvalidValue, TradingError
from trading.model.instrument import to_decimal

MOST_DIMENSIONS: Final = 12
MOST_VALUES: Final = 1_000
_RELATIONS: Final = {"<": lt, "<=": le, ">": gt, ">=": ge, "!=": ne}
_INDICATOR: Final = re.compile(r"^([A-Za-z]+)_(\d+)$")

Value = int | float | str | bool


class InvalidSpace(TradingError):
    """A parameter space nothing can be searched in."""

    code = "SEARCH_SPACE_INVALID"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that varies: a path into the document, and its values in order. ``is_ordered``: near values are alike."""

    path: str
    values: tuple[Value, ...]
    is_ordered: bool


@dataclass(frozen=True, slots=True)
class Constraint:
    """A relation that must hold between two values of a point, or between one and a number."""

    left: str
    relation: str
    right: str | int | float

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Say whether a point keeps it."""
        right = values[self.right] if isinstance(self.right, str) else self.right
        return bool(_RELATIONS[self.relation](values[self.left], right))

    @property
    def words(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


@dataclass(frozen=True)
class Space:
    """
    Dimensions and constraints. A *point* has a number: the place of its values in the full grid, the last dimension turning fastest.
    Numbers are stable, so they name points in stored results.
    """

    dimensions: tuple[Dimension, ...]
    constraints: tuple[Constraint, ...] = ()

    @cached_property
    def size(self) -> int:
        """How many points the full grid has, constraints not counted."""
        return prod(len(dimension.values) for dimension in self.dimensions)

    def values(self, number: int) -> dict[str, Value]:
        """
        Return the values of a point by path.

        >>> space = parse_space({"parameters": {"a": {"from": 1, "to": 3}, "b": {"choices": ["x", "y"]}}})
        >>> space.size, space.values(3)
        (6, {'a': 2, 'b': 'y'})
        """
        if not 0 <= number < self.size:
            raise InvalidValue(f"point {number} is outside the space of {self.size}", field="number")
        found: dict[str, Value] = {}
        for dimension in reversed(self.dimensions):
            number, place = divmod(number, len(dimension.values))
            found[dimension.path] = dimension.values[place]
        return dict(reversed(found.items()))

    def number(self, values: Mapping[str, Value]) -> int:
        """Return the number of a point; the inverse of `values`."""
        number = 0
        for dimension in self.dimensions:
            number = number * len(dimension.values) + dimension.values.index(values[dimension.path])
        return number

    def broken(self, number: int) -> Constraint | None:
        """Return the first constraint a point breaks, None where it keeps all."""
        if not self.constraints:
            return None
        values = self.values(number)
        return next((rule for rule in self.constraints if not rule.holds(values)), None)

    def document(self, base: Mapping[str, Any], number: int) -> dict[str, Any]:
        """
        Return a copy of the document with the values of a point in it.

        :raises InvalidSpace: where the document has no such place.

        >>> space = parse_space({"parameters": {"entry.indicators.0.period": {"choices": [10, 20]}}})
        >>> space.document({"entry": {"indicators": ["EMA_5", "EMA_50"]}}, 1)
        {'entry': {'indicators': ['EMA_20', 'EMA_50']}}
        """
        changed = copy.deepcopy(dict(base))
        for path, value in self.values(number).items():
            _set(changed, path, value)
        return changed

    def require_fits(self, base: Mapping[str, Any]) -> None:
        """:raises InvalidSpace: where a path leads nowhere in the document; the message says what is there."""
        self.document(base, 0)

    @cached_property
    def content_hash(self) -> str:
        """The SHA-256 of dimensions and constraints."""
        plain = [
            [[d.path, list(d.values)] for d in self.dimensions],
            [[c.left, c.relation, c.right] for c in self.constraints],
        ]
        return hashlib.sha256(json.dumps(plain, separators=(",", ":")).encode()).hexdigest()


def parse_space(document: Mapping[str, Any]) -> Space:
    """
    Read a space: ``{"parameters": {path: range or choices}, "constraints": [{"left", "is", "right"}]}``.

    A range is ``{"from", "to", "step"}``, both ends included; the step is 1 where all are whole numbers. Choices are a list of numbers,
    texts or flags. A path names fields and list places with dots; ``entry.indicators.0.period`` changes the number of ``EMA_20``.

    :raises InvalidSpace: for anything else, with the path of what is wrong.

    >>> parse_space({"parameters": {"exit.stopLoss": {"from": 0.5, "to": 1.5, "step": 0.5}}}).dimensions[0].values
    (0.5, 1, 1.5)
    """
    unknown = sorted(set(document) - {"parameters", "constraints"})
    if unknown:
        raise InvalidSpace(
            f"{unknown[0]} is not known here", field=unknown[0], extra={"allowed": ["parameters", "constraints"]}
        )
    parameters = document.get("parameters")
    if not isinstance(parameters, Mapping) or not parameters or len(parameters) > MOST_DIMENSIONS:
        raise InvalidSpace(f"a search varies 1 to {MOST_DIMENSIONS} parameters", field="parameters")
    dimensions = tuple(_dimension(str(path), spec) for path, spec in parameters.items())
    rules = document.get("constraints") or []
    if isinstance(rules, str) or not isinstance(rules, Sequence):
        raise InvalidSpace("constraints must be a list", field="constraints")
    paths = {dimension.path for dimension in dimensions}
    return Space(dimensions, tuple(_constraint(rule, f"constraints.{n}", paths) for n, rule in enumerate(rules)))


def _dimension(path: str, spec: Any) -> Dimension:
    field = f"parameters.{path}"
    if isinstance(spec, Mapping) and set(spec) == {"choices"}:
        return Dimension(path, _choices(spec["choices"], field), is_ordered=False)
    if not isinstance(spec, Mapping) or not {"from", "to"} <= set(spec) <= {"from", "to", "step"}:
        raise InvalidSpace(f"{path} needs from, to and step, or choices", field=field)
    return Dimension(path, _steps(spec, field), is_ordered=True)


def _choices(values: Any, field: str) -> tuple[Value, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not 1 <= len(values) <= MOST_VALUES:
        raise InvalidSpace(f"choices must be a list of 1 to {MOST_VALUES} values", field=field)
    for value in values:
        if not isinstance(value, bool | int | float | str) or (
            isinstance(value, float) and not abs(value) < float("inf")
        ):
            raise InvalidSpace(f"a choice is a number, a text or a flag, was {value!r}", field=field)
    if len(set(values)) < len(values):
        raise InvalidSpace("a choice is named twice", field=field)
    return tuple(values)


def _steps(spec: Mapping[str, Any], field: str) -> tuple[Value, ...]:
    try:
        low, high = to_decimal(spec["from"], field=field), to_decimal(spec["to"], field=field)
        step = to_decimal(spec["step"], field=field) if "step" in spec else _default_step(low, high, field)
    except InvalidValue as invalid:
        raise InvalidSpace(invalid.message, field=field) from None
    if step <= 0 or high < low:
        raise InvalidSpace("a range rises by a step above 0", field=field)
    count = int((high - low) / step) + 1
    if count > MOST_VALUES:
        raise InvalidSpace(f"{count} values are more than {MOST_VALUES}: take a larger step", field=field)
    return tuple(_plain(low + step * place) for place in range(count))


def _default_step(low: Decimal, high: Decimal, field: str) -> Decimal:
    if low != low.to_integral_value() or high != high.to_integral_value():
        raise InvalidSpace("a range of fractions needs a step", field=field)
    return Decimal(1)


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _constraint(rule: Any, field: str, paths: set[str]) -> Constraint:
    if not isinstance(rule, Mapping) or set(rule) != {"left", "is", "right"}:
        raise InvalidSpace('a constraint is {"left": path, "is": "<", "right": path or number}', field=field)
    left, relation, right = rule["left"], rule["is"], rule["right"]
    if relation not in _RELATIONS:
        raise InvalidSpace(f"{relation!r} is not a relation", field=f"{field}.is", extra={"allowed": list(_RELATIONS)})
    for name, side in (("left", left), ("right", right)):
        is_number = name == "right" and isinstance(side, int | float) and not isinstance(side, bool)
        if side not in paths and not is_number:
            raise InvalidSpace(
                f"{side!r} does not vary in this search", field=f"{field}.{name}", extra={"allowed": sorted(paths)}
            )
    return Constraint(left, relation, right)


def _set(document: dict[str, Any], path: str, value: Value) -> None:
    steps = path.split(".")
    holder: Any = document
    for depth, step in enumerate(steps[:-1]):
        inner = _get(holder, step, ".".join(steps[: depth + 1]))
        if depth == len(steps) - 2 and steps[-1] == "period" and isinstance(inner, str) and _INDICATOR.match(inner):
            _put(holder, step, f"{inner.rsplit('_', 1)[0]}_{value}")
            return
        holder = inner
    # Parameters of a catalogue strategy may be left out of its document: they have defaults.
    if not (len(steps) > 1 and steps[-2] == "parameters" and isinstance(holder, dict)):
        _get(holder, steps[-1], path)
    _put(holder, steps[-1], value)


def _get(holder: Any, step: str, path: str) -> Any:
    if isinstance(holder, list):
        if step.isdigit() and int(step) < len(holder):
            return holder[int(step)]
        allowed = [str(place) for place in range(len(holder))]
    elif isinstance(holder, dict):
        if step in holder:
            return holder[step]
        allowed = sorted(str(name) for name in holder)
    else:
        allowed = []
    raise InvalidSpace(f"the document has no {path}", field=f"parameters.{path}", extra={"allowed": allowed})


def _put(holder: Any, step: str, value: Any) -> None:
    holder[int(step) if isinstance(holder, list) else step] = value
