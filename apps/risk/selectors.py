"""Questions about risk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import QuerySet

from apps.accounts.models import Account, AccountRisk, AccountSnapshot, LimitSet
from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.risk.models import Approval, BotBreaker, PositionFlag, RiskEvent, Severity, WhatIfRun
from trading.errors import TradingError
from trading.risk.levels import RiskLevel, Standing, show_level, stand
from trading.risk.limits import Limits, parse_limits

LATCHES = ("platform", "team", "account", "breach", "day")
HUNDRED = Decimal(100)
LATEST_REQUESTS, USUAL_SYMBOLS = 50, 3
log = structlog.get_logger(__name__)


def get_account_state(account: Account, at: datetime) -> dict[str, Any]:
    """
    Return the account as RiskMind §5.2 shows it, with floors, headroom, latches and the age of what it rests on.

    Percent are of the initial balance. `trading_allowed` says what an approval would find now: latches, freshness, levels.
    """
    risk = AccountRisk.objects.get(account=account)
    snapshot = AccountSnapshot.objects.filter(account=account).first()
    limits = parse_limits(LimitSet.objects.get(account=account, in_force=True).document)
    return _show_state(account, risk, snapshot, limits, at)


def list_account_states(team_id: UUID, at: datetime) -> list[tuple[Account, dict[str, Any]]]:
    """Return the states of the team's accounts in service, in two statements; where limits cannot be read, there is none."""
    rows = Account.objects.filter(team_id=team_id, retired_at=None, risk__isnull=False)
    accounts = {account.pk: account for account in rows.select_related("risk", "snapshot").order_by("code")}
    found = []
    for limit_set in LimitSet.objects.filter(account_id__in=accounts, in_force=True).order_by("account__code"):
        account = accounts[limit_set.account_id]
        snapshot = account.snapshot if hasattr(account, "snapshot") else None
        try:
            limits = parse_limits(limit_set.document)
        except TradingError as error:
            log.error("LIMITS_BROKEN", account=account.code, problem=str(error)[:200])
            continue
        found.append((account, _show_state(account, account.risk, snapshot, limits, at)))
    return found


def _show_state(
    account: Account, risk: AccountRisk, snapshot: AccountSnapshot | None, limits: Limits, at: datetime
) -> dict[str, Any]:
    latches = {name: text for name in LATCHES if (text := getattr(risk, f"{name}_latch"))}
    standing = _stand(account, risk, snapshot, limits)
    used = standing.used if standing else Decimal(0)
    kept = RiskLevel(risk.level)
    level = show_level(kept, used, latched=bool(latches), halted_fraction=limits.halted_fraction)
    age_s = (at - snapshot.taken_at).total_seconds() if snapshot else None
    fresh = age_s is not None and age_s <= 15
    return {
        "account_id": account.public_id,
        "code": account.code,
        "mode": account.mode.lower(),
        "currency": account.currency,
        "balance": snapshot.balance if snapshot else None,
        "equity": snapshot.equity if snapshot else None,
        "margin": snapshot.margin if snapshot else None,
        "free_margin": snapshot.free_margin if snapshot else None,
        **_figures(account, limits, standing),
        "open_positions": len(snapshot.positions) if snapshot else None,
        "reserved": risk.reserved,
        "risked_today": risk.risked_today,
        "approved_today": risk.approved_today,
        "trading_allowed": bool(fresh and snapshot and snapshot.trade_allowed and level is not RiskLevel.HALTED),
        "risk_level": level.value,
        "light": level.light,
        "latches": latches,
        "halt_epoch": risk.halt_epoch,
        "stale": not fresh,
        "seen_at": snapshot.taken_at if snapshot else None,
        "age_s": round(age_s, 3) if age_s is not None else None,
        "market_at": snapshot.market_at if snapshot else None,
        "market_speed": snapshot.market_speed if snapshot else None,
        "day": risk.day,
        "day_ends_at": risk.day_ends_at,
        "day_provisional": risk.day_provisional,
    }


def list_events(
    team_id: UUID,
    account_id: UUID | None = None,
    *,
    event_type: str = "",
    severity: str = "",
    unacknowledged: bool = False,
) -> QuerySet[RiskEvent]:
    """Return the team's risk events; `unacknowledged` leaves out what somebody has taken note of, and mere information."""
    rows = RiskEvent.objects.filter(account__team_id=team_id).select_related("account", "bot")
    wanted = {"account_id": account_id, "event_type": event_type.upper(), "severity": severity.upper()}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return rows.filter(acknowledged_at__isnull=True).exclude(severity=Severity.INFO) if unacknowledged else rows


