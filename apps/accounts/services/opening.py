"""A new account: its settings, its locked risk row, its first limits, and the kills that are in force already."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction

from apps.accounts.models import (
    Account,
    AccountMode,
    AccountRisk,
    ConnectionLossPolicy,
    LimitSet,
    MarginMode,
    UnapprovedPolicy,
)
from apps.common.codes import Code
from apps.common.errors import Conflict
from apps.common.outbox import tell
from apps.teams.models import AuditEntry, PlatformState, Team
from trading.risk.days import MIDNIGHT
from trading.risk.limits import default_limits

REQUESTS_A_DAY = 2000  # what firms publish as too many


@transaction.atomic
def open_account(
    *,
    team_id: UUID,
    actor: str,
    code: str,
    name: str,
    mode: str,
    server: str,
    login: int,
    initial_balance: Decimal,
    currency: str = "USD",
    leverage: int = 100,
    margin_mode: str = MarginMode.HEDGING,
    zone: str = "UTC",
    reset_time: time = MIDNIGHT,
    connection_loss: str = ConnectionLossPolicy.HOLD,
    unapproved: str = UnapprovedPolicy.ALERT,
    connection_loss_after_s: int = 30,
    request_budget: int | None = None,
) -> Account:
    """
    Create an account with its risk row and its first limits (the defaults of its mode and size).

    A kill of the team or the platform that is in force is written onto the new risk row: a new account is no way around it.

    :raises Conflict: ALREADY_EXISTS where the team has that code, or that login on that server, already.
    """
    team_latch, platform_latch = _read_latches(team_id)
    try:
        with transaction.atomic():
            account = Account.objects.create(
                team_id=team_id,
                code=code,
                name=name,
                mode=mode,
                server=server,
                login=login,
                currency=currency,
                leverage=leverage,
                margin_mode=margin_mode,
                initial_balance=initial_balance,
                zone=zone,
                reset_time=reset_time,
                connection_loss=connection_loss,
                unapproved=unapproved,
                connection_loss_after_s=connection_loss_after_s,
                request_budget=_choose_budget(mode) if request_budget is None else request_budget,
            )
    except IntegrityError as error:
        message = f"This team already has an account with code {code!r}, or with login {login} on {server!r}."
        raise Conflict(Code.ALREADY_EXISTS, message, "code") from error
    AccountRisk.objects.create(account=account, team_latch=team_latch, platform_latch=platform_latch)
    limits = default_limits(mode=AccountMode(mode).value, account_size=initial_balance)
    LimitSet.objects.create(
        account=account, number=1, document=limits.as_document(), content_hash=limits.content_hash, set_by=actor[:120]
    )
    AuditEntry.objects.create(team_id=team_id, actor=actor, action="account.opened", target=account.public_id)
    tell(team_id=team_id, account_id=account.pk, kind="account.opened", data={"account_id": account.public_id})
    return account


def _choose_budget(mode: str) -> int:
    # Firms count requests by the wall's day; a simulated market may play a month in one.
    return 0 if mode == AccountMode.PAPER else REQUESTS_A_DAY


def _read_latches(team_id: UUID) -> tuple[str, str]:
    # The rows are held until the commit: a kill waits for us, and then finds the new account's row.
    platform = PlatformState.objects.select_for_update(no_key=True).filter(pk=1).first()
    team = Team.objects.select_for_update(no_key=True).get(pk=team_id)
    team_latch = (team.halt_reason or "team halted") if team.halted_at else ""
    platform_latch = (platform.halt_reason or "platform halted") if platform and platform.halted_at else ""
    return team_latch, platform_latch
