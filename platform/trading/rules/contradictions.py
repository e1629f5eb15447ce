"""What each field allows and the document as a whole cannot mean. Documents here have passed every field's own check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trading.model.timeframe import Timeframe
from trading.rules.distances import normal_distance
from trading.rules.fields import CONTRADICTION, REQUIRED, Problem, is_number, parse_minute, split_indicator
from trading.rules.senseless import find_finer_frames, find_senseless
from trading.rules.shape import PIPS_SCHEMA, STOP_SCHEMA
from trading.strategies import catalogue

_CLOCKED = ("maxBars", "maxMinutes", "closeAtSessionEnd")


def find_contradictions(document: Mapping[str, Any]) -> list[Problem]:
    """Return what contradicts itself."""
    return [
        *_of_entry(document["entry"]),
        *_of_exit(document),
        *_of_filters(document.get("filters", {})),
        *_of_management(document),
    ]


def find_unfit_frames(document: Mapping[str, Any], timeframe: Timeframe) -> list[Problem]:
    """Return where trees ask for bars finer than the strategy's own."""
    entry, exit_ = document["entry"], document["exit"]
    trees = {f"entry.{side}": entry[side] for side in ("long", "short") if entry["type"] == "tree" and side in entry}
    trees |= {f"exit.{name}": exit_[name] for name in ("closeLong", "closeShort") if name in exit_}
    return [problem for path, tree in trees.items() for problem in find_finer_frames(tree, path, timeframe)]


def _of_entry(entry: Mapping[str, Any]) -> Iterator[Problem]:
    names = entry.get("indicators", ())
    if len({split_indicator(name) for name in names}) != len(names):
        message = "entry.indicators must be two different ones: nothing crosses itself"
        yield Problem("entry.indicators", CONTRADICTION, message)
    if entry["type"] == "rsi_threshold" and entry.get("oversold", 30) >= entry.get("overbought", 70):
        yield Problem("entry.oversold", CONTRADICTION, "entry.oversold must be below entry.overbought")
    if entry["type"] == "tree":
        yield from _of_trees(entry)


def _of_trees(entry: Mapping[str, Any]) -> Iterator[Problem]:
    if "long" not in entry and "short" not in entry:
        yield Problem("entry.long", REQUIRED, "entry.long or entry.short is required: nothing says when to trade")
    if "long" in entry and entry.get("long") == entry.get("short"):
        message = "entry.short must differ from entry.long: a bar that says both opens nothing"
        yield Problem("entry.short", CONTRADICTION, message)
    for side in ("long", "short"):
        if side in entry:
            yield from find_senseless(entry[side], f"entry.{side}")


def _of_exit(document: Mapping[str, Any]) -> Iterator[Problem]:
    exit_ = document["exit"]
    for name in ("closeLong", "closeShort"):
        if name in exit_:
            yield from find_senseless(exit_[name], f"exit.{name}")
    if exit_.get("trailingStop") and "trailingStopDistance" not in exit_:
        path = "exit.trailingStopDistance"
        yield Problem(path, REQUIRED, f"{path} is required where exit.trailingStop is true", PIPS_SCHEMA)
    if "trailingStart" in exit_ and not exit_.get("trailingStop"):
        path = "exit.trailingStart"
        yield Problem(path, CONTRADICTION, f"{path} says when trailing begins: it needs exit.trailingStop")
    yield from _of_ratio(exit_, document.get("risk", {}))
    if not _has_way_out(document):
        message = "exit has neither opposite_signal nor stopLoss nor takeProfit: a position would never be closed"
        yield Problem("exit", CONTRADICTION, message)


def _of_ratio(exit_: Mapping[str, Any], risk: Mapping[str, Any]) -> Iterator[Problem]:
    ratio = risk.get("riskRewardRatio")
    if not is_number(ratio) or "stopLoss" not in exit_ or "takeProfit" not in exit_:
        return
    (stop_unit, stop), (target_unit, target) = _measure(exit_["stopLoss"]), _measure(exit_["takeProfit"])
    if target_unit == "r":
        stop_unit, stop = "r", 1.0
    path = "risk.riskRewardRatio"
    if stop_unit != target_unit:
        message = f"{path} cannot compare {stop_unit} with {target_unit}: give exit.takeProfit in r, or leave one out"
        yield Problem(path, CONTRADICTION, message)
    elif target < ratio * stop * (1 - 1e-9):
        least = ratio * stop
        message = f"{path} of {ratio} needs exit.takeProfit of at least {least:g} {target_unit}, not {target:g}"
        yield Problem(path, CONTRADICTION, message, {"minimum_take_profit": least})


