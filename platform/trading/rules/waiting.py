"""What documents may ask for and the engine does not do yet: refused before anything trades, never ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trading.rules.fields import NOT_EVALUATED, Problem

WAITING: frozenset[str] = frozenset()
"""Features of `find_waiting`; whoever makes the engine do one takes it out."""

_DISTANCES = ("stopLoss", "takeProfit", "trailingStopDistance")


def find_waiting(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what a valid document asks for and the engine does not do."""
    for feature, path in _features(document):
        if feature in WAITING:
            message = f"{path} is not evaluated yet: leave it out to activate these rules"
            yield Problem(path, NOT_EVALUATED, message)


def _features(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    entry, exit_ = document.get("entry", {}), document.get("exit", {})
    yield f"entry.{entry.get('type')}", "entry.type"
    if "confirmation" in entry:
        yield "entry.confirmation", "entry.confirmation"
    for name, value in exit_.items():
        path = f"exit.{name}"
        yield ("exit.units" if name in _DISTANCES and isinstance(value, Mapping) else path), path
    for name, value in document.get("management", {}).items():
        if value is not False:
            yield f"management.{name}", f"management.{name}"
