"""What a condition compares: prices, indicators, distances and numbers. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trading.indicators.specs import SPECS, IndicatorSpec, Parameter
from trading.model.timeframe import Timeframe
from trading.rules.fields import (
    REQUIRED,
    UNKNOWN_FIELD,
    UNKNOWN_NAME,
    WRONG_TYPE,
    Block,
    Choice,
    IndicatorName,
    Kind,
    Number,
    Problem,
    split_indicator,
)

PRICES = ("open", "high", "low", "close", "hl2", "hlc3", "typical", "ohlc4", "volume")
FRAMES = tuple(str(frame) for frame in Timeframe)
LONGEST_OFFSET = 500
_KEYS = ("price", "indicator", "atr", "pips", "points")
_SHORT = tuple(name for name, spec in SPECS.items() if "period" in spec.parameters)
_CONSTANT = Number(-1e9, 1e9)
_FORMS = "a number, a price such as close, an indicator such as EMA_20, or an object with one of price, indicator, atr, pips, points"


class OperandField:
    """One side of a comparison."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        """Yield what is wrong with an operand."""
        if isinstance(value, Mapping):
            yield from _check_object(value, path)
        elif isinstance(value, str):
            yield from _check_short(value, path)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield Problem(path, WRONG_TYPE, f"{path} must be {_FORMS}", _FORMS)
        else:
            yield from _CONSTANT.check(value, path)

    def schema(self) -> dict[str, Any]:
        """Return where the schema of an operand stands."""
        return {"$ref": "#/$defs/operand"}


OPERAND = OperandField()


def _check_short(text: str, path: str) -> Iterator[Problem]:
    if text in PRICES:
        return
    if split_indicator(text)[1] is None:
        allowed = [*PRICES, *(f"{name}_<period>" for name in _SHORT)]
        yield Problem(path, UNKNOWN_NAME, f"{path} must be one of {', '.join(allowed)}, not {text[:40]!r}", allowed)
    else:
        yield from IndicatorName(_SHORT).check(text, path)


def _check_object(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    keys = [key for key in _KEYS if key in value]
    if not keys:
        yield Problem(path, REQUIRED, f"{path} needs one of {', '.join(_KEYS)}", list(_KEYS))
    elif len(keys) > 1:
        yield Problem(f"{path}.{keys[1]}", UNKNOWN_FIELD, f"{path} is either {keys[0]} or {keys[1]}, not both")
    elif keys[0] == "indicator":
        yield from _check_indicator(value, path)
    else:
        yield from _OBJECTS[keys[0]].check(value, path)


def _check_indicator(value: Mapping[str, Any], path: str) -> Iterator[Problem]:
    name = value["indicator"]
    block = INDICATORS.get(name.upper()) if isinstance(name, str) else None
    if block is None:
        yield from Choice(tuple(SPECS)).check(name, f"{path}.indicator")
        return
    yield from block.check({**value, "indicator": name.upper()}, path)


@dataclass(frozen=True, slots=True)
class _Again:
    """An operand inside an operand."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from OPERAND.check(value, path)

    def schema(self) -> dict[str, Any]:
        return OPERAND.schema()


_COMMON: dict[str, Kind] = {
    "offset": Number(0, LONGEST_OFFSET, whole=True, unit="bars back", or_equal=True),
    "timeframe": Choice(FRAMES),
    "times": Number(-1e6, 1e6),
    "plus": _Again(),
}
_ATR = Block(
    {"atr": Number(0, 1000), "period": Number(1, 1000, whole=True, or_equal=True), **_COMMON}, required=("atr",)
)
_OBJECTS = {
    "price": Block({"price": Choice(PRICES), **_COMMON}, required=("price",)),
    "atr": _ATR,
    "pips": Block({"pips": Number(-1e6, 1e6, unit="pips")}, required=("pips",)),
    "points": Block({"points": Number(-1e8, 1e8, unit="points")}, required=("points",)),
}


def _parameter_field(parameter: Parameter) -> Number:
    return Number(parameter.least, parameter.most, whole=parameter.whole, or_equal=True)


def _indicator_block(spec: IndicatorSpec) -> Block:
    fields: dict[str, Kind] = {"indicator": Choice((spec.name,))}
    fields |= {name: _parameter_field(parameter) for name, parameter in spec.parameters.items()}
    if len(spec.lines) > 1:
        fields["line"] = Choice(spec.lines)
    if spec.from_source:
        fields["source"] = Choice(PRICES)
    return Block({**fields, **_COMMON}, required=("indicator",), title=spec.title)


