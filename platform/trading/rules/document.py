"""
The rule document: what a person writes. Standard library only; the page, the API and the agent read it alike.

The form is that of the Strategy Execution guide, read strictly: unknown names and impossible values are problems that say what is
allowed. Distances are pips; `maxRisk` is percent of the balance, `maxDailyLoss` percent of the day's first equity; `lotSize` is
the volume, and a cap where `maxRisk` sizes the trade. Version 2 (`rules_version: 2`) is the same form with everything spelled out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from trading.errors import InvalidRules, UnevaluatedRules
from trading.rules.fields import (
    CONTRADICTION,
    NOT_EVALUATED,
    REQUIRED,
    SETTING_LOOSENS,
    AnyValue,
    Block,
    Choice,
    ClockTime,
    Flag,
    IndicatorName,
    ListOf,
    Number,
    OneOf,
    Problem,
    ZoneName,
    is_number,
    parse_minute,
    split_indicator,
)
from trading.rules.wording import explain_normal
from trading.strategies import catalogue

RULES_VERSION = 2
DIRECTIONS = ("above", "below", "both")
DEFAULT_OPEN_TRADES = 5

_PIPS = Number(0, 1_000_000, unit="pips")
_PERCENT = Number(0, 100, unit="percent")

SETTINGS = Block(
    {
        "lotSize": Number(0, 10_000, unit="lots"),
        "maxRisk": _PERCENT,
        "maxDailyLoss": _PERCENT,
        "maxOpenTrades": Number(0, 200, whole=True),
    }
)

_CONFIRMATION = Block({"type": Choice(("volume",)), "threshold": Number(0, 1000)}, required=("type",))


_READY = Block(
    {"type": Choice(("strategy",)), "name": AnyValue(), "parameters": AnyValue()},
    required=("type",),
    title="A ready strategy",
)


class CatalogueEntry:
    """A ready strategy of the catalogue, or of an installed package, with its parameters."""

    def check(self, value: Any, path: str) -> Iterator[Problem]:
        yield from _READY.check(value, path)
        yield from catalogue.check(value, path)

    def schema(self) -> dict[str, Any]:
        ours = [
            {"properties": {"name": {"const": name}, "parameters": parameters}}
            for name, parameters in catalogue.schemas().items()
        ]
        # Installed packages bring more names; what they may be told is checked, not published.
        others = {"properties": {"name": {"not": {"enum": list(catalogue.CATALOGUE)}}}}
        return {**_READY.schema(), "required": ["type", "name"], "anyOf": [*ours, others]}


_ENTRY = OneOf(
    {
        "indicator_cross": Block(
            {
                "type": Choice(("indicator_cross",)),
                "indicators": ListOf(IndicatorName(("EMA", "SMA")), 2, 2),
                "direction": Choice(DIRECTIONS),
                "confirmation": _CONFIRMATION,
            },
            required=("type", "indicators"),
            title="One moving average crosses another",
        ),
        "rsi_threshold": Block(
            {
                "type": Choice(("rsi_threshold",)),
                "indicator": IndicatorName(("RSI",)),
                "oversold": Number(0, 99),
                "overbought": Number(1, 99.999999),
                "direction": Choice(DIRECTIONS),
                "confirmation": _CONFIRMATION,
            },
            required=("type",),
            title="The RSI comes back from an extreme",
        ),
        "strategy": CatalogueEntry(),
    }
)

_EXIT = Block(
    {
        "type": Choice(("opposite_signal", "stop_target")),
        "stopLoss": _PIPS,
        "takeProfit": _PIPS,
        "trailingStop": Flag(),
        "trailingStopDistance": _PIPS,
    }
)

_FILTERS = Block(
    {
        "timeRange": Block(
            {"start": ClockTime(), "end": ClockTime(), "timezone": ZoneName()}, required=("start", "end")
        ),
        "daysOfWeek": ListOf(Choice((0, 1, 2, 3, 4, 5, 6, 7)), 1, 8),
    }
)

_DOCUMENT = Block(
    {
        "rules_version": Choice((1, 2)),
        "entry": _ENTRY,
        "exit": _EXIT,
        "risk": Block({**SETTINGS.fields, "riskRewardRatio": Number(0, 1000)}),
        "filters": _FILTERS,
    },
    required=("entry", "exit"),
    title="Mikrobot strategy rules",
)

JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "mikrobot:rules:2",
    **_DOCUMENT.schema(),
}


def validate(document: Any) -> list[Problem]:
    """
    Return everything that is wrong with a document; an empty list means that it loads.

    >>> [problem.path for problem in validate({"entry": {"type": "indicator_cross", "indicators": ["EMA_20", "FOO_1"]},
    ...                                        "exit": {"stopLos": 50}})]
    ['entry.indicators[1]', 'exit.stopLos']
    """
    problems = list(_DOCUMENT.check(document, ""))
    return problems or _contradictions(document)


def require_valid(document: Any) -> None:
    """
    Do nothing where the document loads.

    :raises InvalidRules: with the first problem as message and all of them in ``extra["problems"]``.
    """
    _raise_for(validate(document))


def unevaluated(document: Mapping[str, Any]) -> list[Problem]:
    """Return what a valid document asks for and nobody evaluates yet: refused at activation, never ignored."""
    if "confirmation" not in document.get("entry", {}):
        return []
    message = "entry.confirmation is not evaluated yet: leave it out to activate these rules"
    return [Problem("entry.confirmation", NOT_EVALUATED, message)]


def find_activation_problems(document: Any) -> list[Problem]:
    """
    Return everything that forbids trading by this document: what does not load, what is not evaluated, and what risk cannot be judged without.
    """
    problems = validate(document)
    if problems:
        return problems
    problems = unevaluated(document)
    if "stopLoss" not in document["exit"] and not _brings_stop(document["entry"]):
        message = "exit.stopLoss is required to trade: without a stop the risk of a trade cannot be judged"
        problems.append(Problem("exit.stopLoss", REQUIRED, message, _PIPS.schema()))
    return problems + find_sizing_problems(document)


def find_sizing_problems(document: Mapping[str, Any]) -> list[Problem]:
    """Return why no volume can be computed from a valid document."""
    risk = document.get("risk", {})
    if "lotSize" not in risk and "maxRisk" not in risk:
        return [
            Problem(
                "risk.lotSize", REQUIRED, "risk.lotSize or risk.maxRisk is required: nothing says how much to trade"
            )
        ]
    if "lotSize" not in risk and "stopLoss" not in document["exit"] and not _brings_stop(document["entry"]):
        return [Problem("exit.stopLoss", REQUIRED, "exit.stopLoss is required where risk.maxRisk sizes the trade")]
    return []


def require_activatable(document: Any) -> None:
    """
    Do nothing where the document may be activated.

    :raises InvalidRules: where it does not load or its risk cannot be judged.
    :raises UnevaluatedRules: where it asks for what is not evaluated yet.
    """
    problems = find_activation_problems(document)
    waiting = [problem for problem in problems if problem.code == NOT_EVALUATED]
    if problems and len(waiting) == len(problems):
        raise UnevaluatedRules(problems[0].message, field=problems[0].path, extra=_listed(problems))
    _raise_for(problems)


def normalise(document: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the document in version 2: defaults spelled out, names in one spelling, weekdays as ISO numbers.

    :raises InvalidRules: where the document does not load.
    """
    require_valid(document)
    shape = copy.deepcopy(dict(document))
    risk = {"maxOpenTrades": DEFAULT_OPEN_TRADES, **shape.get("risk", {})}
    risk["maxOpenTrades"] = int(risk["maxOpenTrades"])
    return {
        "rules_version": RULES_VERSION,
        "entry": _normal_entry(shape["entry"]),
        "exit": _normal_exit(shape["exit"], risk),
        "risk": risk,
        "filters": _normal_filters(shape.get("filters", {})),
    }


