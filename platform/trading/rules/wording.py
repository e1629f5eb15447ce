"""A normalised rule document in plain English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trading.rules.distances import distance_words
from trading.rules.wording_tree import node_words
from trading.strategies import catalogue

SESSION_NAMES = {"sydney": "Sydney", "tokyo": "Tokyo", "london": "London", "newYork": "New York"}
_SEEN = "seen at the close of a bar and traded at the next open"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def explain_normal(rules: Mapping[str, Any]) -> str:
    """Return the sentences of a document that `normalise` made."""
    parts = (
        _entry(rules["entry"]),
        _exit(rules["exit"], rules.get("management", {})),
        *_management(rules.get("management", {})),
        _risk(rules["risk"]),
        _filters(rules["filters"]),
    )
    return " ".join(part for part in parts if part)


def _entry(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "tree":
        return _trees(entry)
    if entry["type"] == "strategy":
        return _strategy(entry)
    if entry["type"] == "indicator_cross":
        first, second = entry["indicators"]
        long, short = f"{first} crosses above {second}", f"{first} crosses below {second}"
    else:
        name = entry["indicator"]
        long = f"{name} rises back above {entry['oversold']:g}"
        short = f"{name} falls back below {entry['overbought']:g}"
    sides = {"above": f"Buy when {long}", "below": f"Sell when {short}", "both": f"Buy when {long}; sell when {short}"}
    confirmed = f", if {_confirmed(entry['confirmation'])}" if "confirmation" in entry else ""
    return f"{sides[entry['direction']]}{confirmed}, {_SEEN}."


def _confirmed(block: Mapping[str, Any]) -> str:
    return node_words({"confirm": block["type"], **{name: value for name, value in block.items() if name != "type"}})


def _trees(entry: Mapping[str, Any]) -> str:
    when = "as long as" if entry["trigger"] == "while_true" else "when it becomes true that"
    sides = [
        f"{verb} {when} {node_words(entry[side])}"
        for side, verb in (("long", "buy"), ("short", "sell"))
        if side in entry
    ]
    text = "; ".join(sides)
    return f"{text[0].upper()}{text[1:]}, {_SEEN}."


def _strategy(entry: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} {_tell(value)}" for name, value in entry["parameters"].items())
    side = {"above": " Buy only.", "below": " Sell only.", "both": ""}[entry["direction"]]
    return f"{catalogue.get_spec(entry['name']).summary} {entry['name']} with {told}.{side}"


def _tell(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"for {_join(list(value), 'and')}" if value else "none"
    if isinstance(value, list):
        return f"of {len(value)}" if len(value) > 8 or any(isinstance(one, Mapping) for one in value) else str(value)
    return str(value)


def _exit(exit_: Mapping[str, Any], management: Mapping[str, Any]) -> str:
    ways = []
    if exit_["type"] == "opposite_signal":
        ways.append("on the opposite signal")
    if "stopLoss" in exit_:
        ways.append(f"at {_level('stop', exit_['stopLoss'])}")
    if "takeProfit" in exit_:
        ways.append(f"at {_level('target', exit_['takeProfit'])}")
    if "maxBars" in management:
        ways.append(f"after {management['maxBars']} bars")
    if "maxMinutes" in management:
        ways.append(f"after {management['maxMinutes']} minutes")
    sentences = [f"Close {_join(ways, 'or')}."] if ways else []
    for name, what in (("closeLong", "what was bought"), ("closeShort", "what was sold")):
        if name in exit_:
            sentences.append(f"Close {what} when {node_words(exit_[name])}.")
    if exit_["trailingStop"]:
        sentences.append(_trailing(exit_))
    return " ".join(sentences)


def _level(name: str, value: Any) -> str:
    words = distance_words(value)
    return f"a {name} at {words}" if words.startswith("the last") else f"a {name} {words} away"


def _trailing(exit_: Mapping[str, Any]) -> str:
    distance = distance_words(exit_["trailingStopDistance"])
    start = distance_words(exit_["trailingStart"]) if "trailingStart" in exit_ else distance
    return f"Once a bar has gone {start} in profit, the stop follows the best price at {distance}, moved at bar closes."


def _management(management: Mapping[str, Any]) -> Iterator[str]:
    even = management.get("breakEven")
    if even:
        place = f"{distance_words(even['offset'])} beyond the entry" if "offset" in even else "the entry price"
        yield f"Once {distance_words(even['at'])} in profit, move the stop to {place}."
    for part in management.get("partialExits", ()):
        yield f"Close {part['fraction'] * 100:g} % of the volume {distance_words(part['at'])} in profit."
    if management.get("closeAtSessionEnd"):
        yield "Close everything when the hours of trading end."
    weekend = management.get("closeBeforeWeekend")
    if weekend:
        yield f"Close everything on Friday at {weekend['time']} ({weekend['timezone']}) and open nothing until Sunday."


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
    if "sessions" in filters:
        names = [SESSION_NAMES[name] for name in filters["sessions"]]
        limits.append(f"in the session{'s' if len(names) > 1 else ''} of {_join(names, 'or')}")
    if "daysOfWeek" in filters:
        limits.append(f"on {_join([_DAYS[day - 1] for day in filters['daysOfWeek']], 'and')}")
    return f"New positions only {' '.join(limits)}." if limits else ""


def _join(words: list[str], last: str) -> str:
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))
