"""After a new view of the account: reservations, the day, high-water marks, levels and breaches, under the row's lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import Account, AccountRisk, AccountSnapshot
from apps.risk.models import Approval
from apps.risk.services.day_news import tell_days, wake_agents
from apps.risk.services.day_sums import SUMS, sum_up_days
from apps.risk.services.days import finalise_day, raise_peaks, roll_day
from apps.risk.services.fact_rows import OPEN_RESERVATIONS
from apps.risk.services.facts import AccountFacts, load_facts
from apps.risk.services.flags import has_positions_to_review, list_actions, list_flagged, review_positions
from apps.risk.services.levels import cliff_key, judge_standing, needs_look, stand_now
from apps.risk.services.reservations import load_held, mark_unresolved, settle_reservations

WAIT_MS = 1000
SETTLED = [
    "day", "day_starts_at", "day_ends_at", "day_balance_base", "day_equity_base", "day_provisional", "day_latch",
    "breach_latch", "halt_epoch", "peak_balance", "peak_equity", "reserved", "risked_today", "approved_today",
    "market_at", "level", "level_at", "level_calm_since", "chain_number", "chain_head",
]  # fmt: skip
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class FreshView:
    """A view that has just been stored, with its account and the account's risk row as it was read last."""

    account: Account
    snapshot: AccountSnapshot
    risk: AccountRisk


def settle_after_snapshot(account: Account, at: datetime) -> list[dict[str, Any]]:
    """Settle an account on its newest view, as `settle_views` does; return what the agent shall do."""
    snapshot = AccountSnapshot.objects.filter(account=account).first()
    if snapshot is None:
        return []
    return settle_views([FreshView(account, snapshot, AccountRisk.objects.get(account=account))], at).get(
        account.pk, []
    )


def settle_views(
    views: Sequence[FreshView], at: datetime, *, wait_ms: int = WAIT_MS
) -> dict[UUID, list[dict[str, Any]]]:
    """
    Settle accounts on their newest views; return what agents shall do: close the flagged positions that still stand.

    A risk row is locked only where something is to be settled. A row that stays busy is settled with the next view.

    :param wait_ms: how long to wait for a busy row; little where many accounts are settled in turn.
    """
    for account in _list_with_work(views, at):
        try:
            settle_account(account, at, wait_ms=wait_ms)
        except DatabaseError as error:
            log.warning("SETTLING_POSTPONED", account=account.code, problem=str(error)[:200])
    return {one.account.pk: actions for one in views if (actions := list_actions(one.account, one.snapshot))}


@transaction.atomic
def settle_account(account: Account, at: datetime, *, wait_ms: int = WAIT_MS) -> None:
    """Settle one account now, whether or not its view is new."""
    _limit_waiting(wait_ms)
    risk = AccountRisk.objects.select_for_update(no_key=True).get(account=account)
    facts = load_facts([risk], {account.pk: account}).get(account.pk)
    if facts is None:
        return
    market_at = facts.market_at(at)
    days = roll_day(facts, market_at, at)
    risk.market_at = market_at
    if (correction := finalise_day(facts, at)) is not None:
        log.info("DAY_BASE_CORRECTED", account=account.code, balance=str(correction.balance_base))
        wake_agents([account.pk])
    raise_peaks(facts)
    mark_unresolved(facts, settle_reservations(facts, load_held(account.pk, facts.snapshot, at), at), at)
    review_positions(facts, at)
    tell_days([(facts, days)], at)
    if days:
        sum_up_days(facts.account.pk, at)
        risk.refresh_from_db(fields=SUMS)
    judge_standing(facts, at, market_at)
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


def _list_with_work(views: Sequence[FreshView], at: datetime) -> list[Account]:
    """Look without a lock, in a few statements however many views: most change nothing that the risk row keeps."""
    open_ids = Approval.objects.filter(
        account_id__in=[one.account.pk for one in views], reservation__in=OPEN_RESERVATIONS
    )
    reserved = set(open_ids.values_list("account_id", flat=True))
    quiet = [one for one in views if one.account.pk not in reserved and not _turns(one, at)]
    facts = load_facts([one.risk for one in quiet], {one.account.pk: one.account for one in quiet})
    flagged = list_flagged([one.account.pk for one in quiet])
    calm = {
        one.account.pk
        for one in quiet
        if not _moves(facts.get(one.account.pk), one, at)
        and not (
            (one.account.pk in flagged or one.snapshot.positions) and has_positions_to_review(one.account, one.snapshot)
        )
    }
    return [one.account for one in views if one.account.pk not in calm]


def _turns(view: FreshView, at: datetime) -> bool:
    risk = view.risk
    return risk.day_ends_at is None or _market_at(view, at) >= risk.day_ends_at or risk.day_provisional


def _moves(facts: AccountFacts | None, view: FreshView, at: datetime) -> bool:
    standing = stand_now(facts) if facts is not None else None
    if facts is None or standing is None:
        return True
    if facts.limits.drawdown_mode.startswith("TRAILING") and raise_peaks(facts):
        return True
    return needs_look(facts, standing) or bool(cliff_key(facts, standing, _market_at(view, at)))


def _market_at(view: FreshView, at: datetime) -> datetime:
    return view.snapshot.market_at if view.account.mode == "PAPER" else at


def _limit_waiting(wait_ms: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_ms}ms"])