def apply_settings(document: Mapping[str, Any], settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Return the document with an assignment's own settings in place; they may only tighten.

    :raises InvalidRules: for an unknown or impossible setting, and for one that allows more than the document does.

    >>> apply_settings({"entry": {}, "exit": {}, "risk": {"maxRisk": 2}}, {"maxRisk": 1, "lotSize": 0.01})["risk"]
    {'maxRisk': 1, 'lotSize': 0.01}
    """
    given = {name: value for name, value in (settings or {}).items() if value is not None}
    problems = list(SETTINGS.check(given, "settings"))
    risk = dict(document.get("risk", {}))
    for name, value in given.items():
        if not problems and name in risk and value > risk[name]:
            message = f"settings.{name} may only tighten the rules: at most {risk[name]}, not {value}"
            problems.append(Problem(f"settings.{name}", SETTING_LOOSENS, message, {"maximum": risk[name]}))
    _raise_for(problems)
    return {**copy.deepcopy(dict(document)), "risk": {**risk, **given}}


def _normal_entry(entry: dict[str, Any]) -> dict[str, Any]:
    if entry["type"] == "strategy":
        return catalogue.normalise(entry)
    if entry["type"] == "indicator_cross":
        entry["indicators"] = [name.upper() for name in entry["indicators"]]
        return {"direction": "above", **entry}
    entry["indicator"] = entry.get("indicator", "RSI_14").upper()
    return {"oversold": 30, "overbought": 70, "direction": "both", **entry}


def _normal_exit(exit_: dict[str, Any], risk: Mapping[str, Any]) -> dict[str, Any]:
    if "takeProfit" not in exit_ and "riskRewardRatio" in risk and "stopLoss" in exit_:
        exit_["takeProfit"] = float(Decimal(str(exit_["stopLoss"])) * Decimal(str(risk["riskRewardRatio"])))
    return {"type": "stop_target", "trailingStop": False, **exit_}


def _normal_filters(filters: dict[str, Any]) -> dict[str, Any]:
    if "timeRange" in filters:
        filters["timeRange"] = {"timezone": "UTC", **filters["timeRange"]}
    if "daysOfWeek" in filters:
        filters["daysOfWeek"] = sorted({day or 7 for day in filters["daysOfWeek"]})
    return filters


def _contradictions(document: Mapping[str, Any]) -> list[Problem]:
    entry, exit_ = document["entry"], document["exit"]
    risk, filters = document.get("risk", {}), document.get("filters", {})
    found = (
        _same_indicators(entry),
        _thresholds_crossed(entry),
        _trailing_without_distance(exit_),
        _ratio_broken(exit_, risk),
        _empty_range(filters),
        _no_way_out(entry, exit_),
    )
    return [problem for problem in found if problem is not None]


def _same_indicators(entry: Mapping[str, Any]) -> Problem | None:
    names = entry.get("indicators", ())
    if len({split_indicator(name) for name in names}) == len(names):
        return None
    return Problem(
        "entry.indicators", CONTRADICTION, "entry.indicators must be two different ones: nothing crosses itself"
    )


def _thresholds_crossed(entry: Mapping[str, Any]) -> Problem | None:
    if entry["type"] != "rsi_threshold" or entry.get("oversold", 30) < entry.get("overbought", 70):
        return None
    return Problem("entry.oversold", CONTRADICTION, "entry.oversold must be below entry.overbought")


def _trailing_without_distance(exit_: Mapping[str, Any]) -> Problem | None:
    if not exit_.get("trailingStop") or "trailingStopDistance" in exit_:
        return None
    path = "exit.trailingStopDistance"
    return Problem(path, REQUIRED, f"{path} is required where exit.trailingStop is true", _PIPS.schema())


def _ratio_broken(exit_: Mapping[str, Any], risk: Mapping[str, Any]) -> Problem | None:
    ratio, stop, target = risk.get("riskRewardRatio"), exit_.get("stopLoss"), exit_.get("takeProfit")
    if not (is_number(ratio) and is_number(stop) and is_number(target)) or target >= ratio * stop * (1 - 1e-9):
        return None
    message = f"risk.riskRewardRatio of {ratio} needs exit.takeProfit of at least {ratio * stop:g} pips, not {target}"
    return Problem("risk.riskRewardRatio", CONTRADICTION, message, {"minimum_take_profit": ratio * stop})


def _empty_range(filters: Mapping[str, Any]) -> Problem | None:
    hours = filters.get("timeRange")
    if hours is None or parse_minute(hours["start"]) != parse_minute(hours["end"]):
        return None
    path = "filters.timeRange.end"
    return Problem(path, CONTRADICTION, f"{path} must differ from start; 00:00 to 24:00 is the whole day")


def _brings_stop(entry: Mapping[str, Any]) -> bool:
    return entry["type"] == "strategy" and catalogue.get_spec(entry["name"]).sets_stop


def _no_way_out(entry: Mapping[str, Any], exit_: Mapping[str, Any]) -> Problem | None:
    if _brings_stop(entry) or exit_.get("type") == "opposite_signal" or "stopLoss" in exit_ or "takeProfit" in exit_:
        return None
    message = "exit has neither opposite_signal nor stopLoss nor takeProfit: a position would never be closed"
    return Problem("exit", CONTRADICTION, message)


def _listed(problems: list[Problem]) -> dict[str, Any]:
    return {"problems": [problem.as_dict() for problem in problems]}


def _raise_for(problems: list[Problem]) -> None:
    if problems:
        raise InvalidRules(problems[0].message, field=problems[0].path, extra=_listed(problems))


def explain(document: Mapping[str, Any]) -> str:
    """
    Return what the rules do, in plain sentences.

    :raises InvalidRules: where the document does not load.
    """
    return explain_normal(normalise(document))
