"""A normalised rule document in plain English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading.strategies import catalogue

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def explain_normal(rules: Mapping[str, Any]) -> str:
    """Return the sentences of a document that `normalise` made."""
    parts = (_entry(rules["entry"]), _exit(rules["exit"]), _risk(rules["risk"]), _filters(rules["filters"]))
    return " ".join(part for part in parts if part)


def _entry(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "strategy":
        told = ", ".join(f"{name} {_tell(value)}" for name, value in entry["parameters"].items())
        return f"{catalogue.get_spec(entry['name']).summary} {entry['name']} with {told}."
    if entry["type"] == "indicator_cross":
        first, second = entry["indicators"]
        long, short = f"{first} crosses above {second}", f"{first} crosses below {second}"
    else:
        name = entry["indicator"]
        long = f"{name} rises back above {entry['oversold']:g}"
        short = f"{name} falls back below {entry['overbought']:g}"
    sides = {"above": f"Buy when {long}", "below": f"Sell when {short}", "both": f"Buy when {long}; sell when {short}"}
    confirmed = " (confirmed by volume)" if "confirmation" in entry else ""
    return f"{sides[entry['direction']]}{confirmed}, seen at the close of a bar and traded at the next open."


def _tell(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"for {_join(list(value), 'and')}" if value else "none"
    if isinstance(value, list):
        return f"of {len(value)}" if len(value) > 8 or any(isinstance(one, Mapping) for one in value) else str(value)
    return str(value)


def _exit(exit_: Mapping[str, Any]) -> str:
    ways = []
    if exit_["type"] == "opposite_signal":
        ways.append("on the opposite signal")
    if "stopLoss" in exit_:
        ways.append(f"at a stop {exit_['stopLoss']:g} pips away")
    if "takeProfit" in exit_:
        ways.append(f"at a target {exit_['takeProfit']:g} pips away")
    sentence = f"Close {_join(ways, 'or')}."
    if exit_["trailingStop"]:
        distance = f"{exit_['trailingStopDistance']:g} pips"
        sentence += f" Once a bar has gone {distance} in profit, the stop follows the best price at {distance}, moved at bar closes."
    return sentence


def _risk(risk: Mapping[str, Any]) -> str:
    if "maxRisk" in risk:
        size = f"Risk at most {risk['maxRisk']:g} % of the balance per trade"
        size += f", and at most {risk['lotSize']:g} lots" if "lotSize" in risk else ""
    else:
        size = f"Trade {risk['lotSize']:g} lots" if "lotSize" in risk else "The volume is set by the assignment"
    daily = (
        f"; open nothing once the day has lost {risk['maxDailyLoss']:g} % of its first equity"
        if "maxDailyLoss" in risk
        else ""
    )
    return f"{size}, {_hold(risk['maxOpenTrades'])}{daily}."


def _hold(positions: int) -> str:
    return "hold one position at a time" if positions == 1 else f"hold at most {positions} positions at a time"


def _filters(filters: Mapping[str, Any]) -> str:
    limits = []
    if "timeRange" in filters:
        hours = filters["timeRange"]
        limits.append(f"between {hours['start']} and {hours['end']} ({hours['timezone']})")
    if "daysOfWeek" in filters:
        limits.append(f"on {_join([_DAYS[day - 1] for day in filters['daysOfWeek']], 'and')}")
    return f"New positions only {' '.join(limits)}." if limits else ""


def _join(words: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
