"""
The trading day, rolled forward under the risk row's lock by whoever needs it: each day once, none left out.

Balance base: the balance now, minus what trading has booked since the boundary (the deals ledger); money paid in or out is
no result of trading and is left in. Equity base: the last view at the boundary; where there is none, the higher of the
views around it, PROVISIONAL until deals prove better, and then corrected by an appended row.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from django.db.models import F, Sum

from apps.accounts.models import AccountMode, AccountSnapshot, EquityPoint, TradingDay, TradingDayCorrection
from apps.risk.services.day_news import MOMENT, tell_moved
from apps.risk.services.decision_log import log_change
from apps.risk.services.facts import AccountFacts
from apps.trades.models import Deal
from trading.risk.days import Day, day_at, days_between

ZERO = Decimal(0)
MONEY_MOVED = (2, 3, 6)  # DEAL_TYPE_BALANCE, CREDIT, BONUS: not a result of trading
VIEW_AT_BOUNDARY = timedelta(seconds=60)


def roll_day(facts: AccountFacts, market_at: datetime, at: datetime) -> list[TradingDay]:
    """
    Bring the account's trading day up to the market time; the rows are stored, the risk row is changed but not saved.

    :param at: the wall clock, which the log's line is written with.

    :returns: the days begun, in order; nothing where the day in force still holds, or where nobody has seen the account.
    """
    risk, snapshot = facts.risk, facts.snapshot
    if snapshot is None or (risk.day_ends_at is not None and market_at < risk.day_ends_at):
        return []
    spans = _missed_days(facts, market_at)
    if not spans:
        # The zone was changed to one where the same date still holds, or its rules were: the day in force only ends later.
        before = risk.day_ends_at
        risk.day_ends_at = day_at(market_at, facts.account.zone, facts.account.reset_time).ends_at
        held = TradingDay.objects.filter(account=facts.account).order_by("-starts_at").first()
        if held is not None:
            TradingDay.objects.filter(pk=held.pk).update(ends_at=risk.day_ends_at)
            tell_moved(facts, held.day, f"ends at {risk.day_ends_at:{MOMENT}}, not at {before:{MOMENT}}", at)
        return []
    days = [_begin_day(facts, span, snapshot) for span in spans]
    _end_days(facts, days)
    TradingDay.objects.bulk_create(days)
    _enter_day(facts, days[-1], highest=max(day.balance_base for day in days))
    entered = days[-1]
    log_change(
        risk,
        at,
        "day",
        day=entered.day,
        begun=len(days),
        starts_at=entered.starts_at,
        ends_at=entered.ends_at,
        **_bases(entered),
        provisional=entered.provisional,
    )
    return days


def foresee_day(facts: AccountFacts, market_at: datetime) -> None:
    """Bring the risk row in memory to the day that holds the market time, as the next approval would; store nothing."""
    risk, snapshot = facts.risk, facts.snapshot
    if snapshot is None or (risk.day_ends_at is not None and market_at < risk.day_ends_at):
        return
    if spans := _missed_days(facts, market_at):
        days = [_begin_day(facts, span, snapshot) for span in spans]
        _enter_day(facts, days[-1], highest=max(day.balance_base for day in days))


def finalise_day(facts: AccountFacts, at: datetime) -> TradingDayCorrection | None:
    """Replace a provisional base by what the ledger says, once a complete view after the boundary is there."""
    risk, snapshot = facts.risk, facts.snapshot
    if not risk.day_provisional or risk.day_starts_at is None or snapshot is None or not snapshot.complete:
        return None
    if snapshot.market_at < risk.day_starts_at:
        return None
    balance = _balance_at(facts, risk.day_starts_at, snapshot)
    equity, exact = _equity_at(facts, risk.day_starts_at, snapshot, balance)
    day = TradingDay.objects.get(account=facts.account, starts_at=risk.day_starts_at)
    correction = TradingDayCorrection.objects.create(
        trading_day=day,
        balance_base=balance,
        equity_base=equity,
        source="deals ledger and view at the boundary" if exact else "deals ledger; equity by the higher view",
    )
    risk.day_balance_base, risk.day_equity_base, risk.day_provisional = balance, equity, False
    log_change(risk, at, "base", day=day.day, **_bases(correction), source=correction.source)
    return correction


def raise_peaks(facts: AccountFacts) -> bool:
    """Raise the high-water marks to the last view; the marks of a day's end are raised by the roll."""
    risk, snapshot, mode = facts.risk, facts.snapshot, facts.limits.drawdown_mode
    if snapshot is None:
        return False
    before = (risk.peak_balance, risk.peak_equity)
    risk.peak_equity = max(risk.peak_equity or facts.account.initial_balance, snapshot.equity)
    if mode == "TRAILING_CLOSED":
        risk.peak_balance = max(risk.peak_balance or facts.account.initial_balance, snapshot.balance)
    return before != (risk.peak_balance, risk.peak_equity)


