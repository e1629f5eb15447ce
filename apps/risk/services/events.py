"""Risk events: written once where once is enough, told by the outbox in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from apps.accounts.models import Account
from apps.common.outbox import tell
from apps.risk.models import RiskEvent

log = structlog.get_logger(__name__)


def write_event(
    account: Account,
    event_type: str,
    severity: str,
    message: str,
    *,
    at: datetime,
    market_at: datetime | None = None,
    metrics: dict[str, Any] | None = None,
    bot: UUID | None = None,
    once_key: str | None = None,
) -> RiskEvent | None:
    """
    Keep a risk event and tell it; None where it was told before under the same key.

    Called inside the transaction of what happened.
    """
    event = RiskEvent(
        account=account,
        bot_id=bot,
        event_type=event_type,
        severity=severity,
        message=message,
        metrics=metrics or {},
        at=at,
        market_at=market_at,
        once_key=once_key,
    )
    if once_key is not None:
        if RiskEvent.objects.filter(account=account, once_key=once_key).exists():
            return None
        # Two at once: the unique key lets one in, and the other sees that the row is not its own.
        RiskEvent.objects.bulk_create([event], ignore_conflicts=True)
        if not RiskEvent.objects.filter(pk=event.pk).exists():
            return None
    else:
        event.save(force_insert=True)
    log.info(event_type, account=account.code, severity=str(severity), problem=message)
    data = {
        "event_id": event.public_id,
        "severity": str(severity),
        "event_type": event_type.lower(),  # RiskMind §6.4 says it in lower case
        "message": message,
        "account_id": account.public_id,
        "timestamp": at,
        "metrics": event.metrics,
    }
    tell(team_id=account.team_id, account_id=account.pk, kind="risk.event", data=data)
    return event