def get_event(team_id: UUID, reference: str, account_id: UUID | None = None) -> RiskEvent:
    """
    Return a risk event of the team (of one account, for a key bound to it).

    :raises NotFound: also where it is another team's.
    """
    try:
        found = list_events(team_id, account_id).filter(pk=parse_public_id(RiskEvent.PREFIX, reference)).first()
    except MalformedId:
        found = None
    if found is None:
        raise NotFound(Code.NOT_FOUND, f"No risk event {reference[:80]!r} in this team.", "event")
    return found


def get_what_if_run(account: Account, reference: str) -> WhatIfRun:
    """
    Return a what-if of the account.

    :raises NotFound: also where it is another account's.
    """
    try:
        key = parse_public_id(WhatIfRun.PREFIX, reference)
        return WhatIfRun.objects.select_related("account__team").get(pk=key, account=account)
    except (MalformedId, WhatIfRun.DoesNotExist):
        raise NotFound(Code.NOT_FOUND, f"No what-if {reference[:80]!r} of this account.", "what_if") from None


def list_usual_stops(account_ids: Sequence[UUID]) -> dict[UUID, dict[str, Decimal]]:
    """Return, by account, the symbols asked for last, each with the distance from entry to stop of its last request [price]."""
    found: dict[UUID, dict[str, Decimal]] = {pk: {} for pk in account_ids}
    with connection.cursor() as cursor:
        cursor.execute(_LATEST_REQUESTS, [list(account_ids), LATEST_REQUESTS])
        for pk, symbol, entry_price, stop_loss in cursor.fetchall():
            if len(found[pk]) < USUAL_SYMBOLS:
                found[pk].setdefault(symbol, abs(entry_price - stop_loss))
    return found


# The newest few of each account by its index, whatever number of approvals it has.
_LATEST_REQUESTS = """
    SELECT wanted.id, latest.symbol, latest.entry_price, latest.stop_loss
    FROM unnest(%s::uuid[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT symbol, entry_price, stop_loss, at FROM risk_approval
        WHERE account_id = wanted.id ORDER BY at DESC LIMIT %s
    ) AS latest
    ORDER BY wanted.id, latest.at DESC
"""


def list_flags(accounts: Sequence[Account]) -> QuerySet[PositionFlag]:
    """Return what is wrong with open positions of these accounts, as far as it has been told."""
    rows = PositionFlag.objects.filter(account__in=accounts, cleared_at__isnull=True, told_at__isnull=False)
    return rows.select_related("account", "bot").order_by("told_at")


def list_open_breakers(accounts: Sequence[Account]) -> list[BotBreaker]:
    """Return the circuit breakers that stop bots of these accounts now; each with its bot, account and risk row."""
    rows = BotBreaker.objects.filter(bot__account__in=accounts, lifted_at__isnull=True)
    found = rows.select_related("bot__account__risk").order_by("tripped_at")
    return [row for row in found if row.is_open(row.bot.account.risk.day)]


def list_approvals(team_id: UUID, account_id: UUID | None = None) -> QuerySet[Approval]:
    """Return the team's approvals, granted and denied."""
    rows = Approval.objects.filter(account__team_id=team_id).select_related("account", "bot")
    return rows.filter(account_id=account_id) if account_id else rows


def _stand(account: Account, risk: AccountRisk, snapshot: AccountSnapshot | None, limits: Limits) -> Standing | None:
    if snapshot is None or risk.day_balance_base is None or risk.day_equity_base is None:
        return None
    mark = risk.peak_equity if limits.drawdown_mode == "TRAILING_INTRADAY" else risk.peak_balance
    return stand(
        limits,
        initial_balance=account.initial_balance,
        day_balance=risk.day_balance_base,
        day_equity=risk.day_equity_base,
        peak=mark if mark is not None else account.initial_balance,
        equity=snapshot.equity,
    )


def _figures(account: Account, limits: Limits, standing: Standing | None) -> dict[str, Any]:
    names = (
        "daily_pnl", "daily_loss_pct", "daily_loss_limit_pct", "daily_floor", "daily_used_pct", "total_drawdown_pct",
        "total_drawdown_limit_pct", "total_floor", "total_used_pct", "room",
    )  # fmt: skip
    if standing is None:
        return dict.fromkeys(names)
    base = account.initial_balance
    values = (
        -standing.daily_loss,
        max(Decimal(0), standing.daily_loss) / base * HUNDRED,
        standing.daily_limit / base * HUNDRED,
        standing.daily_floor,
        standing.daily_used * HUNDRED,
        max(Decimal(0), standing.total_loss) / base * HUNDRED,
        standing.total_limit / base * HUNDRED,
        standing.total_floor,
        standing.total_used * HUNDRED,
        standing.room,
    )
    return {name: round(value, 4) for name, value in zip(names, values, strict=True)}
