"""
What a restored backup must not do: run again what was stopped after it, or give numbers a second time.

Agents take nothing that carries a lower number than what they have seen, and of two wishes under one number only the STOP. So
after a restore every number agents compare rises beyond all that may have been given since the backup: to the seconds since 1970,
which no number reaches by counting. And nobody trades on wishes from the past: the platform is halted and what ran is paused,
until a person has looked, lifted and resumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from apps.accounts.models import AccountRisk
from apps.assignments.models import Assignment, Desired
from apps.assignments.services import pause
from apps.executors.models import Executor
from apps.executors.services.leases import LEASE_TTL
from apps.risk.services import latches
from apps.teams.models import PlatformState

REASON = "restored from a backup: look, lift, then resume what shall run"
BEHIND = "an agent has seen more than this database knows: was a backup put back? Run `manage.py after_restore`."


@dataclass(frozen=True)
class Settled:
    """What `settle_restored` has done."""

    fleet_epoch: int
    halted: int
    paused: int


@transaction.atomic
def settle_restored(*, actor: str, at: datetime) -> Settled:
    """
    Make a platform that was restored from a backup safe to be served: call it before agents reach it.

    Halts every account, raises all numbers that agents compare, pauses what ran, and ends every lease: who held one before the
    restore may hold it for its length from now on.
    """
    halted = latches.halt_platform(reason=REASON, actor=actor, at=at)
    seconds = int(at.timestamp())
    state = PlatformState.objects.select_for_update(no_key=True).get(pk=1)
    state.fleet_epoch = max(state.fleet_epoch + 1, seconds)
    state.save(update_fields=["fleet_epoch"])
    AccountRisk.objects.update(
        fence=_beyond("fence", seconds),
        halt_epoch=_beyond("halt_epoch", seconds),
        lease_executor_id=None,
        lease_instance="",
        lease_until=at + LEASE_TTL,
    )
    Executor.objects.update(desired_version=_beyond("desired_version", seconds))
    Assignment.objects.filter(live=True).update(generation=_beyond("generation", seconds))
    running = Assignment.objects.filter(live=True, desired=Desired.RUNNING).values_list("pk", flat=True)
    paused = pause(assignment_ids=list(running), actor=actor, at=at)
    return Settled(state.fleet_epoch, halted, len(paused))


def notice_behind(*, executor_id: UUID, seen_version: int, at: datetime) -> bool:
    """
    Halt the account of an agent that has seen a later desired set than this database holds, and say whether that is so.

    Versions only rise, so that means rows were lost: a backup was put back and nobody has told. What an agent says can lower
    the risk of its own account only.
    """
    executor = Executor.objects.select_related("account__risk").get(pk=executor_id)
    if seen_version <= executor.desired_version:
        return False
    if executor.account.risk.account_latch != BEHIND:
        latches.halt_account(account=executor.account, reason=BEHIND, actor="platform", at=at)
    return True


def _beyond(name: str, seconds: int) -> Greatest:
    return Greatest(F(name) + 1, Value(seconds))