def _measure(value: Any) -> tuple[str, float]:
    shape = normal_distance(value)
    if not isinstance(shape, Mapping):
        return "pips", float(shape)
    unit = f"atr of {shape['period']}" if shape["unit"] == "atr" else str(shape["unit"])
    return unit, float(shape.get("value", 0))


def brings_stop(entry: Mapping[str, Any]) -> bool:
    """Say whether the entry of a document that loads is a strategy whose every wish carries its own stop."""
    return bool(entry["type"] == "strategy" and catalogue.get_spec(entry["name"]).sets_stop)


def _has_way_out(document: Mapping[str, Any]) -> bool:
    entry, exit_, management = document["entry"], document["exit"], document.get("management", {})
    if brings_stop(entry):
        return True
    if any(name in exit_ for name in ("stopLoss", "takeProfit")) or any(management.get(name) for name in _CLOCKED):
        return True
    buys = entry["type"] != "tree" or "long" in entry
    sells = entry["type"] != "tree" or "short" in entry
    if exit_.get("type") == "opposite_signal" and buys and sells:
        return True
    return (not buys or "closeLong" in exit_) and (not sells or "closeShort" in exit_)


def _of_filters(filters: Mapping[str, Any]) -> Iterator[Problem]:
    hours = filters.get("timeRange")
    if hours is not None and parse_minute(hours["start"]) == parse_minute(hours["end"]):
        path = "filters.timeRange.end"
        yield Problem(path, CONTRADICTION, f"{path} must differ from start; 00:00 to 24:00 is the whole day")


def _of_management(document: Mapping[str, Any]) -> Iterator[Problem]:
    management, filters = document.get("management", {}), document.get("filters", {})
    yield from _of_stopless(document)
    if management.get("closeAtSessionEnd") and not ("timeRange" in filters or "sessions" in filters):
        path = "management.closeAtSessionEnd"
        yield Problem(path, REQUIRED, f"{path} needs filters.timeRange or filters.sessions: no session ends")
    even = management.get("breakEven", {})
    if "offset" in even and _reaches(even["offset"], even["at"]):
        path = "management.breakEven.offset"
        yield Problem(path, CONTRADICTION, f"{path} must be below management.breakEven.at: the stop would be passed")
    yield from _of_partials(management.get("partialExits", ()), document["exit"])


def _of_partials(parts: Any, exit_: Mapping[str, Any]) -> Iterator[Problem]:
    if sum(part["fraction"] for part in parts) > 1 + 1e-9:
        path = "management.partialExits"
        yield Problem(path, CONTRADICTION, f"{path} close more than the whole position", {"maximum": 1})
    for index, part in enumerate(parts):
        path = f"management.partialExits[{index}].at"
        if "takeProfit" in exit_ and _reaches(part["at"], exit_["takeProfit"]):
            yield Problem(path, CONTRADICTION, f"{path} must be below exit.takeProfit: it would never be reached")


def _of_stopless(document: Mapping[str, Any]) -> Iterator[Problem]:
    exit_, management = document["exit"], document.get("management", {})
    if "stopLoss" in exit_ or brings_stop(document["entry"]):
        return
    places = {
        "exit.takeProfit": exit_.get("takeProfit"),
        "exit.trailingStart": exit_.get("trailingStart"),
        "management.breakEven.at": management.get("breakEven", {}).get("at"),
        "management.breakEven.offset": management.get("breakEven", {}).get("offset"),
    }
    places |= {
        f"management.partialExits[{i}].at": part["at"] for i, part in enumerate(management.get("partialExits", ()))
    }
    for path, value in places.items():
        if isinstance(value, Mapping) and value["unit"] == "r":
            message = f"exit.stopLoss is required: {path} is in r, times its distance"
            yield Problem("exit.stopLoss", REQUIRED, message, STOP_SCHEMA)
            return


def _reaches(first: Any, second: Any) -> bool:
    (unit, value), (other, limit) = _measure(first), _measure(second)
    return unit == other and value >= limit
