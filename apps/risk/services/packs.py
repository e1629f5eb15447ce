"""
An account under a firm's rules. It keeps the version it was put under until a person puts it under another and has seen what
that changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.db import transaction

from apps.accounts.models import Account, LimitSet, RulePackVersion
from apps.accounts.services import change_account
from apps.common.errors import Conflict, Forbidden, Impossible
from apps.risk.services.day_sums import begin_phase
from apps.risk.services.limits import Under, lock_limits, put_in_force, read_under
from apps.teams.callers import Caller
from trading.risk.days import join_clocks
from trading.risk.limits import Limits, is_looser, parse_limits
from trading.risk.pack_document import parse_pack
from trading.risk.pack_limits import Change, compare_documents, compare_limits, list_unenforced
from trading.risk.packs import RulePack

PACK_NEEDS_PERSON = "PACK_NEEDS_PERSON"
LIMITS_CHANGED = "LIMITS_CHANGED"


@dataclass(frozen=True, slots=True)
class PackPreview:
    """
    What putting an account under a version would change.

    `words` are the differences to the version it is under now, of the same pack; `number` is the version of the limits that
    was looked at: the deed names it, so nobody confirms what they have not seen.
    """

    version: RulePackVersion
    phase: str
    zone: str
    reset_time: time
    limits: Limits
    changes: list[Change]
    words: list[Change]
    unenforced: list[str]
    assumptions: tuple[str, ...]
    is_looser: bool
    day_changes: bool
    number: int

    @property
    def needs_password(self) -> bool:
        return self.is_looser or self.day_changes

    @property
    def resets(self) -> str:
        """When the account's day will begin: `17:00 America/Chicago`."""
        return f"{self.reset_time:%H:%M} {self.zone}"


def preview_pack(*, account: Account, present: LimitSet, version: RulePackVersion, phase: str) -> PackPreview:
    """
    Return what a version would change, and change nothing.

    :raises Impossible: PACK_INVALID or PACK_INCOMPLETE, where it cannot be.
    """
    before, under = parse_limits(present.document), read_under(present)
    after = Under(version, phase, under.own if under else before).limits_for(account)
    pack = parse_pack(version.document)
    same = under is not None and under.version.pack_id == version.pack_id
    return PackPreview(
        version=version,
        phase=phase,
        zone=pack.zone,
        reset_time=pack.resets,
        limits=after,
        changes=compare_limits(before, after),
        words=compare_documents(under.version.document, version.document) if under and same else [],
        unenforced=list_unenforced(pack, pack.phase(phase)),
        assumptions=pack.assumptions,
        is_looser=is_looser(after, before),
        day_changes=not _is_same_day(account, pack),
        number=present.number,
    )


@transaction.atomic
def put_under_pack(
    *, account: Account, caller: Caller, version: RulePackVersion, phase: str, number: int, confirmed: bool
) -> LimitSet:
    """
    Put an account under a version of a rule pack: its limits become the strictest of firm, account and matrix, its day the
    firm's. The same version and phase again are no change.

    :param number: the version of the limits that the person looked at.
    :param confirmed: whether they just gave their password again.
    :raises Conflict: LIMITS_CHANGED where the limits in force are others by now.
    :raises Forbidden: PACK_NEEDS_PERSON for a key; LOOSENING_NEEDS_PASSWORD.
    :raises Impossible: as `preview_pack`.
    """
    locked, present = _lock(account, caller, number)
    seen = preview_pack(account=locked, present=present, version=version, phase=phase)
    if seen.day_changes:
        _require_password(confirmed, f"The account's day will turn at {seen.resets}")
    under = read_under(present)
    own = under.own if under else parse_limits(present.document)
    fresh = put_in_force(present, seen.limits, Under(version, phase, own), caller=caller, confirmed=confirmed)
    if under is None or (under.version.pack_id, under.phase) != (version.pack_id, phase):
        begin_phase(account.pk)
    if seen.day_changes:
        day = {"zone": seen.zone, "reset_time": seen.reset_time}
        change_account(account_id=account.pk, actor=caller.actor, changes=day, by_pack=True)
    return fresh


@transaction.atomic
def leave_pack(*, account: Account, caller: Caller, number: int, confirmed: bool) -> LimitSet:
    """
    Take an account out of its firm's rules: its own limits hold again, its day stays.

    :raises Conflict: LIMITS_CHANGED; NOT_UNDER_A_PACK.
    :raises Forbidden: PACK_NEEDS_PERSON for a key; LOOSENING_NEEDS_PASSWORD without the password.
    """
    _, present = _lock(account, caller, number)
    under = read_under(present)
    if under is None:
        raise Conflict("NOT_UNDER_A_PACK", "This account is under no firm's rules.")
    _require_password(confirmed, "The firm's rules will no longer hold")
    return put_in_force(present, under.own, caller=caller, confirmed=confirmed)


def _lock(account: Account, caller: Caller, number: int) -> tuple[Account, LimitSet]:
    if caller.user is None:
        raise Forbidden(PACK_NEEDS_PERSON, "A signed-in person puts an account under a firm's rules, never a key.")
    locked = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    present = lock_limits(account)
    if present.number != number:
        message = "The limits were changed since you looked: look at the difference again."
        raise Conflict(LIMITS_CHANGED, message, "number", {"number": present.number})
    return locked, present


def _require_password(confirmed: bool, what: str) -> None:
    if not confirmed:
        raise Forbidden("LOOSENING_NEEDS_PASSWORD", f"{what}: give your password again to confirm it.", "password")


def _is_same_day(account: Account, pack: RulePack) -> bool:
    # 17:00 in New York and midnight of its broker's clock are one instant, all year.
    return join_clocks(account.zone, account.reset_time) == join_clocks(pack.zone, pack.resets)


def read_phase(document: Mapping[str, Any], name: str | None) -> str:
    """
    Return the phase that is asked for, else the pack's first.

    :raises Impossible: PACK_INVALID with the phases there are; PACK_INCOMPLETE where there is none.
    """
    phases = [phase.name for phase in parse_pack(document).phases]
    if not phases:
        raise Impossible("PACK_INCOMPLETE", "This pack names no phase.", "phase")
    if name and name not in phases:
        raise Impossible("PACK_INVALID", f"There is no phase {name[:60]!r}.", "phase", {"allowed": phases})
    return name or phases[0]
