"""Periods of an account's results, by its own market clock: its trading day, the last days, or all there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Q

from apps.accounts.models import Account, AccountMode, AccountSnapshot
from trading.risk.days import day_at

PERIODS = ("today", "7d", "30d", "all")
_LENGTHS = {"7d": timedelta(days=7), "30d": timedelta(days=30)}


@dataclass(frozen=True)
class Span:
    """From when on trades count, and the market time it was worked out at; `since` is None for all there is."""

    since: datetime | None
    market_at: datetime

    def holds(self, column: str = "closed_at") -> Q:
        """Return the condition for rows whose instant lies in the span."""
        return Q(**{f"{column}__gte": self.since}) if self.since else Q(**{f"{column}__isnull": False})


def find_spans(account_ids: Collection[UUID], period: str, at: datetime) -> dict[UUID, Span]:
    """
    Return the span of a period for each account, in one statement.

    `today` is the account's trading day in its zone; `7d` and `30d` are so many times 24 h back from its market time.
    """
    rows = Account.objects.filter(pk__in=account_ids).select_related("risk", "snapshot")
    return {account.pk: find_span(account, period, at) for account in rows}


def group_by_start(spans: Mapping[UUID, Span]) -> dict[datetime | None, list[UUID]]:
    """Return the accounts whose spans begin in the same instant: most of a team's days do."""
    starts: dict[datetime | None, list[UUID]] = {}
    for account_id, span in spans.items():
        starts.setdefault(span.since, []).append(account_id)
    return starts


def find_span(account: Account, period: str, at: datetime) -> Span:
    """Return the span of a period for one account (its risk row and snapshot are read where they are not loaded)."""
    market_at = read_market_at(account, at)
    if period == "today":
        risk = getattr(account, "risk", None)
        if risk is not None and risk.day_starts_at and risk.day_starts_at <= market_at < risk.day_ends_at:
            return Span(risk.day_starts_at, market_at)
        return Span(day_at(market_at, account.zone, account.reset_time).starts_at, market_at)
    length = _LENGTHS.get(period)
    return Span(market_at - length if length else None, market_at)


def read_market_at(account: Account, at: datetime) -> datetime:
    """Return the account's market time as far as it is known: the wall clock, or what a paper account showed last."""
    if account.mode != AccountMode.PAPER:
        return at
    known = [getattr(part, "market_at", None) for part in (getattr(account, "risk", None), find_snapshot(account))]
    return max((one for one in known if one is not None), default=at)


def find_snapshot(account: Account) -> AccountSnapshot | None:
    """Return the account's last snapshot, or None before the first one."""
    try:
        snapshot: AccountSnapshot = account.snapshot
    except ObjectDoesNotExist:
        return None
    return snapshot
