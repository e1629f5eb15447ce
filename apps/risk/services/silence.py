"""An account that nobody sees any more is told of, once a silence: with positions open it is critical."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.accounts.models import AccountSnapshot
from apps.risk.models import RiskEvent, Severity
from apps.risk.services.events import write_event

SILENT_AFTER = timedelta(seconds=60)
"""Approvals are refused after 15 s; a person is called after a minute, so that a restart calls nobody."""


def tell_stale(at: datetime) -> int:
    """Write ACCOUNT_STALE for every account whose last view is a minute old and not told of; return how many."""
    told = RiskEvent.objects.filter(
        account=OuterRef("account"), event_type="ACCOUNT_STALE", at__gte=OuterRef("taken_at")
    )
    rows = AccountSnapshot.objects.filter(
        ~Exists(told), taken_at__lt=at - SILENT_AFTER, account__retired_at__isnull=True
    )
    return sum(_tell(row, at) for row in rows.select_related("account").order_by("pk"))


@transaction.atomic
def _tell(seen: AccountSnapshot, at: datetime) -> bool:
    account, held = seen.account, len(seen.positions)
    age_s = int((at - seen.taken_at).total_seconds())
    holds = (
        f"{held} position{'s' if held != 1 else ''} open then; their stops are at the broker." if held else "Flat then."
    )
    event = write_event(
        account,
        "ACCOUNT_STALE",
        Severity.CRITICAL if held else Severity.WARNING,
        f"Nobody has seen {account.code} for {age_s} s: no trade is approved. {holds}",
        at=at,
        market_at=seen.market_at,
        metrics={"age_s": age_s, "positions": held},
        once_key=f"stale:{int(seen.taken_at.timestamp() * 1000)}",
    )
    return event is not None
