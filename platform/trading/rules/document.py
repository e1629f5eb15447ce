"""
The rule document: what a person writes. Standard library only; the page, the API and the agent read it alike.

The form is that of the Strategy Execution guide, read strictly: unknown names and impossible values are problems that say what is
allowed. Plain distances are pips; `maxRisk` is percent of the balance, `maxDailyLoss` percent of the day's first equity; `lotSize`
is the volume, and a cap where `maxRisk` sizes the trade. Version 2 adds trees of conditions, units, management and sessions.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.errors import InvalidRules
from trading.model.timeframe import Timeframe
from trading.rules.contradictions import brings_stop, find_contradictions, find_unfit_frames
from trading.rules.fields import REQUIRED, SETTING_LOOSENS, Problem
from trading.rules.normal import DEFAULT_OPEN_TRADES, RULES_VERSION, normal_document
from trading.rules.shape import DOCUMENT, JSON_SCHEMA, SETTINGS, STOP_SCHEMA
from trading.rules.wording import explain_normal

__all__ = [
    "DEFAULT_OPEN_TRADES",
    "JSON_SCHEMA",
    "RULES_VERSION",
    "apply_settings",
    "explain",
    "find_activation_problems",
    "find_sizing_problems",
    "normalise",
    "require_activatable",
    "require_valid",
    "trail_where_none",
    "validate",
]


def validate(document: Any, timeframe: Timeframe | None = None) -> list[Problem]:
    """
    Return everything that is wrong with a document; an empty list means that it loads.

    :param timeframe: of the strategy, where known: other timeframes in it must be coarser.

    >>> [problem.path for problem in validate({"entry": {"type": "indicator_cross", "indicators": ["EMA_20", "FOO_1"]},
    ...                                        "exit": {"stopLos": 50}})]
    ['entry.indicators[1]', 'exit.stopLos']
    """
    problems = list(DOCUMENT.check(document, "")) or find_contradictions(document)
    return problems if problems or timeframe is None else find_unfit_frames(document, timeframe)


def require_valid(document: Any, timeframe: Timeframe | None = None) -> None:
    """
    Do nothing where the document loads.

    :raises InvalidRules: with the first problem as message and all of them in ``extra["problems"]``.
    """
    _raise_for(validate(document, timeframe))


def find_activation_problems(document: Any) -> list[Problem]:
    """
    Return everything that forbids trading by this document: what does not load, and what risk cannot be judged without.
    """
    problems = validate(document)
    if problems:
        return problems
    if "stopLoss" not in document["exit"] and not brings_stop(document["entry"]):
        message = "exit.stopLoss is required to trade: without a stop the risk of a trade cannot be judged"
        problems.append(Problem("exit.stopLoss", REQUIRED, message, STOP_SCHEMA))
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
    if "lotSize" not in risk and "stopLoss" not in document["exit"] and not brings_stop(document["entry"]):
        return [Problem("exit.stopLoss", REQUIRED, "exit.stopLoss is required where risk.maxRisk sizes the trade")]
    return []


def require_activatable(document: Any) -> None:
    """
    Do nothing where the document may be activated.

    :raises InvalidRules: where it does not load or its risk cannot be judged.
    """
    _raise_for(find_activation_problems(document))


def normalise(document: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the document in version 2: defaults spelled out, names in one spelling, weekdays as ISO numbers.

    :raises InvalidRules: where the document does not load.
    """
    require_valid(document)
    return normal_document(document)


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


def trail_where_none(document: Mapping[str, Any], fraction: Decimal) -> dict[str, Any]:
    """
    Return a document that loads with a trailing stop, ``fraction`` of the entry price behind; unchanged where it names one itself.

    >>> trail_where_none({"entry": {}, "exit": {"stopLoss": 20}}, Decimal("0.03"))["exit"]
    {'stopLoss': 20, 'trailingStop': True, 'trailingStopDistance': {'unit': 'percent', 'value': 3.0}}
    """
    changed = copy.deepcopy(dict(document))
    if not changed["exit"].get("trailingStop"):
        distance = {"unit": "percent", "value": float(fraction * 100)}
        changed["exit"] |= {"trailingStop": True, "trailingStopDistance": distance}
    return changed


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
