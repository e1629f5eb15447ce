"""
The strategies there are, by name: ours, and those that installed packages bring.

Standard library only. A package brings a strategy by the entry point group `mikrobot.strategies`: its name, and a `StrategySpec`
in a module that is light to import. The code behind it is imported where a source is built, never where a page is shown; nothing
is ever loaded from a folder somebody can upload to.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from trading.errors import TradingError
from trading.rules.fields import REQUIRED, UNKNOWN_NAME, WRONG_TYPE, Problem
from trading.strategies.parameters import Parameter
from trading.strategies.spec import Alias, RiskTemplate, StrategySpec
from trading.strategies.specs import forex, mikrobot, price, several

__all__ = [
    "CATALOGUE",
    "GROUP",
    "Alias",
    "Parameter",
    "RiskTemplate",
    "StrategySpec",
    "check",
    "get_spec",
    "list_names",
]

GROUP = "mikrobot.strategies"

CATALOGUE: dict[str, StrategySpec] = {
    spec.name: spec for spec in (*mikrobot.SPECS, *price.SPECS, *forex.SPECS, *several.SPECS)
}
"""Our own, in the order in which they are shown."""


class UnknownStrategy(TradingError):
    """A strategy nobody has installed; ``extra["allowed"]`` lists those there are."""

    code = "UNKNOWN_STRATEGY"


class UnusableStrategy(TradingError):
    """A strategy of an installed package that cannot be loaded."""

    code = "STRATEGY_UNUSABLE"


@cache
def _installed() -> dict[str, EntryPoint]:
    # Ours come first: a package must not stand in for a strategy whose name people trust.
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in CATALOGUE}


def forget_installed() -> None:
    """Look for installed packages again; a running process does not notice new ones by itself."""
    _installed.cache_clear()


def list_names() -> list[str]:
    """Return the names of all strategies, without loading any."""
    return [*CATALOGUE, *sorted(_installed())]


def get_spec(name: str) -> StrategySpec:
    """
    Return what the strategy ``name`` says about itself.

    :raises UnknownStrategy: where there is none of that name.
    :raises UnusableStrategy: where its package does not bring a `StrategySpec` of that name.

    >>> get_spec("RSIStrategy").parameters["rsi_period"].default
    14
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    point = _installed().get(name)
    if point is None:
        allowed = list_names()
        near = difflib.get_close_matches(str(name), allowed, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        message = f"no strategy is called {name!r}: {hint}there are {', '.join(allowed)}"
        raise UnknownStrategy(message, field="entry.name", extra={"allowed": allowed})
    return _load(point)


def _load(point: EntryPoint) -> StrategySpec:
    try:
        spec = point.load()
    except Exception as error:
        message = f"strategy {point.name} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
        raise UnusableStrategy(message, field="entry.name") from error
    if not isinstance(spec, StrategySpec) or spec.name != point.name:
        message = f"{point.value} must be a StrategySpec named {point.name}"
        raise UnusableStrategy(message, field="entry.name")
    return spec


def check(entry: Mapping[str, Any], path: str = "entry") -> Iterator[Problem]:
    """Yield what is wrong with an entry block ``{"type": "strategy", "name": ..., "parameters": {...}}``."""
    name = entry.get("name")
    here = f"{path}.name"
    if name is None:
        yield Problem(here, REQUIRED, f"{here} is required: use one of {', '.join(list_names())}", list_names())
    elif not isinstance(name, str):
        yield Problem(here, WRONG_TYPE, f"{here} must be the name of a strategy", list_names())
    else:
        try:
            spec = get_spec(name)
        except TradingError as error:
            yield Problem(here, UNKNOWN_NAME, f"{here}: {error.message}", list_names())
            return
        yield from spec.check(entry.get("parameters", {}), f"{path}.parameters")


def normalise(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a right entry block with our names, and every default spelled out."""
    spec = get_spec(entry["name"])
    return {"type": "strategy", "name": spec.name, "parameters": spec.normal(entry.get("parameters", {}))}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of the parameters of each of our strategies."""
    return {name: spec.schema() for name, spec in CATALOGUE.items()}
