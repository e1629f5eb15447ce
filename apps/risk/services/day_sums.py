"""
What an ended trading day brought: trades, wins, losses, money, deepest fall of equity, and what a phase adds up to.

Summed up when the day has turned, outside of the approval that may have turned it, and anew where a deal comes late.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum

from apps.accounts.models import AccountRisk, TradingDay
from apps.risk.services.days import MONEY_MOVED
from apps.trades.models import Deal, Trade

ZERO = Decimal(0)
IN, IN_OUT = 0, 2  # DEAL_ENTRY_IN, DEAL_ENTRY_INOUT
LATE = timedelta(days=7)
FIGURES = ["entries", "trades_count", "wins", "losses", "total_pnl", "max_drawdown"]
SUMS = ["total_profit", "best_day", "days_traded"]
_DRAWDOWN = """
SELECT max(peak - equity) FROM (
    SELECT equity, greatest(%s, max(equity) OVER (ORDER BY market_at, id)) AS peak
    FROM accounts_equitypoint WHERE account_id = %s AND market_at >= %s AND market_at < %s
) AS seen
"""


@transaction.atomic
def sum_up_days(account_id: UUID, at: datetime) -> int:
    """Sum up the account's ended days that wait for it, and its phase; return how many days."""
    risk = AccountRisk.objects.select_for_update(no_key=True).get(account_id=account_id)
    days = list(_waiting(at).filter(account_id=account_id))
    for day in days:
        _sum_up(day, at)
    if days:
        TradingDay.objects.bulk_update(days, [*FIGURES, "summed_at"])
        _add_up_phase(risk)
    return len(days)


def list_accounts_to_sum_up(at: datetime) -> list[UUID]:
    """Return the accounts with a day that waits: ended since, or told of a deal that came after it was summed up."""
    return sorted(set(_waiting(at).values_list("account_id", flat=True)))


def begin_phase(account_id: UUID) -> None:
    """Count profit and days traded from the trading day in force on: the account is put under another phase."""
    risk = AccountRisk.objects.select_for_update(no_key=True).get(account_id=account_id)
    risk.phase_day = risk.day
    risk.save(update_fields=["phase_day"])
    _add_up_phase(risk)


def _waiting(at: datetime) -> QuerySet[TradingDay]:
    late = Deal.objects.filter(
        account_id=OuterRef("account_id"),
        market_at__gte=OuterRef("starts_at"),
        market_at__lt=OuterRef("ends_at"),
        received_at__gt=OuterRef("summed_at"),
    )
    ended = TradingDay.objects.filter(end_balance__isnull=False)
    return ended.filter(Q(summed_at__isnull=True) | Q(Exists(late), summed_at__gte=at - LATE))


def _sum_up(day: TradingDay, at: datetime) -> None:
    span = {"account_id": day.account_id, "market_at__gte": day.starts_at, "market_at__lt": day.ends_at}
    deals = Deal.objects.filter(**span).exclude(deal_type__in=MONEY_MOVED)
    money = Sum(F("profit") + F("commission") + F("swap") + F("fee"))
    booked = deals.aggregate(money=money, entries=Count("pk", filter=Q(entry__in=(IN, IN_OUT))))
    closed = Trade.objects.filter(
        account_id=day.account_id, closed_at__gte=day.starts_at, closed_at__lt=day.ends_at
    ).aggregate(count=Count("pk"), wins=Count("pk", filter=Q(pnl__gt=0)), losses=Count("pk", filter=Q(pnl__lt=0)))
    day.entries, day.total_pnl = booked["entries"], booked["money"] or ZERO
    day.trades_count, day.wins, day.losses = closed["count"], closed["wins"], closed["losses"]
    if day.summed_at is None:  # the curve of a past day is thinned out: what was seen first is the truth
        day.max_drawdown = _deepest_fall(day)
    day.summed_at = at


def _deepest_fall(day: TradingDay) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(_DRAWDOWN, [day.equity_base, day.account_id, day.starts_at, day.ends_at])
        found = cursor.fetchone()[0]
    return max(found or ZERO, ZERO)


def _add_up_phase(risk: AccountRisk) -> None:
    days = TradingDay.objects.filter(account_id=risk.account_id, end_balance__isnull=False)
    if risk.phase_day is not None:
        days = days.filter(day__gte=risk.phase_day)
    sums = days.aggregate(money=Sum("total_pnl"), best=Max("total_pnl"), traded=Count("pk", filter=Q(entries__gt=0)))
    risk.total_profit, risk.best_day = sums["money"] or ZERO, max(sums["best"] or ZERO, ZERO)
    risk.days_traded = sums["traded"]
    risk.save(update_fields=SUMS)
