"""Our ledger against the terminal's balance, with every snapshot that is worth it; a confirmed difference is a critical event."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from apps.accounts.models import Account
from apps.risk.models import Severity
from apps.risk.services.events import write_event
from apps.trades.models import LedgerCheck
from apps.trades.services.checking import check_ledger, is_due


def watch_ledger(*, account: Account, balance: Decimal, has_deals: bool, at: datetime) -> None:
    """Check where it is due, and tell what was confirmed: a difference, another one, or that it is gone."""
    known = LedgerCheck.objects.filter(account=account).first()
    if not is_due(known, balance=balance, has_deals=has_deals, at=at):
        return
    check, changed = check_ledger(account=account, balance=balance, at=at)
    if not changed:
        return
    if check.difference:
        severity, event = Severity.CRITICAL, "LEDGER_DIFFERS"
        message = f"The balance is {check.balance:.2f}, our deals make {check.balance - check.difference:.2f}: {check.difference:+.2f} unexplained."
    else:
        severity, event, message = Severity.INFO, "LEDGER_AGREES", "The ledger is the terminal's again, to the cent."
    metrics = {"balance": f"{check.balance:.2f}", "difference": f"{check.difference:.2f}"}
    write_event(account, event, severity, message, at=at, metrics=metrics)
