"""The schedule's part: idle accounts turn their days too, and waiting reservations are looked at."""

from __future__ import annotations

from typing import Any

import structlog
from celery import shared_task

from apps.accounts.models import Account
from apps.common.clock import read_at
from apps.risk.dispute.archive import archive_months
from apps.risk.services import what_if_runs
from apps.risk.services.anchors import deliver_anchors, sign_heads
from apps.risk.services.day_sums import list_accounts_to_sum_up, sum_up_days
from apps.risk.services.settling import list_due_accounts, settle_account
from apps.risk.services.silence import tell_stale

log = structlog.get_logger(__name__)


@shared_task(name="apps.risk.tasks.roll_trading_days")  # type: ignore[untyped-decorator]
def roll_trading_days(**_: Any) -> int:
    """Turn the day of every account whose day has ended; return how many accounts were settled."""
    return _settle_due()


@shared_task(name="apps.risk.tasks.sweep_reservations")  # type: ignore[untyped-decorator]
def sweep_reservations(**_: Any) -> int:
    """Settle the reservations whose validity is over; return how many accounts were settled."""
    return _settle_due()


@shared_task(name="apps.risk.tasks.tell_stale_accounts")  # type: ignore[untyped-decorator]
def tell_stale_accounts(**_: Any) -> int:
    """Tell of every account that nobody has seen for a minute, once a silence; return how many."""
    return tell_stale(read_at())


@shared_task(name="apps.risk.tasks.sign_log_heads")  # type: ignore[untyped-decorator]
def sign_log_heads(**_: Any) -> int:
    """Sign the heads of the logs that grew and tell them outside; return how many were signed."""
    at = read_at()
    signed = sign_heads(at)
    deliver_anchors(at)
    return signed


@shared_task(name="apps.risk.tasks.work_on_what_ifs")  # type: ignore[untyped-decorator]
def work_on_what_ifs(**_: Any) -> int:
    """Answer long what-ifs until none waits; return how many."""
    done = 0
    while what_if_runs.work_next():
        done += 1
    return done


@shared_task(name="apps.risk.tasks.look_for_what_ifs")  # type: ignore[untyped-decorator]
def look_for_what_ifs(**_: Any) -> bool:
    """Nudge the workers where a what-if waits, or where a worker died."""
    return what_if_runs.nudge_waiting()


@shared_task(name="apps.risk.tasks.archive_logs")  # type: ignore[untyped-decorator]
def archive_logs(**_: Any) -> int:
    """Write the signed archives of months that have ended; return how many files."""
    return archive_months(read_at())


def _settle_due() -> int:
    at, settled = read_at(), 0
    for account_id in list_accounts_to_sum_up(at):
        sum_up_days(account_id, at)
    for account in Account.objects.filter(pk__in=list_due_accounts(at)).order_by("pk"):
        try:
            settle_account(account, at)
            settled += 1
        except Exception as error:  # one account's trouble is not the others'
            log.error("SETTLING_FAILED", account=account.code, problem=f"{type(error).__name__}: {error}"[:300])
    return settled
