"""
Is the ledger the terminal's, to the cent? The sum of all booked deals is held against the balance of every complete snapshot that changed
something, and every five minutes. A deal may fall between reading the balance and reading the deals, so one check proves nothing: two
that agree, at least ten seconds apart, do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max, Q, Sum

from apps.accounts.models import Account
from apps.trades.models import Deal, LedgerCheck

CREDIT = 3  # MetaTrader's DEAL_TYPE_CREDIT: kept beside the balance
CENT = Decimal("0.01")
EVERY = timedelta(minutes=5)
CONFIRMED_AFTER = timedelta(seconds=10)
ZERO = Decimal(0)


def is_due(check: LedgerCheck | None, *, balance: Decimal, has_deals: bool, at: datetime) -> bool:
    """Say whether a snapshot is worth a check: something changed, something waits for its confirmation, or it is time."""
    if check is None or has_deals or balance != check.balance or check.candidate is not None:
        return True
    return check.opening_balance is None or at - check.checked_at >= EVERY


def list_due(balances: Mapping[UUID, Decimal], at: datetime) -> set[UUID]:
    """Return the accounts of whose balance, without a new deal, a check is due."""
    known = LedgerCheck.objects.in_bulk(list(balances))
    return {
        account_id
        for account_id, balance in balances.items()
        if is_due(known.get(account_id), balance=balance, has_deals=False, at=at)
    }


@transaction.atomic
def check_ledger(*, account: Account, balance: Decimal, at: datetime) -> tuple[LedgerCheck, bool]:
    """
    Hold the booked deals against a balance; return the check and whether what is confirmed has changed.

    The caller holds the account's snapshot, so deals are booked by nobody else meanwhile.
    """
    check = LedgerCheck.objects.select_for_update(no_key=True).filter(account=account).first()
    check = check or LedgerCheck(account=account, checked_at=at)
    _add_deals(check)
    check.balance, check.checked_at = balance, at
    changed = _weigh_opening(check, at) if check.opening_balance is None else _weigh_difference(check, at)
    check.save()
    return check, changed


def _add_deals(check: LedgerCheck) -> None:
    fresh = Deal.objects.filter(account_id=check.account_id, pk__gt=check.last_deal_id)
    money = Sum(F("profit") + F("commission") + F("swap") + F("fee"), filter=~Q(deal_type=CREDIT))
    told = fresh.aggregate(money=money, newest=Max("pk"))
    check.deals_sum += told["money"] or ZERO
    check.last_deal_id = told["newest"] or check.last_deal_id


def _weigh_opening(check: LedgerCheck, at: datetime) -> bool:
    if _confirm(check, check.balance - check.deals_sum, at):
        check.opening_balance = check.balance - check.deals_sum
    return False


def _weigh_difference(check: LedgerCheck, at: datetime) -> bool:
    assert check.opening_balance is not None
    found = check.balance - check.opening_balance - check.deals_sum
    found = found if abs(found) >= CENT / 2 else ZERO
    if found == check.difference:
        check.candidate = check.candidate_at = None
        return False
    if not _confirm(check, found, at):
        return False
    check.difference = found
    check.differs_since = at if found else None
    return True


def _confirm(check: LedgerCheck, value: Decimal, at: datetime) -> bool:
    """Say whether the same value was found ten seconds ago or longer; else remember it."""
    if check.candidate != value or check.candidate_at is None:
        check.candidate, check.candidate_at = value, at
        return False
    if at - check.candidate_at < CONFIRMED_AFTER:
        return False
    check.candidate = check.candidate_at = None
    return True
