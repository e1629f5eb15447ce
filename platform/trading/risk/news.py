"""Scheduled releases: which one matters for a symbol now, and whether the calendar reaches this far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading.risk.limits import Limits
from trading.risk.sizing import SymbolTerms


@dataclass(frozen=True, slots=True)
class Release:
    """A high-impact release: when, of which currency, and what."""

    at: datetime
    currency: str
    title: str

    @property
    def what(self) -> str:
        return f"{self.currency} {self.title}"


def watches_news(limits: Limits) -> bool:
    """Say whether the limits ask for the calendar at all."""
    return limits.news_before_s is not None or limits.news_after_s is not None


def pick_release(
    releases: Sequence[Release], terms: SymbolTerms | None, limits: Limits, market_at: datetime
) -> Release | None:
    """
    Return the release whose window holds now, else the next one, among those of the symbol's currencies.

    A symbol whose currencies nobody told is touched by each.
    """
    names = {terms.currency_base, terms.currency_profit} - {""} if terms else set()
    mine = sorted((one for one in releases if not names or one.currency in names), key=lambda one: one.at)
    before, after = (timedelta(seconds=span or 0) for span in (limits.news_before_s, limits.news_after_s))
    inside = [one for one in mine if one.at - before <= market_at <= one.at + after]
    return next(iter([*inside, *(one for one in mine if one.at > market_at)]), None)


def covers(releases: Sequence[Release], market_at: datetime) -> bool:
    """Say whether the calendar reaches this far: a week without any release ahead is a calendar that has ended."""
    return any(one.at >= market_at for one in releases)
