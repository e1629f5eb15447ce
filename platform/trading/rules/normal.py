"""A valid document in version 2: defaults spelled out, one spelling for each thing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trading.rules.distances import normal_distance
from trading.rules.nodes import DEFAULT_BARS, DEFAULT_THRESHOLD, normal_node
from trading.rules.sessions import SESSIONS
from trading.strategies import catalogue

RULES_VERSION = 2
DEFAULT_OPEN_TRADES = 5


def normal_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the normal form of a document that loads; the same document always gives the same form."""
    shape = copy.deepcopy(dict(document))
    risk = {"maxOpenTrades": DEFAULT_OPEN_TRADES, **shape.get("risk", {})}
    risk["maxOpenTrades"] = int(risk["maxOpenTrades"])
    normal = {
        "rules_version": RULES_VERSION,
        "entry": _entry(shape["entry"]),
        "exit": _exit(shape["exit"], risk),
        "risk": risk,
        "filters": _filters(shape.get("filters", {})),
    }
    management = _management(shape.get("management", {}))
    return {**normal, "management": management} if management else normal


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    kind = entry["type"]
    if kind == "tree":
        sides: dict[str, Any] = {side: normal_node(entry[side]) for side in ("long", "short") if side in entry}
        return {"type": "tree", "trigger": entry.get("trigger", "becomes_true"), **sides}
    if kind == "strategy":
        return {"direction": entry.get("direction", "both"), **catalogue.normalise(entry)}
    if "confirmation" in entry:
        entry["confirmation"] = _confirmation(entry["confirmation"])
    if kind == "indicator_cross":
        entry["indicators"] = [name.upper() for name in entry["indicators"]]
        return {"direction": "above", **entry}
    entry["indicator"] = entry.get("indicator", "RSI_14").upper()
    return {"oversold": 30, "overbought": 70, "direction": "both", **entry}


def _confirmation(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "spread":
        return block
    shape = {"threshold": DEFAULT_THRESHOLD, "bars": DEFAULT_BARS, **block}
    return {**shape, "bars": int(shape["bars"])}


def _exit(exit_: dict[str, Any], risk: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("stopLoss", "takeProfit", "trailingStopDistance", "trailingStart"):
        if name in exit_:
            exit_[name] = normal_distance(exit_[name])
    for name in ("closeLong", "closeShort"):
        if name in exit_:
            exit_[name] = normal_node(exit_[name])
    if "takeProfit" not in exit_ and "riskRewardRatio" in risk and "stopLoss" in exit_:
        exit_["takeProfit"] = _target_of_ratio(exit_["stopLoss"], risk["riskRewardRatio"])
    return {"type": "stop_target", "trailingStop": False, **exit_}


def _target_of_ratio(stop: Any, ratio: Any) -> Any:
    if isinstance(stop, Mapping):
        return {"unit": "r", "value": ratio}
    return float(Decimal(str(stop)) * Decimal(str(ratio)))


def _filters(filters: dict[str, Any]) -> dict[str, Any]:
    if "timeRange" in filters:
        filters["timeRange"] = {"timezone": "UTC", **filters["timeRange"]}
    if "sessions" in filters:
        filters["sessions"] = [name for name in SESSIONS if name in filters["sessions"]]
    if "daysOfWeek" in filters:
        filters["daysOfWeek"] = sorted({day or 7 for day in filters["daysOfWeek"]})
    return filters


def _management(management: dict[str, Any]) -> dict[str, Any]:
    if "breakEven" in management:
        management["breakEven"] = {name: normal_distance(value) for name, value in management["breakEven"].items()}
    if "partialExits" in management:
        parts = (
            {"at": normal_distance(part["at"]), "fraction": part["fraction"]} for part in management["partialExits"]
        )
        management["partialExits"] = list(parts)
    for name in ("maxBars", "maxMinutes"):
        if name in management:
            management[name] = int(management[name])
    if "closeBeforeWeekend" in management:
        management["closeBeforeWeekend"] = {"timezone": "UTC", **management["closeBeforeWeekend"]}
    if not management.get("closeAtSessionEnd", True):
        del management["closeAtSessionEnd"]
    return management
