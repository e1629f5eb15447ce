"""An agent tells of its symbols: specifications, what it tried with them, and what a change means for the account's risk."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from apps.executors.models import Executor
from apps.market.selectors import list_specifications
from apps.market.services import store_probes, store_specifications
from apps.risk.models import Severity
from apps.risk.services.events import write_event
from trading.protocol import SymbolsMessage


@transaction.atomic
def take_symbols(*, executor: Executor, message: SymbolsMessage, at: datetime) -> None:
    """Store what was told; a change that no person has seen is a critical event, once for each such change."""
    account = executor.account
    store_specifications(account=account, specs=message.symbols, at=at)
    store_probes(account=account, probes=message.probes, at=at)
    told = {spec.name[:32] for spec in message.symbols}
    for row in list_specifications(account.pk).filter(symbol__in=told).exclude(drift={}):
        changes = ", ".join(f"{name} {before} → {now}" for name, (before, now) in sorted(row.drift.items()))
        write_event(
            account,
            "SPEC_CHANGED",
            Severity.CRITICAL,
            f"{row.symbol}: the broker changed {changes}. Nothing is approved in it before a person has seen that."[
                :500
            ],
            at=at,
            metrics={"symbol": row.symbol, "changes": row.drift},
            once_key=f"spec:{row.symbol}:{row.drifted_at:%Y%m%d%H%M%S%f}"[:80],
        )
