"""
The right to trade one account: one holder per (server, login) over all teams, with a fence that only rises.

A lease alone cannot stop a paused process; the fence can. It is kept on the risk rows, so an approval checks it on the row
it holds anyway. A grant locks all risk rows of the pair in id order; a renewal is one conditional UPDATE in a transaction
of its own, so it never holds a risk row across other work. Another holder is let in only after the lease is over and the
grace with it: the old one counts its validity from the moment it *asked*, so it has stopped opening before we let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import Q

from apps.accounts.models import Account, AccountRisk
from apps.common.errors import Conflict
from apps.common.outbox import tell
from apps.executors.models import Executor
from trading.protocol import Lease

LEASE_TTL = timedelta(seconds=15)
LEASE_GRACE = timedelta(seconds=2)
SET_BACK = (
    LEASE_TTL  # a lease that ends so much later than any granted now was granted by a clock that was set back since
)
RENEWAL_WAIT_MS = 500  # a renewal that waits longer is skipped: the next snapshot renews, approvals go first

log = structlog.get_logger(__name__)


@transaction.atomic
def take_lease(*, executor: Executor, instance_id: str, at: datetime, host: str = "") -> Lease | None:
    """
    Return a lease with a new fence, or None where another executor or another process of this one still holds the account.

    The same process asking again gets a new fence at once: it has forgotten nothing, and what it sent before is void.
    """
    rows = _lock_rows(executor.account)
    for row in rows:
        if _is_held(row, at) and not _is_holder(row, executor.pk, instance_id):
            _shorten(row, at)
            _alarm(executor, row, instance_id, host, at)
            return None
    fence = max(row.fence for row in rows) + 1
    mine = next(row for row in rows if row.account_id == executor.account_id)
    AccountRisk.objects.filter(pk__in=[row.pk for row in rows]).update(
        fence=fence, lease_executor_id=None, lease_instance="", lease_until=None
    )
    until = at + LEASE_TTL
    AccountRisk.objects.filter(pk=mine.pk).update(
        lease_executor_id=executor.pk, lease_instance=instance_id, lease_until=until
    )
    log.info("LEASE_TAKEN", executor=executor.code, instance=instance_id, fence=fence)
    return _lease(fence, until)


def renew_lease(*, executor: Executor, instance_id: str, fence: int, at: datetime) -> Lease | None:
    """
    Return the lease, longer; None where approvals kept the row busy (ask again with the next snapshot).

    :raises Conflict: FENCED where the fence is not the account's, or another process holds it.
    """
    until = at + LEASE_TTL
    try:
        with transaction.atomic():
            _wait_at_most(RENEWAL_WAIT_MS)
            renewed = AccountRisk.objects.filter(
                Q(lease_until__lte=until) | Q(lease_until__isnull=True) | Q(lease_until__gt=until + SET_BACK),
                account_id=executor.account_id,
                fence=fence,
                lease_executor_id=executor.pk,
                lease_instance=instance_id,
            ).update(lease_until=until)
    except OperationalError:
        return None
    if renewed:
        return _lease(fence, until)
    require_fence(executor=executor, instance_id=instance_id, fence=fence)
    return None


@dataclass(frozen=True)
class Holding:
    """What a process says it holds: an executor's account, under this fence."""

    executor: Executor
    instance_id: str
    fence: int


@transaction.atomic
def renew_leases(holdings: Sequence[Holding], *, at: datetime) -> dict[UUID, AccountRisk]:
    """
    Make many leases longer, of different accounts, and return their risk rows by account as they stand now.

    What is not held, or whose row is busy, is left out and left alone: `renew_lease` waits for it or says why not.
    """
    until = at + LEASE_TTL
    asked = {one.executor.account_id: (one.executor.pk, one.instance_id, one.fence) for one in holdings}
    rows = AccountRisk.objects.select_for_update(skip_locked=True, no_key=True).filter(account_id__in=asked)
    mine = {
        row.account_id: row
        for row in rows.order_by("account_id")
        if (row.lease_executor_id, row.lease_instance, row.fence) == asked[row.account_id]
        and (row.lease_until is None or row.lease_until <= until)
    }
    AccountRisk.objects.filter(pk__in=mine).update(lease_until=until)
    for row in mine.values():
        row.lease_until = until
    return mine


def require_fence(*, executor: Executor, instance_id: str, fence: int) -> None:
    """
    Do nothing where this process holds the account under this fence.

    :raises Conflict: FENCED.
    """
    row = AccountRisk.objects.get(account_id=executor.account_id)
    if (row.fence, row.lease_instance, row.lease_executor_id) == (fence, instance_id, executor.pk):
        return
    message = (
        "This process does not hold the account (any more): say hello again, and open nothing until it is granted."
    )
    raise Conflict("FENCED", message, "fence", {"fence": row.fence})


