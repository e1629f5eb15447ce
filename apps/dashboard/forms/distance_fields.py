"""Distances of a rule document as a number beside its unit, both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DISTANCES = {
    "stop_loss": "exit.stopLoss",
    "take_profit": "exit.takeProfit",
    "trailing_distance": "exit.trailingStopDistance",
    "trailing_start": "exit.trailingStart",
    "break_at": "management.breakEven.at",
    "break_offset": "management.breakEven.offset",
}
_WORDS = {
    "pips": "pips",
    "points": "points",
    "percent": "% of price",
    "atr": "× ATR",
    "r": "× stop",
    "swing": "pips behind swing",
}
_GAIN = ("pips", "points", "percent", "r")
UNITS = {
    "stop_loss": ("pips", "points", "percent", "atr", "swing"),
    "take_profit": ("pips", "points", "percent", "atr", "r"),
    "trailing_distance": ("pips", "points", "percent", "atr"),
    "trailing_start": _GAIN,
    "break_at": _GAIN,
    "break_offset": _GAIN,
    "part": _GAIN,
}
_EXTRA = {"atr": ("period",), "swing": ("bars", "lookback")}
EXTRA_NUMBERS = ("period", "bars", "lookback")


def list_units(name: str) -> list[tuple[str, str]]:
    """Return the units a distance may be given in, with what they are called."""
    return [(unit, _WORDS[unit]) for unit in UNITS[name]]


def read_distance(fields: Mapping[str, Any], name: str, parse: Callable[[str], Any]) -> Any:
    """Return the distance that the fields say, None where there is none."""
    text = str(fields.get(name) or "").strip()
    unit = str(fields.get(f"{name}_unit") or "pips")
    if not text and unit != "swing":
        return None
    if unit == "pips":
        return parse(text)
    shape: dict[str, Any] = {"unit": unit}
    if text:
        shape["buffer" if unit == "swing" else "value"] = parse(text)
    for extra in _EXTRA.get(unit, ()):
        number = str(fields.get(f"{name}_{extra}") or "").strip()
        if number:
            shape[extra] = parse(number)
    return shape


def show_distance(name: str, value: Any, write: Callable[[Any], str]) -> dict[str, str]:
    """Return the fields for a distance."""
    shape = value if isinstance(value, dict) else {"unit": "pips", "value": value}
    number = shape.get("buffer" if shape.get("unit") == "swing" else "value")
    fields = {name: "" if number is None else write(number), f"{name}_unit": str(shape.get("unit", "pips"))}
    for extra in EXTRA_NUMBERS:
        fields[f"{name}_{extra}"] = "" if shape.get(extra) is None else write(shape[extra])
    return fields


def find_distance(path: str) -> str | None:
    """
    Return the field for a path inside a distance, None where it is in none.

    >>> find_distance("exit.stopLoss.unit"), find_distance("exit.takeProfit.value"), find_distance("risk.maxRisk")
    ('stop_loss_unit', 'take_profit', None)
    """
    for name, place in DISTANCES.items():
        if path == place or path in (f"{place}.value", f"{place}.buffer"):
            return name
        if path.startswith(f"{place}."):
            return f"{name}_{path[len(place) + 1 :]}"
    return "break_at" if path == "management.breakEven" else None
