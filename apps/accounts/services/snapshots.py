"""
The account's last truth. A snapshot is stored only where it is newer than what is stored: by the lease's fence, then by the
sequence within the observing process. The risk row is never locked here: approvals read the snapshot without waiting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account, AccountSnapshot, EquityPoint
from apps.common.bulk import copy_rows
from apps.common.outbox import tell
from trading.protocol import SnapshotMessage
from trading.protocol.codec import to_plain

# An observer's clock is not ours: how old a snapshot may say it is before we call it nonsense.
LONGEST_AGE = timedelta(hours=1)


def lock_snapshot(account_id: UUID) -> AccountSnapshot | None:
    """Return the stored snapshot, locked until the transaction ends: what one account's observers tell is applied in turn."""
    return AccountSnapshot.objects.select_for_update(no_key=True).filter(account_id=account_id).first()


class Kept(StrEnum):
    """What became of a snapshot."""

    STORED = "STORED"
    OLDER = "OLDER"  # something newer is stored
    INCOMPLETE = (
        "INCOMPLETE"  # newer, but not all could be read: unknown is not none, so the last truth stands and ages
    )


@transaction.atomic
def store_snapshot(*, account: Account, executor_id: UUID | None, message: SnapshotMessage, at: datetime) -> Kept:
    """
    Store what the observer saw and a point of the equity curve, where it is complete and newer than what is stored.

    :param at: when it arrived, by the database's clock; `taken_at` is that minus the age the observer states.
    """
    fresh = _row(account, executor_id, message, at)
    stored = lock_snapshot(account.pk)
    if stored is None and message.complete:
        AccountSnapshot.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = lock_snapshot(account.pk)
        if stored is None or (stored.instance_id, stored.seq) == (fresh.instance_id, fresh.seq):
            _note(account, fresh, None)
            return Kept.STORED
    if stored is not None and not is_newer(fresh, stored):
        return Kept.OLDER
    if not message.complete:
        return Kept.INCOMPLETE
    fresh.save(force_update=True)
    _note(account, fresh, stored)
    return Kept.STORED


@dataclass(frozen=True)
class Seen:
    """What an executor saw of its account, and when that arrived."""

    account: Account
    executor_id: UUID
    message: SnapshotMessage
    came_at: datetime


def keeps_book(seen: Seen, stored: AccountSnapshot | None) -> bool:
    """Say whether a complete view comes after the stored one and shows the same balance, positions, stops and orders."""
    if stored is None or not seen.message.complete:
        return False
    fresh = _row(seen.account, seen.executor_id, seen.message, seen.came_at)
    return is_newer(fresh, stored) and _book(fresh) == _book(stored) and _targets(fresh) == _targets(stored)


def lock_idle_snapshots(account_ids: Iterable[UUID]) -> dict[UUID, AccountSnapshot]:
    """Return the stored snapshots nobody else is writing, locked until the transaction ends; the others are left out."""
    rows = AccountSnapshot.objects.select_for_update(skip_locked=True, no_key=True)
    return {row.account_id: row for row in rows.filter(account_id__in=list(account_ids)).order_by("account_id")}


@transaction.atomic(savepoint=False)
def store_same_books(views: Sequence[Seen]) -> dict[UUID, AccountSnapshot]:
    """
    Store views of which `keeps_book` said so, over locked rows: what `store_snapshot` does where there is nothing to tell.

    Return the rows by account.
    """
    rows = [_row(one.account, one.executor_id, one.message, one.came_at) for one in views]
    rows.sort(key=lambda row: row.account_id)
    names = [one.name for one in AccountSnapshot._meta.concrete_fields if not one.primary_key]
    AccountSnapshot.objects.bulk_create(rows, update_conflicts=True, unique_fields=["account"], update_fields=names)
    copy_rows([_point(row) for row in rows])
    return {row.account_id: row for row in rows}


def is_newer(fresh: AccountSnapshot, stored: AccountSnapshot) -> bool:
    """Say whether a snapshot comes after the stored one: a higher fence, or the same process and a higher sequence."""
    if fresh.fence != stored.fence:
        return fresh.fence > stored.fence
    if fresh.instance_id != stored.instance_id:
        return fresh.taken_at > stored.taken_at
    return fresh.seq > stored.seq


def _row(account: Account, executor_id: UUID | None, message: SnapshotMessage, at: datetime) -> AccountSnapshot:
    age = min(timedelta(milliseconds=max(0, message.age_ms)), LONGEST_AGE)
    return AccountSnapshot(
        account=account,
        executor_id=executor_id,
        instance_id=message.instance_id,
        fence=message.fence,
        seq=message.seq,
        complete=message.complete,
        taken_at=at - age,
        received_at=at,
        market_at=message.market.market_at,
        market_speed=message.market.speed,
        server_offset_s=message.market.server_offset_s,
        balance=message.account.balance,
        equity=message.account.equity,
        margin=message.account.margin,
        free_margin=message.account.free_margin,
        credit=message.account.credit,
        trade_allowed=message.trade_allowed,
        positions=[to_plain(position) for position in message.positions],
        orders=[to_plain(order) for order in message.orders],
    )


def _note(account: Account, fresh: AccountSnapshot, before: AccountSnapshot | None) -> None:
    _point(fresh).save(force_insert=True)
    # Equity moves with every tick and pages ask for it anyway; an event is worth a changed balance or book.
    if before is None or _book(before) != _book(fresh):
        data = {"account_id": account.public_id, "balance": str(fresh.balance), "equity": str(fresh.equity)}
        tell(team_id=account.team_id, account_id=account.pk, kind="account.changed", data=data)


def _point(row: AccountSnapshot) -> EquityPoint:
    return EquityPoint(
        account_id=row.account_id, at=row.taken_at, market_at=row.market_at, balance=row.balance, equity=row.equity
    )


def _targets(row: AccountSnapshot) -> list[object]:
    """What is followed of positions beside the book: trades keep their targets."""
    return [one.get("take_profit") for one in row.positions]


def _book(row: AccountSnapshot) -> tuple[object, ...]:
    held = tuple((one["ticket"], str(one["volume_lots"]), str(one["stop_loss"])) for one in row.positions)
    return row.balance, row.trade_allowed, held, tuple(one["ticket"] for one in row.orders)
