"""The rule document and the form's fields are one thing: each field knows its place in the document, both ways."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from apps.dashboard.forms.distance_fields import DISTANCES, find_distance, read_distance, show_distance
from apps.dashboard.forms.ready_fields import read_parameters
from apps.dashboard.forms.tree_fields import DEFAULT_NODE, TREES, field_name, is_shown
from apps.dashboard.forms.tree_reading import read_node

# field of the form -> path in the document; indicators are put together from a kind and a period
NUMBERS = {
    "oversold": "entry.oversold",
    "overbought": "entry.overbought",
    "lot_size": "risk.lotSize",
    "max_risk": "risk.maxRisk",
    "max_daily_loss": "risk.maxDailyLoss",
    "max_open_trades": "risk.maxOpenTrades",
    "reward_ratio": "risk.riskRewardRatio",
    "confirm_threshold": "entry.confirmation.threshold",
    "confirm_bars": "entry.confirmation.bars",
    "confirm_maximum": "entry.confirmation.maximum",
    "max_bars": "management.maxBars",
    "max_minutes": "management.maxMinutes",
}
TEXTS = {
    "entry_type": "entry.type",
    "direction": "entry.direction",
    "from_time": "filters.timeRange.start",
    "until_time": "filters.timeRange.end",
    "zone": "filters.timeRange.timezone",
    "ready_name": "entry.name",
    "trigger": "entry.trigger",
    "confirm": "entry.confirmation.type",
    "weekend_time": "management.closeBeforeWeekend.time",
    "weekend_zone": "management.closeBeforeWeekend.timezone",
}
PERIODS = {"entry.indicators[0]": "first", "entry.indicators[1]": "second", "entry.indicator": "rsi"}
SHOWN = frozenset(
    {
        *NUMBERS.values(),
        *TEXTS.values(),
        *DISTANCES.values(),
        *TREES,
        "entry.indicators",
        "entry.indicator",
        "entry.parameters",
        "exit.type",
        "exit.trailingStop",
        "filters.daysOfWeek",
        "filters.sessions",
        "management.partialExits",
        "management.closeAtSessionEnd",
        "rules_version",
    }
)
_CONFIRMED = ("direction", "confirmation")
_OF_ENTRY = {
    "indicator_cross": ("indicators", *_CONFIRMED),
    "rsi_threshold": ("indicator", "oversold", "overbought", *_CONFIRMED),
    "tree": ("long", "short", "trigger"),
    "strategy": ("name", "parameters", "direction"),
}
_OF_CONFIRMATION = {"volume": ("threshold", "bars"), "spread": ("maximum",)}


def parse_number(text: str) -> int | float | str:
    """
    Return the number in a text, or the text itself where it is none: the document's own check then says what is right.

    >>> parse_number("1.50"), parse_number("20"), parse_number("a lot")
    (1.5, 20, 'a lot')
    """
    try:
        value = Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        return text.strip()
    if not value.is_finite() or abs(value.adjusted()) > 15:
        return text.strip()
    return int(value) if value == value.to_integral_value() else float(value)


def write_number(value: Any) -> str:
    """Return a document's number as the form shows it."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def build_document(fields: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """
    Return the document that the form's fields say.

    :param base: the document that was open before: what the form does not show (a tree too large for it …) is kept from it.
    """
    document = copy.deepcopy(dict(base or {}))
    for block in ("entry", "exit", "risk", "filters", "management"):
        if not isinstance(document.get(block), dict):
            document[block] = {}
    for name, path in {**NUMBERS, **TEXTS}.items():
        text = str(fields.get(name) or "").strip()
        _put(document, path, None if not text else parse_number(text) if name in NUMBERS else text)
    for name, path in DISTANCES.items():
        _put(document, path, read_distance(fields, name, parse_number))
    _put_entry(document["entry"], fields)
    _put_trees(document, fields)
    _put_management(document, fields)
    document["exit"]["type"] = "opposite_signal" if fields.get("on_opposite") else "stop_target"
    _put(document, "exit.trailingStop", True if fields.get("trailing") else None)
    days = sorted({int(day) for day in fields.get("days") or ()})
    _put(document, "filters.daysOfWeek", days if 0 < len(days) < 7 else None)
    _put(document, "filters.sessions", list(fields.get("sessions") or ()) or None)
    _drop_lonely_zones(document)
    return {name: block for name, block in document.items() if block not in ({}, None)}


def read_fields(document: Any) -> dict[str, Any]:
    """Return the form's fields for a document; what cannot be shown stays empty."""
    shape = document if isinstance(document, dict) else {}
    fields: dict[str, Any] = {}
    for name, path in NUMBERS.items():
        value = _get(shape, path)
        fields[name] = "" if value is None else write_number(value)
    for name, path in TEXTS.items():
        value = _get(shape, path)
        fields[name] = "" if value is None else str(value)
    by_default = "above" if fields["entry_type"] in ("", "indicator_cross") else "both"
    fields["direction"] = fields["direction"] or by_default
    fields["zone"] = fields["zone"] or "UTC"
    fields["trigger"] = fields["trigger"] or "becomes_true"
    fields["weekend_zone"] = fields["weekend_zone"] or "UTC"
    for name, path in DISTANCES.items():
        fields |= show_distance(name, _get(shape, path), write_number)
    for path, prefix in PERIODS.items():
        kind, period = _split(_get(shape, path))
        fields[f"{prefix}_kind"], fields[f"{prefix}_period"] = kind, period
    fields["on_opposite"] = _get(shape, "exit.type") == "opposite_signal"
    fields["trailing"] = _get(shape, "exit.trailingStop") is True
    fields["session_end"] = _get(shape, "management.closeAtSessionEnd") is True
    sessions = _get(shape, "filters.sessions")
    fields["sessions"] = [str(name) for name in sessions] if isinstance(sessions, list) else []
    days = _get(shape, "filters.daysOfWeek")
    fields["days"] = [str(day or 7) for day in days] if isinstance(days, list) else [str(day) for day in range(1, 8)]
    return fields


