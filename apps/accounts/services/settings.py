"""Changing an account's settings. Its server, login, currency and initial balance never change: that is another account."""

from __future__ import annotations

from datetime import time
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account, LimitSet
from apps.common.errors import Conflict
from apps.common.outbox import tell
from apps.teams.models import AuditEntry

CHANGEABLE = (
    "name",
    "zone",
    "reset_time",
    "connection_loss",
    "connection_loss_after_s",
    "request_budget",
    "leverage",
    "unapproved",
)
DAY = ("zone", "reset_time")


@transaction.atomic
def change_account(*, account_id: UUID, actor: str, changes: dict[str, Any], by_pack: bool = False) -> Account:
    """
    Store the changed settings and tell; unchanged ones are no change. Another day counts from the next trading day on.

    :param by_pack: whether the rule pack itself moves the day; nobody else does while the account is under one.
    :raises Conflict: PACK_SETS_ZONE.
    """
    account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
    changed = {
        name: changes[name] for name in CHANGEABLE if name in changes and changes[name] != getattr(account, name)
    }
    if not changed:
        return account
    moved = next((name for name in DAY if name in changed), None)
    if moved and not by_pack and _is_under_pack(account):
        message = f"The firm's rules say when this account's day turns: at {account.resets}."
        raise Conflict(
            "PACK_SETS_ZONE", message, moved, {"zone": account.zone, "reset_time": f"{account.reset_time:%H:%M}"}
        )
    for name, value in changed.items():
        setattr(account, name, value)
    account.save(update_fields=list(changed))
    AuditEntry.objects.create(
        team_id=account.team_id, actor=actor, action="account.changed", target=account.public_id, detail=_plain(changed)
    )
    tell(team_id=account.team_id, account_id=account.pk, kind="account.changed", data={"account_id": account.public_id})
    return account


def _is_under_pack(account: Account) -> bool:
    return LimitSet.objects.filter(account=account, in_force=True, pack_version__isnull=False).exists()


def _plain(changed: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:%H:%M}" if isinstance(value, time) else value for name, value in changed.items()}
