"""Who works on what: claims with a lease and a fence. A worker that was given up writes nothing any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet

from apps.backtests.models import Leased, WorkStatus
from apps.common.clock import read_at

Checkpoint = Callable[[float], None]
Row = TypeVar("Row", bound=Leased)

LEASE = timedelta(seconds=45)
MOST_ATTEMPTS = 3
LOOK_EVERY_S = 0.5


class LeaseLost(Exception):
    """Somebody cancelled the work, or another worker has it: what was computed is thrown away."""


def list_claimable(rows: QuerySet[Row], at: datetime) -> QuerySet[Row]:
    """Return what waits for a worker, and what its worker has left: the oldest first."""
    left = Q(status=WorkStatus.RUNNING, lease_until__lt=at)
    return rows.filter(Q(status=WorkStatus.QUEUED) | left).order_by("created_at", "id")


@transaction.atomic
def claim(rows: QuerySet[Row], at: datetime) -> Row | None:
    """
    Take the oldest claimable row and return it with a new fence, or None.

    Rows that another worker is just taking are passed over.
    """
    row = list_claimable(rows, at).select_for_update(skip_locked=True, no_key=True, of=("self",)).first()
    if row is None:
        return None
    row.status, row.fence, row.attempts = WorkStatus.RUNNING, row.fence + 1, row.attempts + 1
    row.lease_until, row.started_at = at + LEASE, row.started_at or at
    row.save(update_fields=["status", "fence", "attempts", "lease_until", "started_at"])
    return row


def is_worn_out(row: Leased) -> bool:
    """Tell whether too many workers died over it: what kills its worker is not tried for ever."""
    return row.attempts > MOST_ATTEMPTS


def renew(row: Leased, at: datetime, progress: float | None = None) -> None:
    """
    Hold the lease on, and say how far the work is [fraction].

    :raises LeaseLost: where it is no longer ours.
    """
    changes: dict[str, Any] = {"lease_until": at + LEASE}
    if progress is not None:
        changes["progress_fraction"] = round(min(1.0, max(0.0, progress)), 4)
    if not _ours(row).update(**changes):
        raise LeaseLost(row.public_id)


def make_checkpoint(row: Row, tell: Callable[[Row], None]) -> Checkpoint:
    """
    Return what a computation calls as it goes on, with how far it is [fraction]: twice a second that is kept and told.

    It stops a computation nobody wants any more: it raises `LeaseLost` then.
    """
    last_s = 0.0

    def checkpoint(progress: float) -> None:
        nonlocal last_s
        if time.monotonic() - last_s < LOOK_EVERY_S:
            return
        last_s = time.monotonic()
        with transaction.atomic():
            renew(row, read_at(), progress)
            row.progress_fraction = round(progress, 4)
            tell(row)

    return checkpoint


@contextmanager
def settling(row: Leased, at: datetime, status: WorkStatus, **changes: Any) -> Iterator[None]:
    """
    End the work in one transaction with whatever is written inside the `with`.

    :raises LeaseLost: where it is no longer ours; nothing is written then.
    """
    with transaction.atomic():
        ended = {"status": status, "finished_at": at, "lease_until": None, **changes}
        if status == WorkStatus.DONE:
            ended["progress_fraction"] = 1
        if not _ours(row).update(**ended):
            raise LeaseLost(row.public_id)
        yield


def put_back(rows: QuerySet[Any], **changes: Any) -> int:
    """Queue rows anew, with a new fence and fresh attempts; return how many."""
    return rows.update(
        status=WorkStatus.QUEUED, fence=F("fence") + 1, attempts=0, lease_until=None, progress_fraction=0,
        problem=None, started_at=None, finished_at=None, **changes,
    )  # fmt: skip


def _ours(row: Leased) -> QuerySet[Any]:
    return type(row)._default_manager.filter(pk=row.pk, fence=row.fence, status=WorkStatus.RUNNING)
