"""Calendar rows: reading them from a CSV text, and what a figure means for its currency."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, tzinfo
from typing import Any

from trading.errors import InvalidValue
from trading.strategies.parameters import is_currency, parse_moment

IMPACT_RANK = {"low": 1, "medium": 2, "high": 3}

# Longer words first: "unemployment" holds "employment".
_POLARITY = (
    ("unemployment", -1),
    ("jobless", -1),
    ("claims", -1),
    ("bankruptc", -1),
    ("employment", 1),
    ("payroll", 1),
    ("rate decision", 1),
    ("interest rate", 1),
    ("gdp", 1),
    ("gross domestic", 1),
    ("pmi", 1),
    ("ism ", 1),
    ("retail sales", 1),
    ("industrial production", 1),
    ("durable goods", 1),
    ("trade balance", 1),
    ("current account", 1),
    ("confidence", 1),
    ("sentiment", 1),
    ("housing starts", 1),
    ("consumer price", 1),
    ("producer price", 1),
    ("cpi", 1),
    ("ppi", 1),
    ("inflation", 1),
    ("wage", 1),
    ("earnings", 1),
)


def polarity(title: str) -> int:
    """
    Return +1 where a higher figure speaks for the currency, -1 where against it, 0 where nobody knows.

    Prices count for the currency: higher inflation makes higher rates likelier.

    >>> polarity("Unemployment Rate"), polarity("Employment Change"), polarity("A speech")
    (-1, 1, 0)
    """
    lowered = title.lower()
    return next((sign for word, sign in _POLARITY if word in lowered), 0)


def read_calendar(text: str, zone: tzinfo = UTC) -> list[dict[str, Any]]:
    """
    Return the rows of a calendar's CSV text as events, in order of time.

    The first line names the columns; case is ignored: `time` (or `date` and `time`), `currency`, `impact`, `title` (or `event`), and
    where present `forecast`, `previous`, `actual`, `source`. Times without a zone are in ``zone``. Figures may carry %, K, M, B.

    :raises InvalidValue: naming line and column of what cannot be read; nothing is guessed.
    """
    rows = csv.DictReader(io.StringIO(text))
    names = [name.strip().lower() for name in rows.fieldnames or ()]
    lacking = [name for name in ("time", "currency", "impact") if name not in names]
    if lacking or not {"title", "event"} & set(names):
        raise InvalidValue(f"the calendar lacks the column {(lacking or ['title'])[0]}", field="events")
    rows.fieldnames = names
    events = [_event(row, line, zone) for line, row in enumerate(rows, start=2)]
    return sorted(events, key=lambda event: event["time"])


def _event(row: dict[str, Any], line: int, zone: tzinfo) -> dict[str, Any]:
    cell = {name: (value or "").strip() for name, value in row.items() if name and not isinstance(value, list)}
    currency, impact = cell["currency"].upper(), cell["impact"].lower()
    if not is_currency(currency):
        raise InvalidValue(f"line {line}: {cell['currency']!r} is no currency", field="events")
    if impact not in IMPACT_RANK:
        raise InvalidValue(f"line {line}: impact must be low, medium or high, not {cell['impact']!r}", field="events")
    event = {
        "currency": currency,
        "title": cell.get("title") or cell.get("event") or "",
        "impact": impact,
        "time": _moment(cell, line, zone).astimezone(UTC).isoformat().replace("+00:00", "Z"),
        **{name: _figure(cell.get(name, ""), line, name) for name in ("forecast", "previous", "actual")},
    }
    if not event["title"]:
        raise InvalidValue(f"line {line}: the title is missing", field="events")
    return {name: value for name, value in event.items() if value is not None}


def _moment(cell: dict[str, str], line: int, zone: tzinfo) -> datetime:
    text = f"{cell['date']} {cell['time']}" if cell.get("date") else cell["time"]
    at = parse_moment(text)
    if at is not None:
        return at
    try:
        return datetime.fromisoformat(text.replace("/", "-")).replace(tzinfo=zone)
    except ValueError:
        raise InvalidValue(f"line {line}: {text!r} is no time such as 2026-01-09 13:30", field="events") from None


def _figure(text: str, line: int, name: str) -> float | None:
    if text in ("", "-"):
        return None
    match = re.fullmatch(r"([+-]?[0-9][0-9,]*(?:\.[0-9]+)?)\s*(%|K|M|B|T)?", text, flags=re.IGNORECASE)
    if match is None:
        raise InvalidValue(f"line {line}: {name} {text!r} is no figure", field="events")
    scale = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get((match[2] or "").upper(), 1.0)
    return float(match[1].replace(",", "")) * scale
