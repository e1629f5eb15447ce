"""How far: a number of pips as the guide writes it, or an object that names its unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading.rules.fields import Block, Choice, Either, Number, OneOf

PIPS = Number(0, 1_000_000, unit="pips")
_VALUES = {
    "pips": PIPS,
    "points": Number(0, 100_000_000, unit="points"),
    "percent": Number(0, 100, unit="percent of the entry price"),
    "atr": Number(0, 1000, unit="times the average true range"),
    "r": Number(0, 1000, unit="times the distance of the stop"),
}
_PERIOD = Number(1, 1000, whole=True, unit="bars", or_equal=True)
DEFAULT_ATR_PERIOD = 14
SWING = {"bars": 3, "lookback": 100}


def _block(unit: str) -> Block:
    fields: dict[str, Any] = {"unit": Choice((unit,)), "value": _VALUES[unit]}
    if unit == "atr":
        fields["period"] = _PERIOD
    return Block(fields, required=("unit", "value"))


_SWING_BLOCK = Block(
    {
        "unit": Choice(("swing",)),
        "bars": Number(1, 100, whole=True, unit="bars on each side", or_equal=True),
        "lookback": Number(1, 1000, whole=True, unit="bars", or_equal=True),
        "buffer": Number(0, 1_000_000, unit="pips", or_equal=True),
    },
    required=("unit",),
)


def distance(*units: str) -> Either:
    """Return the field of a distance in pips or in one of ``units``; `swing` is a stop behind the last swing point."""
    blocks = {unit: _SWING_BLOCK if unit == "swing" else _block(unit) for unit in units}
    return Either(PIPS, OneOf(blocks, key="unit"))


STOP = distance("pips", "points", "percent", "atr", "swing")
TARGET = distance("pips", "points", "percent", "atr", "r")
TRAIL = distance("pips", "points", "percent", "atr")
GAIN = distance("pips", "points", "percent", "r")


def normal_distance(value: Any) -> Any:
    """
    Return a distance in one spelling: pips as a number, everything else with its defaults.

    >>> normal_distance({"unit": "pips", "value": 20}), normal_distance({"unit": "atr", "value": 2})
    (20, {'unit': 'atr', 'value': 2, 'period': 14})
    """
    if not isinstance(value, Mapping):
        return value
    unit = value["unit"]
    if unit == "pips":
        return value["value"]
    if unit == "swing":
        return {"unit": "swing", **SWING, "buffer": 0, **value}
    shape = {"unit": unit, "value": value["value"]}
    return {**shape, "period": value.get("period", DEFAULT_ATR_PERIOD)} if unit == "atr" else shape


def distance_words(value: Any) -> str:
    """
    Return a normalised distance in words.

    >>> distance_words(20), distance_words({"unit": "atr", "value": 1.5, "period": 14})
    ('20 pips', '1.5 times the ATR of 14 bars')
    """
    if not isinstance(value, Mapping):
        return f"{value:g} pips"
    unit = value["unit"]
    if unit == "swing":
        beyond = f", {value['buffer']:g} pips beyond it" if value["buffer"] else ""
        return f"the last swing point ({value['bars']} bars on each side, at most {value['lookback']} bars ago{beyond})"
    number = f"{value['value']:g}"
    return {
        "points": f"{number} points",
        "percent": f"{number} % of the entry price",
        "atr": f"{number} times the ATR of {value.get('period', 0)} bars",
        "r": f"{number} times the stop's distance",
    }[unit]