INDICATORS = {name: _indicator_block(spec) for name, spec in SPECS.items()}
OPERAND_SCHEMA: dict[str, Any] = {
    "anyOf": [
        _CONSTANT.schema(),
        {"enum": list(PRICES)},
        IndicatorName(_SHORT).schema(),
        *(block.schema() for block in _OBJECTS.values()),
        *(block.schema() for block in INDICATORS.values()),
    ]
}


def normal_operand(value: Any) -> Any:
    """
    Return a valid operand in one spelling: numbers as they are, all else as an object with its defaults.

    >>> normal_operand("EMA_20")
    {'indicator': 'EMA', 'period': 20, 'source': 'close', 'offset': 0}
    >>> normal_operand({"atr": 1.5})
    {'indicator': 'ATR', 'period': 14, 'offset': 0, 'times': 1.5}
    """
    if isinstance(value, str):
        name, period = split_indicator(value)
        value = {"price": value} if period is None else {"indicator": name, "period": period}
    if not isinstance(value, Mapping) or "pips" in value or "points" in value:
        return value
    if "atr" in value:
        rest = {key: part for key, part in value.items() if key not in ("atr", "times")}
        return normal_operand({**rest, "indicator": "ATR", "times": value["atr"] * value.get("times", 1)})
    shape = {"price": value["price"]} if "price" in value else _normal_indicator(value)
    shape["offset"] = int(value.get("offset", 0))
    if "timeframe" in value:
        shape["timeframe"] = value["timeframe"]
    if value.get("times", 1) != 1:
        shape["times"] = value["times"]
    if "plus" in value:
        shape["plus"] = normal_operand(value["plus"])
    return shape


def _normal_indicator(value: Mapping[str, Any]) -> dict[str, Any]:
    spec = SPECS[value["indicator"].upper()]
    shape: dict[str, Any] = {"indicator": spec.name}
    for name, known in spec.parameters.items():
        number = value.get(name, known.default)
        shape[name] = int(number) if known.whole else number
    if len(spec.lines) > 1:
        shape["line"] = value.get("line", spec.lines[0])
    if spec.from_source:
        shape["source"] = value.get("source", "close")
    return shape


def find_fast_slow(value: Any, path: str) -> Iterator[Problem]:
    """Yield where a valid operand has its fast average not faster than its slow one."""
    if not isinstance(value, Mapping):
        return
    yield from find_fast_slow(value.get("plus"), f"{path}.plus")
    spec = SPECS.get(str(value.get("indicator", "")).upper())
    if spec is None or spec.rising is None:
        return
    numbers = spec.fill({name: value[name] for name in spec.parameters if name in value})
    first, second = spec.rising
    if numbers[first] >= numbers[second]:
        message = f"{path}.{first} must be below {second}, {numbers[second]:g}"
        yield Problem(f"{path}.{first}", "CONTRADICTION", message, {"maximum": numbers[second] - 1})


def operand_words(value: Any) -> str:
    """
    Return a normalised operand in words.

    >>> operand_words(normal_operand({"indicator": "macd", "line": "hist", "timeframe": "H1", "offset": 1}))
    'MACD(12, 26, 9) hist on H1, 1 bar before'
    """
    if not isinstance(value, Mapping):
        return f"{value:g}"
    for unit in ("pips", "points"):
        if unit in value:
            return f"{value[unit]:g} {unit}"
    text = _scaled(value, _place(value))
    return f"{text} plus {operand_words(value['plus'])}" if "plus" in value else text


def _place(value: Mapping[str, Any]) -> str:
    text = value["price"] if "price" in value else _indicator_words(value)
    text = f"the {text}" if "price" in value else text
    if "timeframe" in value:
        text += f" on {value['timeframe']}"
    offset = value["offset"]
    return f"{text}, {offset} bar{'s' if offset > 1 else ''} before" if offset else text


def _scaled(value: Mapping[str, Any], text: str) -> str:
    return f"{value['times']:g} times {text}" if "times" in value else text


def _indicator_words(value: Mapping[str, Any]) -> str:
    spec = SPECS[value["indicator"]]
    numbers = [value[name] for name in spec.parameters]
    text = f"{spec.name}_{numbers[0]}" if list(spec.parameters) == ["period"] else _call(spec.name, numbers)
    if value.get("line"):
        text += f" {value['line']}"
    return f"{text} of the {value['source']}" if value.get("source", "close") != "close" else text


def _call(name: str, numbers: list[float]) -> str:
    return f"{name}({', '.join(f'{number:g}' for number in numbers)})"
