"""What a strategy says about itself. Standard library only: pages and the API read it without loading a single number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trading.rules.fields import CONTRADICTION, REQUIRED, UNKNOWN_FIELD, WRONG_TYPE, Problem
from trading.strategies.parameters import Parameter

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alias:
    """
    Another name people use for a parameter. ``convert`` turns their value into ours and may raise ValueError with a sentence.

    ``parameter`` None: the name is known, but nothing here does what it promised; ``note`` says so and what to use instead.
    """

    parameter: str | None
    convert: Callable[[Any], Any] = lambda value: value
    note: str = ""


@dataclass(frozen=True, slots=True)
class RiskTemplate:
    """What the strategy's source thought sensible: the largest share of equity in one position, and trades a day."""

    position_fraction: float
    trades_per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategySpec:
    """
    A strategy by name: its parameters, what documents of it look like, and where its code is.

    ``implementation`` is ``module:Class``, imported only where a source is built. ``rules`` are cross checks: each returns a pair
    (parameter, sentence) where it is broken. ``sets_stop`` says that every entry wish carries its own stop distance.
    """

    name: str
    title: str
    summary: str
    implementation: str
    parameters: Mapping[str, Parameter]
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    rules: tuple[Callable[[Parameters], tuple[str, str] | None], ...] = ()
    risk: RiskTemplate | None = None
    default_exit: Mapping[str, Any] = field(default_factory=dict)
    default_risk: Mapping[str, Any] = field(default_factory=dict)
    sets_stop: bool = False
    symbols: str = "its own"
    timeframes: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    source: str = ""
    mended: tuple[str, ...] = ()

    def check(self, given: Any, path: str = "entry.parameters") -> Iterator[Problem]:
        """Yield everything that is wrong with the parameters ``given``."""
        if not isinstance(given, Mapping):
            yield Problem(path, WRONG_TYPE, f"{path} must be an object", "an object")
            return
        translated, problems, _ = self._translate(given, path)
        yield from problems
        found = bool(problems)
        for name, parameter in self.parameters.items():
            here = f"{path}.{name}"
            if name not in translated:
                if parameter.required:
                    found = True
                    words = parameter.describe()
                    yield Problem(here, REQUIRED, f"{here} is required: {words}. {parameter.help}", parameter.schema())
                continue
            for problem in parameter.check(translated[name], here):
                found = True
                yield problem
        if not found:
            yield from self._broken_rules(translated, path)

    def normal(self, given: Parameters) -> dict[str, Any]:
        """Return right parameters with our names, and the defaults spelled out."""
        translated, _, _ = self._translate(given, "")
        return {
            name: parameter.normal(translated.get(name, parameter.default))
            for name, parameter in self.parameters.items()
        }

    def notes(self, given: Parameters) -> list[str]:
        """Return a sentence for every other name that was understood."""
        return self._translate(given, "")[2]

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the parameters, other names included."""
        properties = {name: parameter.schema() for name, parameter in self.parameters.items()}
        for other, alias in self.aliases.items():
            if alias.parameter is not None:
                properties[other] = {"description": f"another name of {alias.parameter}"}
        required = [name for name, parameter in self.parameters.items() if parameter.required]
        shape: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**shape, "required": required} if required else shape

    def document(self, parameters: Parameters | None = None) -> dict[str, Any]:
        """Return a whole rule document of this strategy with its own exit and risk blocks."""
        entry = {"type": "strategy", "name": self.name, "parameters": dict(parameters or {})}
        return {"rules_version": 2, "entry": entry, "exit": dict(self.default_exit), "risk": dict(self.default_risk)}

    def _translate(self, given: Parameters, path: str) -> tuple[dict[str, Any], list[Problem], list[str]]:
        translated: dict[str, Any] = {}
        problems: list[Problem] = []
        notes: list[str] = []
        for name, value in given.items():
            here = f"{path}.{name}"
            alias = self.aliases.get(name)
            if name in self.parameters:
                translated[name] = value
            elif alias is None or alias.parameter is None:
                problems.append(self._unknown(here, alias))
            elif alias.parameter in given or alias.parameter in translated:
                message = f"{here} is another name of {alias.parameter}, which is given already: leave one out"
                problems.append(Problem(here, CONTRADICTION, message, alias.parameter))
            else:
                try:
                    translated[alias.parameter] = alias.convert(value)
                    notes.append(f"{name} was read as {alias.parameter}{f': {alias.note}' if alias.note else ''}")
                except (TypeError, ValueError) as error:
                    problems.append(Problem(here, WRONG_TYPE, f"{here}: {error}", alias.note))
        return translated, problems, notes

    def _unknown(self, path: str, alias: Alias | None) -> Problem:
        known = list(self.parameters)
        reason = f": {alias.note}" if alias is not None else ""
        message = f"{path} is not a parameter of {self.name}{reason}; it knows {', '.join(known) or 'none'}"
        return Problem(path, UNKNOWN_FIELD, message, known)

    def _broken_rules(self, translated: Parameters, path: str) -> Iterator[Problem]:
        whole = {name: translated.get(name, parameter.default) for name, parameter in self.parameters.items()}
        for rule in self.rules:
            broken = rule(whole)
            if broken is not None:
                yield Problem(f"{path}.{broken[0]}", CONTRADICTION, f"{path}.{broken[0]} {broken[1]}")


def below(lower: str, upper: str) -> Callable[[Parameters], tuple[str, str] | None]:
    """Return the cross check that one parameter stays below another."""

    def rule(given: Parameters) -> tuple[str, str] | None:
        if given[lower] < given[upper]:
            return None
        return lower, f"must be below {upper} ({given[lower]:g} is not below {given[upper]:g})"

    return rule
