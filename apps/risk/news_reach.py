"""How far the calendar of news reaches, said before a limit that needs it refuses every trade."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.market.models import Impact, NewsRelease
from apps.risk.services.surroundings import CALENDAR_AHEAD
from trading.risk.limits import ENFORCE, SHADOW, Limits
from trading.risk.news import watches_news

NEWS = "news"


def find_news_gaps(accounts: Mapping[Any, tuple[Limits, datetime]]) -> dict[Any, str]:
    """
    Return a sentence for each account whose limits look at news that the calendar does not reach, in at most one query.

    :param accounts: limits in force and market time, by any key.
    """
    asking = {key: each for key, each in accounts.items() if _asks(each[0])}
    if not asking:
        return {}
    times = [market_at for _, market_at in asking.values()]
    rows = NewsRelease.objects.filter(impact=Impact.HIGH, at__range=(min(times), max(times) + CALENDAR_AHEAD))
    known = sorted(rows.values_list("at", flat=True))
    return {
        key: _say(limits)
        for key, (limits, market_at) in asking.items()
        if not any(market_at <= at <= market_at + CALENDAR_AHEAD for at in known)
    }


def _asks(limits: Limits) -> bool:
    return watches_news(limits) and limits.mode_of(NEWS) in (ENFORCE, SHADOW)


def _say(limits: Limits) -> str:
    cause = f"Its limits look at news, and no calendar reaches the next {CALENDAR_AHEAD.days} days"
    if limits.mode_of(NEWS) == SHADOW:
        return f"{cause}: the limit only watches, and warns of every trade."
    return (
        f"{cause}: every new trade is refused (NEWS_CALENDAR_MISSING) until one is imported or that limit only watches."
    )
