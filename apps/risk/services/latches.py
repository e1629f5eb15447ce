"""
Kills and halts. A latch is written down onto every risk row it concerns, in id order, so an approval looks only at the row
it holds; each halt raises the rows' epoch, so what was allowed before is refused after. Lifting is a deed of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet

from apps.accounts.models import Account, AccountRisk
from apps.executors.models import Executor
from apps.executors.services.commands import raise_desired_version
from apps.risk.models import Severity
from apps.risk.services.decision_log import log_change, log_changes
from apps.risk.services.events import write_event
from apps.teams.models import PlatformState, Team
from apps.teams.services import record_deed

WAIT_MS = 10_000
log = structlog.get_logger(__name__)


@transaction.atomic
def halt_account(*, account: Account, reason: str, actor: str, at: datetime) -> AccountRisk:
    """Halt one account: no approval from the commit on; its agents are woken. Twice only changes the reason."""
    risk = _latch(AccountRisk.objects.filter(account=account), "account_latch", reason, actor, at)[0]
    _note([account], "ACCOUNT_HALTED", reason, actor, at)
    return risk


@transaction.atomic
def lift_account(*, account: Account, actor: str, at: datetime) -> AccountRisk:
    """Lift what people may lift of one account: its halt and a broken limit's latch. Wider halts stand."""
    risk = _lock(AccountRisk.objects.filter(account=account))[0]
    risk.account_latch = risk.breach_latch = risk.day_latch = ""
    risk.save(update_fields=["account_latch", "breach_latch", "day_latch"])
    log_change(risk, at, "lift", latches=["account", "breach", "day"], by=actor)
    _wake([account.pk])
    _note([account], "HALT_LIFTED", f"lifted by {actor}", actor, at, severity=Severity.WARNING)
    return risk


@transaction.atomic
def halt_team(*, team: Team, reason: str, actor: str, at: datetime) -> int:
    """Halt every account of a team; return how many. A new account is halted too while this stands."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    Team.objects.filter(pk=team.pk).update(halted_at=at, halt_reason=_text(reason))
    rows = _latch(AccountRisk.objects.filter(account__team=team), "team_latch", reason, actor, at)
    _note(_accounts_of(rows), "TEAM_HALTED", reason, actor, at)
    record_deed(team=team, actor=actor, action="TEAM_HALTED", detail={"reason": reason, "accounts": len(rows)})
    return len(rows)


@transaction.atomic
def lift_team(*, team: Team, actor: str, at: datetime) -> int:
    """Lift a team's halt; accounts halted by themselves stay so."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    Team.objects.filter(pk=team.pk).update(halted_at=None, halt_reason="")
    rows = _unlatch(AccountRisk.objects.filter(account__team=team), "team_latch", actor, at)
    _note(_accounts_of(rows), "HALT_LIFTED", f"team: lifted by {actor}", actor, at, severity=Severity.WARNING)
    record_deed(team=team, actor=actor, action="TEAM_HALT_LIFTED", detail={"accounts": len(rows)})
    return len(rows)


@transaction.atomic
def halt_platform(*, reason: str, actor: str, at: datetime) -> int:
    """Halt every account there is; return how many."""
    PlatformState.objects.get_or_create(pk=1)
    PlatformState.objects.select_for_update(no_key=True).get(pk=1)
    PlatformState.objects.filter(pk=1).update(halted_at=at, halt_reason=_text(reason))
    rows = _latch(AccountRisk.objects.all(), "platform_latch", reason, actor, at)
    _note(_accounts_of(rows), "PLATFORM_HALTED", reason, actor, at)
    record_deed(team=None, actor=actor, action="PLATFORM_HALTED", detail={"reason": reason, "accounts": len(rows)})
    return len(rows)


@transaction.atomic
def lift_platform(*, actor: str, at: datetime) -> int:
    """Lift the platform's halt."""
    PlatformState.objects.get_or_create(pk=1)
    PlatformState.objects.select_for_update(no_key=True).get(pk=1)
    PlatformState.objects.filter(pk=1).update(halted_at=None, halt_reason="")
    rows = _unlatch(AccountRisk.objects.all(), "platform_latch", actor, at)
    _note(_accounts_of(rows), "HALT_LIFTED", f"platform: lifted by {actor}", actor, at, severity=Severity.WARNING)
    record_deed(team=None, actor=actor, action="PLATFORM_HALT_LIFTED", detail={"accounts": len(rows)})
    return len(rows)


def latch_row(risk: AccountRisk, name: str, reason: str, *, at: datetime) -> None:
    """
    Set a latch on a locked row, unsaved, and raise its epoch; the agents are woken on commit. The log's line is written.
    """
    setattr(risk, name, _text(reason))
    risk.halt_epoch += 1
    log_change(risk, at, "latch", latch=name.removesuffix("_latch"), why=_text(reason), by="platform")
    _wake([risk.account_id])


def _latch(rows: QuerySet[AccountRisk], name: str, reason: str, actor: str, at: datetime) -> list[AccountRisk]:
    locked = _lock(rows)
    for risk in locked:
        setattr(risk, name, _text(reason))
        risk.halt_epoch += 1
    AccountRisk.objects.bulk_update(locked, [name, "halt_epoch"], batch_size=500)
    log_changes(locked, at, "latch", latch=name.removesuffix("_latch"), why=_text(reason), by=actor)
    _wake([risk.account_id for risk in locked])
    return locked


def _unlatch(rows: QuerySet[AccountRisk], name: str, actor: str, at: datetime) -> list[AccountRisk]:
    locked = _lock(rows.exclude(**{name: ""}))
    AccountRisk.objects.filter(pk__in=[risk.pk for risk in locked]).update(**{name: ""})
    log_changes(locked, at, "lift", latches=[name.removesuffix("_latch")], by=actor)
    _wake([risk.account_id for risk in locked])
    return locked


def _lock(rows: QuerySet[AccountRisk]) -> list[AccountRisk]:
    # A kill waits for the approvals before it, however many: it is never refused because they keep the rows busy.
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WAIT_MS}ms"])
    return list(rows.select_for_update(no_key=True, of=("self",)).order_by("account_id"))


def _wake(account_ids: Sequence[UUID]) -> None:
    executors = Executor.objects.filter(account_id__in=account_ids, retired_at__isnull=True)
    if ids := list(executors.values_list("pk", flat=True)):
        raise_desired_version(ids)


def _note(
    accounts: Sequence[Account], what: str, reason: str, actor: str, at: datetime, severity: str = Severity.CRITICAL
) -> None:
    for account in accounts:
        message = f"{account.code}: {reason}"
        write_event(account, what, severity, message, at=at, metrics={"actor": actor, "reason": reason})
    if what in ("ACCOUNT_HALTED", "HALT_LIFTED") and len(accounts) == 1:
        account = accounts[0]
        record_deed(team=account.team, actor=actor, action=what, target=account.public_id, detail={"reason": reason})


def _accounts_of(rows: Sequence[AccountRisk]) -> list[Account]:
    return list(Account.objects.select_related("team").filter(pk__in=[row.account_id for row in rows]).order_by("pk"))


def _text(reason: str) -> str:
    """An empty text is no latch: a halt without a reason still halts."""
    return (reason.strip() or "halted")[:200]
