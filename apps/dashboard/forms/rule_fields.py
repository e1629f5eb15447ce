"""The rule document and the form's fields are one thing: each field knows its place in the document, both ways."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

# field of the form -> path in the document; indicators are put together from a kind and a period
NUMBERS = {
    "oversold": "entry.oversold",
    "overbought": "entry.overbought",
    "stop_loss": "exit.stopLoss",
    "take_profit": "exit.takeProfit",
    "trailing_distance": "exit.trailingStopDistance",
    "lot_size": "risk.lotSize",
    "max_risk": "risk.maxRisk",
    "max_daily_loss": "risk.maxDailyLoss",
    "max_open_trades": "risk.maxOpenTrades",
    "reward_ratio": "risk.riskRewardRatio",
}
TEXTS = {
    "entry_type": "entry.type",
    "direction": "entry.direction",
    "from_time": "filters.timeRange.start",
    "until_time": "filters.timeRange.end",
    "zone": "filters.timeRange.timezone",
}
PERIODS = {"entry.indicators[0]": "first", "entry.indicators[1]": "second", "entry.indicator": "rsi"}
SHOWN = frozenset(
    {
        *NUMBERS.values(),
        *TEXTS.values(),
        "entry.indicators",
        "entry.indicator",
        "exit.type",
        "exit.trailingStop",
        "filters.daysOfWeek",
        "rules_version",
    }
)
_ONLY_OF = {"indicator_cross": ("indicator", "oversold", "overbought"), "rsi_threshold": ("indicators",)}


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

    :param base: the document that was open before: what the form does not show (`entry.confirmation` …) is kept from it.
    """
    document = copy.deepcopy(dict(base or {}))
    for block in ("entry", "exit", "risk", "filters"):
        if not isinstance(document.get(block), dict):
            document[block] = {}
    for name, path in {**NUMBERS, **TEXTS}.items():
        text = str(fields.get(name) or "").strip()
        _put(document, path, None if not text else parse_number(text) if name in NUMBERS else text)
    _put_entry(document["entry"], fields)
    document["exit"]["type"] = "opposite_signal" if fields.get("on_opposite") else "stop_target"
    _put(document, "exit.trailingStop", True if fields.get("trailing") else None)
    days = sorted({int(day) for day in fields.get("days") or ()})
    _put(document, "filters.daysOfWeek", days if 0 < len(days) < 7 else None)
    _drop_lonely_zone(document)
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
    fields["direction"] = fields["direction"] or ("both" if fields["entry_type"] == "rsi_threshold" else "above")
    fields["zone"] = fields["zone"] or "UTC"
    for path, prefix in PERIODS.items():
        kind, period = _split(_get(shape, path))
        fields[f"{prefix}_kind"], fields[f"{prefix}_period"] = kind, period
    fields["on_opposite"] = _get(shape, "exit.type") == "opposite_signal"
    fields["trailing"] = _get(shape, "exit.trailingStop") is True
    days = _get(shape, "filters.daysOfWeek")
    fields["days"] = [str(day or 7) for day in days] if isinstance(days, list) else [str(day) for day in range(1, 8)]
    return fields


def find_field(path: str) -> str | None:
    """
    Return the form's field for a path of the document, or None where the form does not show it.

    >>> find_field("exit.stopLoss"), find_field("entry.indicators[1]"), find_field("entry.confirmation")
    ('stop_loss', 'second_period', None)
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
    }
    named = {place: name for name, place in {**NUMBERS, **TEXTS}.items()}
    return named.get(path) or special.get(path.split("[")[0])


def list_hidden(document: Any, prefix: str = "") -> list[str]:
    """Return the paths that the text holds and the form does not show."""
    hidden: list[str] = []
    if not isinstance(document, dict):
        return hidden
    for name, value in document.items():
        path = f"{prefix}{name}"
        if path in SHOWN or path.startswith("entry.indicators["):
            continue
        inner = list_hidden(value, f"{path}.") if isinstance(value, dict) else []
        holds_shown = any(place.startswith(f"{path}.") for place in SHOWN)
        hidden += inner if holds_shown else [path]
    return hidden


def _put_entry(entry: dict[str, Any], fields: Mapping[str, Any]) -> None:
    kind = entry.get("type")
    for name in _ONLY_OF.get(str(kind), ()):
        entry.pop(name, None)
    if kind == "indicator_cross":
        entry["indicators"] = [_join(fields, "first"), _join(fields, "second")]
    elif kind == "rsi_threshold":
        period = str(fields.get("rsi_period") or "").strip()
        entry["indicator"] = f"RSI_{period}" if period else "RSI_14"


def _join(fields: Mapping[str, Any], prefix: str) -> str:
    kind = str(fields.get(f"{prefix}_kind") or "EMA").strip()
    return f"{kind}_{str(fields.get(f'{prefix}_period') or '').strip()}"


def _split(name: Any) -> tuple[str, str]:
    kind, _, period = name.partition("_") if isinstance(name, str) else ("", "", "")
    return kind.upper(), period


def _drop_lonely_zone(document: dict[str, Any]) -> None:
    """A zone alone says nothing: without hours the whole range is left out."""
    hours = document["filters"].get("timeRange")
    if isinstance(hours, dict) and not hours.get("start") and not hours.get("end"):
        del document["filters"]["timeRange"]


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
