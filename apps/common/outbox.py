"""Telling the world, inside the transaction in which it happened. The relay publishes what was committed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import connection

from apps.common.bulk import copy_rows, new_row
from apps.common.models import OutboxEvent
from apps.common.prepared import execute
from apps.common.wire import to_plain

CHANNEL = "outbox"


class OutsideTransaction(RuntimeError):
    """An event was told outside of a transaction: it could be kept though the deed was not, or the reverse."""


def tell(
    *, team_id: uuid.UUID | None, kind: str, data: Mapping[str, Any], account_id: uuid.UUID | None = None
) -> OutboxEvent:
    """
    Keep one event and wake the relay when the transaction commits.

    `data` is what a reader of the event sees: ids in their public form, never a secret.

    :raises OutsideTransaction: if no transaction is open.
    """
    event = make_event(team_id=team_id, account_id=account_id, kind=kind, data=data)
    event.save(force_insert=True)
    wake_relay()
    return event


def tell_all(events: list[OutboxEvent], *, wake: bool = False) -> None:
    """Keep many events (of `make_event`) in one statement. Hot paths do not wake the relay: it looks by itself."""
    copy_rows(events)
    if wake and events:
        wake_relay()


def make_event(
    *, team_id: uuid.UUID | None, kind: str, data: Mapping[str, Any], account_id: uuid.UUID | None = None
) -> OutboxEvent:
    """
    Return an unsaved event.

    :raises OutsideTransaction: if no transaction is open.
    """
    return make_plain_event(team_id=team_id, account_id=account_id, kind=kind, data=to_plain(dict(data)))


def make_plain_event(
    *, team_id: uuid.UUID | None, kind: str, data: dict[str, Any], account_id: uuid.UUID | None = None
) -> OutboxEvent:
    """
    Return an unsaved event whose data are plain JSON values already: hot paths write them so.

    :raises OutsideTransaction: if no transaction is open.
    """
    if not connection.in_atomic_block:
        raise OutsideTransaction(kind)
    return new_row(OutboxEvent, team_id=team_id, account_id=account_id, kind=kind, data=data)


def wake_relay() -> None:
    """Notify the relay on commit. PostgreSQL folds equal notifications of a transaction into one."""
    execute("SELECT pg_notify(%s, '')", [CHANNEL])
