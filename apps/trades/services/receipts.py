"""A report is counted once, by its id, for ever: the receipt is written in the transaction of what the report did."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account
from apps.common.bulk import insert_rows, new_row
from apps.common.prepared import ONE, TWO, Asked, Prepared, ask_together
from apps.trades.models import ReportReceipt


@transaction.atomic
def count_once(
    *,
    account: Account,
    report_id: UUID,
    kind: str,
    at: datetime,
    do: Callable[[], dict[str, Any]],
    position_id: int | None = None,
    exit_reason: str = "",
) -> tuple[dict[str, Any], bool]:
    """
    Do what the report asks, unless it was done; return the answer and whether it is a repeat.

    :param position_id: the position whose end the report tells; with `exit_reason` it is kept for deals that come later.

    A repeat gets the answer it got before. Two at once: the second waits for the first. Whatever is raised leaves no receipt.
    """
    turn: Asked[Any] = Asked("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [f"{account.pk}:{report_id}"])
    _, kept = ask_together(turn, _RECEIPTS([account.pk], [report_id]))
    if kept:
        return kept[0].answer, True
    answer = do()
    receipt = new_row(
        ReportReceipt,
        account_id=account.pk,
        report_id=report_id,
        kind=kind[:30],
        at=at,
        answer=answer,
        position_id=position_id,
        exit_reason=exit_reason[:20],
    )
    insert_rows([receipt])
    return answer, False


_RECEIPTS = Prepared(lambda: ReportReceipt.objects.filter(account_id__any=ONE, report_id__any=TWO))
