"""Changing an account's settings. Its server, login, currency and initial balance never change: that is another account."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account
from apps.common.outbox import tell
from apps.teams.models import AuditEntry

CHANGEABLE = ("name", "zone", "connection_loss", "leverage")


@transaction.atomic
def change_account(*, account_id: UUID, actor: str, changes: dict[str, Any]) -> Account:
    """Store the changed settings and tell; unchanged ones are no change. A new zone counts from the next trading day."""
    account = Account.objects.select_for_update(no_key=True).get(pk=account_id)
    changed = {
        name: changes[name] for name in CHANGEABLE if name in changes and changes[name] != getattr(account, name)
    }
    if not changed:
        return account
    for name, value in changed.items():
        setattr(account, name, value)
    account.save(update_fields=list(changed))
    AuditEntry.objects.create(
        team_id=account.team_id, actor=actor, action="account.changed", target=account.public_id, detail=changed
    )
    tell(team_id=account.team_id, account_id=account.pk, kind="account.changed", data={"account_id": account.public_id})
    return account
