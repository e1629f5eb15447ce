"""The parameters of a ready strategy as form fields, both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trading.errors import TradingError
from trading.strategies.catalogue import get_spec
from trading.strategies.spec import StrategySpec

PREFIX = "entry-parameters-"
_LISTS = ("ints", "names", "choices")


def find_spec(name: Any) -> StrategySpec | None:
    """Return what a strategy says about itself, None where there is none of that name."""
    try:
        return get_spec(name) if isinstance(name, str) else None
    except TradingError:
        return None


def read_parameters(fields: Mapping[str, Any], name: Any, before: Any) -> dict[str, Any]:
    """Return the parameters that the fields say; an empty field leaves the default in force."""
    spec = find_spec(name)
    if spec is None:
        return dict(before) if isinstance(before, dict) else {}
    if not any(field.startswith(PREFIX) for field in fields):
        known = {*spec.parameters, *spec.aliases}
        return {key: value for key, value in (before or {}).items() if key in known} if isinstance(before, dict) else {}
    texts = {name: str(fields.get(f"{PREFIX}{name}") or "").strip() for name in spec.parameters}
    return {name: parse_value(spec.parameters[name].kind, text) for name, text in texts.items() if text}


def parse_value(kind: str, text: str) -> Any:
    """
    Return the value a text says for a kind of parameter, or the text: the strategy's own check then says what is right.

    >>> parse_value("int", "14"), parse_value("ints", "10, 20"), parse_value("bool", "true"), parse_value("int", "many")
    (14, [10, 20], True, 'many')
    """
    if kind in ("choice", "name"):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if kind not in _LISTS:
        return text
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [int(part) for part in parts] if kind == "ints" and all(part.isdecimal() for part in parts) else parts


def show_value(value: Any) -> str:
    """
    Return a parameter as its field shows it.

    >>> show_value([10, 20]), show_value(True), show_value(2.5)
    ('10, 20', 'true', '2.5')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str | int) for one in value):
        return ", ".join(map(str, value))
    return "" if value is None else json.dumps(value)