def find_field(path: str) -> str | None:
    """
    Return the form's field for a path of the document, or None where the form does not show it.

    >>> find_field("exit.stopLoss.period"), find_field("entry.indicators[1]"), find_field("entry.moon")
    ('stop_loss_period', 'second_period', None)
    """
    if path in PERIODS:
        return f"{PERIODS[path]}_period"
    special = {
        "entry": "entry_type",
        "entry.indicators": "second_period",
        "exit": "stop_loss",
        "exit.trailingStop": "trailing",
        "filters.daysOfWeek": "days",
        "filters.timeRange": "from_time",
        "filters.sessions": "sessions",
        "entry.confirmation": "confirm",
        "management.closeAtSessionEnd": "session_end",
        "management.closeBeforeWeekend": "weekend_time",
    }
    named = {place: name for name, place in {**NUMBERS, **TEXTS}.items()}
    return named.get(path) or find_distance(path) or special.get(path.split("[")[0])


def list_hidden(document: Any, prefix: str = "") -> list[str]:
    """Return the paths that the text holds and the form does not show."""
    hidden: list[str] = []
    if not isinstance(document, dict):
        return hidden
    for name, value in document.items():
        path = f"{prefix}{name}"
        if path in TREES and not is_shown(value):
            hidden.append(path)
        if path in SHOWN or path.startswith("entry.indicators["):
            continue
        inner = list_hidden(value, f"{path}.") if isinstance(value, dict) else []
        holds_shown = any(place.startswith(f"{path}.") for place in SHOWN)
        hidden += inner if holds_shown else [path]
    return hidden


def _put_entry(entry: dict[str, Any], fields: Mapping[str, Any]) -> None:
    kind = str(entry.get("type"))
    if kind in _OF_ENTRY:
        for name in {name for names in _OF_ENTRY.values() for name in names} - set(_OF_ENTRY[kind]):
            entry.pop(name, None)
    if kind == "indicator_cross":
        entry["indicators"] = [_join(fields, "first"), _join(fields, "second")]
    elif kind == "rsi_threshold":
        period = str(fields.get("rsi_period") or "").strip()
        entry["indicator"] = f"RSI_{period}" if period else "RSI_14"
    elif kind == "strategy":
        entry["parameters"] = read_parameters(fields, entry.get("name"), entry.get("parameters"))
    _put_confirmation(entry)


def _put_confirmation(entry: dict[str, Any]) -> None:
    block = entry.get("confirmation")
    if not isinstance(block, dict):
        return
    known = _OF_CONFIRMATION.get(str(block.get("type")))
    if known is None:
        del entry["confirmation"]
        return
    for name in [name for name in block if name not in ("type", *known)]:
        del block[name]


def _put_trees(document: dict[str, Any], fields: Mapping[str, Any]) -> None:
    for path in TREES:
        name = field_name(path)
        belongs = path.startswith("exit.") or document["entry"].get("type") == "tree"
        if belongs and f"{name}-kind" in fields:
            _put(document, path, read_node(fields, name, parse_number))
    entry = document["entry"]
    if entry.get("type") == "tree" and "long" not in entry and "short" not in entry:
        # Chosen just now: something to begin with.
        entry["long"] = {"all": [copy.deepcopy(DEFAULT_NODE)]}


def _put_management(document: dict[str, Any], fields: Mapping[str, Any]) -> None:
    parts, index = [], 0
    while f"management-partialExits-{index}-fraction" in fields:
        at = f"management-partialExits-{index}"
        share = parse_number(str(fields[f"{at}-fraction"]))
        part = {"at": read_distance(fields, f"{at}-at", parse_number) or 0}
        parts.append({**part, "fraction": share if isinstance(share, str) else share / 100})
        index += 1
    if parts:
        document["management"]["partialExits"] = parts
    _put(document, "management.closeAtSessionEnd", True if fields.get("session_end") else None)


def _join(fields: Mapping[str, Any], prefix: str) -> str:
    kind = str(fields.get(f"{prefix}_kind") or "EMA").strip()
    return f"{kind}_{str(fields.get(f'{prefix}_period') or '').strip()}"


def _split(name: Any) -> tuple[str, str]:
    kind, _, period = name.partition("_") if isinstance(name, str) else ("", "", "")
    return kind.upper(), period


def _drop_lonely_zones(document: dict[str, Any]) -> None:
    """A zone alone says nothing: without hours the whole range is left out."""
    for block, name, times in (
        ("filters", "timeRange", ("start", "end")),
        ("management", "closeBeforeWeekend", ("time",)),
    ):
        hours = document[block].get(name)
        if isinstance(hours, dict) and not any(hours.get(time) for time in times):
            del document[block][name]
    even = document["management"].get("breakEven")
    if isinstance(even, dict) and not even:
        del document["management"]["breakEven"]


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *blocks, last = path.split(".")
    place = document
    for name in blocks:
        if not isinstance(place.get(name), dict):
            if value is None:
                return
            place[name] = {}
        place = place[name]
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value


def _get(document: Any, path: str) -> Any:
    place = document
    for part in path.replace("]", "").replace("[", ".").split("."):
        if isinstance(place, list):
            place = place[int(part)] if part.isdecimal() and int(part) < len(place) else None
        elif isinstance(place, dict):
            place = place.get(part)
        else:
            return None
    return place
