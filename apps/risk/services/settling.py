"""After a new view of the account: reservations, the day, high-water marks, levels and breaches, under the row's lock."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import Account, AccountRisk, AccountSnapshot
from apps.risk.models import Approval, Severity
from apps.risk.services.day_news import tell_days, wake_agents
from apps.risk.services.day_sums import SUMS, sum_up_days
from apps.risk.services.days import finalise_day, raise_peaks, roll_day
from apps.risk.services.events import write_event
from apps.risk.services.facts import OPEN_RESERVATIONS, AccountFacts, load_facts
from apps.risk.services.latches import latch_row
from apps.risk.services.reservations import load_held, mark_unresolved, settle_reservations
from trading.risk.levels import STEPS, Standing, stand
from trading.risk.limits import ENFORCE, HARD

WAIT_MS = 1000
SETTLED = [
    "day", "day_starts_at", "day_ends_at", "day_balance_base", "day_equity_base", "day_provisional", "day_latch",
    "breach_latch", "halt_epoch", "peak_balance", "peak_equity", "reserved", "risked_today", "approved_today",
    "market_at",
]  # fmt: skip
log = structlog.get_logger(__name__)


def settle_after_snapshot(account: Account, at: datetime) -> list[dict[str, Any]]:
    """
    Settle an account on its newest view; return what the agent shall do (nothing yet: closing is the report's answer).

    The risk row is locked only where something is to be settled. A row that stays busy is settled with the next view.
    """
    if _has_work(account, at):
        try:
            settle_account(account, at)
        except DatabaseError as error:
            log.warning("SETTLING_POSTPONED", account=account.code, problem=str(error)[:200])
    return []


@transaction.atomic
def settle_account(account: Account, at: datetime) -> None:
    """Settle one account now, whether or not its view is new."""
    _limit_waiting()
    risk = AccountRisk.objects.select_for_update(no_key=True).get(account=account)
    facts = load_facts([risk], {account.pk: account}, {}).get(account.pk)
    if facts is None:
        return
    market_at = facts.market_at(at)
    days = roll_day(facts, market_at)
    risk.market_at = market_at
    if (correction := finalise_day(facts)) is not None:
        log.info("DAY_BASE_CORRECTED", account=account.code, balance=str(correction.balance_base))
        wake_agents([account.pk])
    raise_peaks(facts)
    mark_unresolved(facts, settle_reservations(facts, load_held(account.pk), at), at)
    tell_days([(facts, days)], at)
    if days:
        sum_up_days(facts.account.pk, at)
        risk.refresh_from_db(fields=SUMS)
    _judge_standing(facts, at, market_at)
    risk.save(update_fields=SETTLED)


def list_due_accounts(at: datetime) -> list[UUID]:
    """Return the accounts whose day has ended by their own clock, or whose reservations wait for an answer."""
    ended = AccountRisk.objects.filter(day_ends_at__isnull=False, account__retired_at__isnull=True)
    real = ended.exclude(account__mode="PAPER").filter(day_ends_at__lte=at)
    waiting = Approval.objects.filter(reservation__in=OPEN_RESERVATIONS, valid_until__lt=at)
    due = set(real.values_list("account_id", flat=True)) | set(waiting.values_list("account_id", flat=True))
    # A paper account's day ends by its market's clock, as its last view tells it.
    for risk in ended.filter(account__mode="PAPER", account__snapshot__isnull=False).select_related(
        "account__snapshot"
    ):
        if risk.day_ends_at is not None and risk.account.snapshot.market_at >= risk.day_ends_at:
            due.add(risk.account_id)
    return sorted(due)


def stand_now(facts: AccountFacts) -> Standing | None:
    """Return where the account stands against its floors; None before its first day."""
    risk, snapshot = facts.risk, facts.snapshot
    if snapshot is None or risk.day_balance_base is None or risk.day_equity_base is None:
        return None
    return stand(
        facts.limits,
        initial_balance=facts.account.initial_balance,
        day_balance=risk.day_balance_base,
        day_equity=risk.day_equity_base,
        peak=facts.peak(),
        equity=snapshot.equity,
    )


def _has_work(account: Account, at: datetime) -> bool:
    """Look without a lock: most views change nothing that the risk row keeps."""
    risk = AccountRisk.objects.get(account=account)
    snapshot = AccountSnapshot.objects.filter(account=account).first()
    if snapshot is None:
        return False
    market_at = snapshot.market_at if account.mode == "PAPER" else at
    if risk.day_ends_at is None or market_at >= risk.day_ends_at or risk.day_provisional:
        return True
    if Approval.objects.filter(account=account, reservation__in=OPEN_RESERVATIONS).exists():
        return True
    facts = load_facts([risk], {account.pk: account}, {}).get(account.pk)
    standing = stand_now(facts) if facts is not None else None
    if facts is None or standing is None:
        return True
    if facts.limits.drawdown_mode.startswith("TRAILING") and raise_peaks(facts):
        return True
    return standing.used >= STEPS[0]


def _judge_standing(facts: AccountFacts, at: datetime, market_at: datetime) -> None:
    standing, risk = stand_now(facts), facts.risk
    if standing is None or risk.day is None:
        return
    parts = (
        ("daily", standing.daily_used, standing.daily_loss, standing.daily_limit),
        ("total", standing.total_used, standing.total_loss, standing.total_limit),
    )
    for name, used, loss, limit in parts:
        reached = [step for step in STEPS if used >= step]
        if reached:
            _tell_step(facts, name, reached[-1], loss, limit, at, market_at)
        if used > 1:
            _break_limit(facts, name, loss, limit, at, market_at)


def _tell_step(
    facts: AccountFacts, name: str, step: Decimal, loss: Decimal, limit: Decimal, at: datetime, market_at: datetime
) -> None:
    account, percent = facts.account, int(step * 100)
    base = account.initial_balance
    current, most = (round(value / base * 100, 4) for value in (loss, limit))
    write_event(
        account,
        f"{name.upper()}_LIMIT_APPROACHING",
        Severity.CRITICAL if step >= Decimal("0.85") else Severity.WARNING,
        f"{name.title()} loss limit at {loss / limit:.0%} ({current:.2f}% / {most:.2f}%)",
        at=at,
        market_at=market_at,
        metrics={"current_loss_pct": float(current), "limit_pct": float(most), "remaining_pct": float(most - current)},
        once_key=f"{facts.risk.day}:{name}:{percent}",
    )


def _break_limit(
    facts: AccountFacts, name: str, loss: Decimal, limit: Decimal, at: datetime, market_at: datetime
) -> None:
    risk, message = facts.risk, f"{name.title()} loss limit broken: {loss:.2f} of {limit:.2f}"
    told = write_event(
        facts.account,
        f"{name.upper()}_LIMIT_BROKEN",
        Severity.CRITICAL,
        message,
        at=at,
        market_at=market_at,
        metrics={"loss": f"{loss:.2f}", "limit": f"{limit:.2f}"},
        once_key=f"{risk.day}:{name}:broken",
    )
    if told is None or facts.limits.mode != ENFORCE:
        return  # once a day: what a person has lifted is not latched again by the same breach
    for_good = name == "total" or facts.limits.daily_kind == HARD
    latch_row(risk, "breach_latch" if for_good else "day_latch", message)


def _limit_waiting() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_MS}ms"])