def is_holder(*, executor: Executor, instance_id: str) -> bool:
    """Say whether this process was the last that was granted the account, and nobody after it; its lease may have run out."""
    return _is_holder(AccountRisk.objects.get(account_id=executor.account_id), executor.pk, instance_id)


def is_held_by(row: AccountRisk, *, executor: Executor, instance_id: str) -> bool:
    """Say what `is_holder` does, of a risk row that was just read."""
    return _is_holder(row, executor.pk, instance_id)


def find_lease(*, executor: Executor, instance_id: str, at: datetime) -> Lease | None:
    """Return what is left of the lease that this process holds, or None: a second process of the same key holds nothing."""
    row = AccountRisk.objects.get(account_id=executor.account_id)
    return read_lease(row, executor=executor, instance_id=instance_id, at=at)


def read_lease(row: AccountRisk, *, executor: Executor, instance_id: str, at: datetime) -> Lease | None:
    """Return what `find_lease` does, from a risk row that was just read."""
    if not _is_holder(row, executor.pk, instance_id) or row.lease_until is None or row.lease_until <= at:
        return None
    left = min(row.lease_until - at, LEASE_TTL)
    return Lease(fence=row.fence, lease_until=at + left, valid_for_ms=int(left.total_seconds() * 1000))


@transaction.atomic
def revoke_lease(*, executor: Executor) -> None:
    """Take the account from the executor at once, as where its keys are revoked: its next write is fenced."""
    rows = _lock_rows(executor.account)
    if any(row.lease_executor_id == executor.pk for row in rows):
        # lease_until stays: nobody else may open before what the old holder believes to hold is over.
        AccountRisk.objects.filter(pk__in=[row.pk for row in rows]).update(fence=max(row.fence for row in rows) + 1)


def _lock_rows(account: Account) -> list[AccountRisk]:
    same = AccountRisk.objects.select_for_update(no_key=True, of=("self",)).filter(
        account__server=account.server, account__login=account.login
    )
    return list(same.order_by("account_id"))


def _is_held(row: AccountRisk, at: datetime) -> bool:
    return row.lease_until is not None and at < row.lease_until + LEASE_GRACE


def _shorten(row: AccountRisk, at: datetime) -> None:
    """Let a lease of a clock that was set back end when one granted now would: no real one lasts longer."""
    if row.lease_until is not None and row.lease_until > at + LEASE_TTL + SET_BACK:
        AccountRisk.objects.filter(pk=row.pk).update(lease_until=at + LEASE_TTL)


def _is_holder(row: AccountRisk, executor_id: UUID, instance_id: str) -> bool:
    return row.lease_executor_id == executor_id and row.lease_instance == instance_id


def _lease(fence: int, until: datetime) -> Lease:
    return Lease(fence=fence, lease_until=until, valid_for_ms=int(LEASE_TTL.total_seconds() * 1000))


def _wait_at_most(milliseconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])


def _alarm(executor: Executor, row: AccountRisk, instance_id: str, host: str, at: datetime) -> None:
    """
    Keep who was refused, and tell once per newcomer. Two processes of one key are a mistake or a theft, but only where both live:
    the holder has renewed since the newcomer first asked. Until then it may be the same agent, started anew after a kill.
    """
    known = Executor.objects.values_list("rival", flat=True).get(pk=executor.pk)
    is_known = known.get("instance") == instance_id
    first_at = datetime.fromisoformat(known["first_at"]) if is_known else at
    is_twin = row.lease_executor_id == executor.pk
    lives = row.lease_until is not None and row.lease_until - LEASE_TTL > first_at
    code = ("TWO_INSTANCES" if lives else "STARTED_ANEW") if is_twin else "ACCOUNT_HELD"
    rival = {"instance": instance_id, "host": host[:100], "code": code}
    rival |= {"first_at": first_at.isoformat(), "at": at.isoformat()}
    Executor.objects.filter(pk=executor.pk).update(rival=rival)
    if code == "STARTED_ANEW" or (is_known and known.get("code") == code):
        return
    holder = "another process with this key" if is_twin else "another executor"
    Executor.objects.filter(pk=executor.pk).update(problem=f"{holder} holds the account ({instance_id})")
    data = {
        "executor_id": executor.public_id,
        "code": code,
        "instance": instance_id,
        "host": host[:100],
        "holder_instance": row.lease_instance if is_twin else "",
        "severity": "CRITICAL" if is_twin else "WARNING",
    }
    tell(team_id=executor.team_id, account_id=executor.account_id, kind="executor.alarm", data=data)