def _bases(row: TradingDay | TradingDayCorrection) -> dict[str, Decimal]:
    return {"balance": row.balance_base, "equity": row.equity_base}


def _missed_days(facts: AccountFacts, market_at: datetime) -> list[Day]:
    risk, zone, resets = facts.risk, facts.account.zone, facts.account.reset_time
    if risk.day is None or risk.day_ends_at is None:
        return [day_at(market_at, zone, resets)]
    try:
        missed = list(days_between(risk.day, market_at, zone, resets))
    except ValueError:
        return [day_at(market_at, zone, resets)]  # a replay of another decade: its days have nothing to do with ours
    spans, starts_at = [], risk.day_ends_at
    for span in missed:
        if span.ends_at > starts_at:  # contiguous even where the zone was changed
            spans.append(Day(span.day, starts_at, span.ends_at))
            starts_at = span.ends_at
    return spans


def _begin_day(facts: AccountFacts, span: Day, snapshot: AccountSnapshot) -> TradingDay:
    balance = _balance_at(facts, span.starts_at, snapshot)
    equity, exact = _equity_at(facts, span.starts_at, snapshot, balance)
    first = facts.risk.day is None
    return TradingDay(
        account=facts.account,
        day=span.day,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        balance_base=balance,
        equity_base=equity,
        provisional=not exact and not first,  # before its first day nobody has seen an account: that is no gap
    )


def _balance_at(facts: AccountFacts, boundary: datetime, snapshot: AccountSnapshot) -> Decimal:
    if snapshot.market_at < boundary:
        return Decimal(snapshot.balance)
    booked = (
        Deal.objects.filter(account=facts.account, market_at__gte=boundary, market_at__lte=snapshot.market_at)
        .exclude(deal_type__in=MONEY_MOVED)
        .aggregate(sum=Sum(F("profit") + F("commission") + F("swap") + F("fee")))["sum"]
    )
    return Decimal(snapshot.balance - (booked or ZERO))


def _equity_at(
    facts: AccountFacts, boundary: datetime, snapshot: AccountSnapshot, balance: Decimal
) -> tuple[Decimal, bool]:
    points = EquityPoint.objects.filter(account=facts.account)
    before = points.filter(market_at__lte=boundary).order_by("-market_at").first()
    near = VIEW_AT_BOUNDARY
    if facts.account.mode == AccountMode.PAPER:
        near *= max(1.0, snapshot.market_speed)
    if before is not None and boundary - before.market_at <= near:
        return before.equity, True
    after = points.filter(market_at__gte=boundary).order_by("market_at").first()
    return max([balance, *(point.equity for point in (before, after) if point is not None)]), False


def _end_days(facts: AccountFacts, days: list[TradingDay]) -> None:
    if facts.risk.day is not None:
        TradingDay.objects.filter(account=facts.account, day=facts.risk.day).update(
            end_balance=days[0].balance_base, end_equity=days[0].equity_base
        )
    for day, following in pairwise(days):
        day.end_balance, day.end_equity = following.balance_base, following.equity_base


def _enter_day(facts: AccountFacts, day: TradingDay, *, highest: Decimal) -> None:
    risk = facts.risk
    risk.day, risk.day_starts_at, risk.day_ends_at = day.day, day.starts_at, day.ends_at
    risk.day_balance_base, risk.day_equity_base = day.balance_base, day.equity_base
    risk.day_provisional = day.provisional
    risk.risked_today, risk.approved_today, risk.day_latch = ZERO, 0, ""
    risk.peak_balance = max(risk.peak_balance or facts.account.initial_balance, highest)
