"""Reading the journal's filter from a URL; what cannot be used is left out, and said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from apps.dashboard.selectors.trades import TradeFilter


def read_filter(query: Mapping[str, str]) -> TradeFilter:
    """Return the filter a URL's query asks for."""
    texts = {
        name: query.get(key, "").strip()[:80]
        for name, key in (
            ("search", "q"), ("status", "status"), ("side", "side"), ("account", "account"),
            ("strategy", "strategy"), ("source", "source"),
        )
    }  # fmt: skip
    days = {name: query.get(name, "").strip()[:10] for name in ("since", "until")}
    unknown = tuple(name for name, text in days.items() if text and not _is_day(text))
    kept = {name: "" if name in unknown else text for name, text in days.items()}
    texts["search"] = texts["search"].replace("\x00", "")[:18]
    return TradeFilter(**texts, **kept, unknown=unknown)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
