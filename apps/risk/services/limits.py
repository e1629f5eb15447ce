"""New limits are a new version; the old one stays, as decisions refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from apps.accounts.models import Account, LimitSet
from apps.common.errors import Forbidden, Impossible
from apps.common.outbox import tell
from apps.teams.callers import Caller
from apps.teams.services import record_deed
from trading.risk.limits import InvalidLimits, is_looser, parse_limits

LOOSENING_NEEDS_PERSON = "LOOSENING_NEEDS_PERSON"


@transaction.atomic
def set_limits(*, account: Account, caller: Caller, document: Mapping[str, Any]) -> LimitSet:
    """
    Put new limits in force; the same limits again are no change.

    What the document leaves out keeps its present value.

    :raises Impossible: LIMITS_INVALID, with the field at fault.
    :raises Forbidden: LOOSENING_NEEDS_PERSON where a key (not a signed-in person) would allow more than before.
    """
    present = LimitSet.objects.select_for_update(no_key=True).get(account=account, in_force=True)
    try:
        limits = parse_limits({**present.document, **document})
    except InvalidLimits as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error
    if limits.content_hash == present.content_hash:
        return present
    if caller.user is None and is_looser(limits, parse_limits(present.document)):
        message = "Limits are loosened by a signed-in person only, never by a key."
        raise Forbidden(LOOSENING_NEEDS_PERSON, message)
    LimitSet.objects.filter(pk=present.pk).update(in_force=False)
    fresh = LimitSet.objects.create(
        account=account,
        number=present.number + 1,
        document=limits.as_document(),
        content_hash=limits.content_hash,
        set_by=caller.actor[:120],
    )
    changed = {name: value for name, value in fresh.document.items() if present.document.get(name) != value}
    record_deed(
        team=account.team,
        actor=caller.actor,
        action="LIMITS_SET",
        target=account.public_id,
        detail={"changed": changed},
    )
    data = {"account_id": account.public_id, "number": fresh.number}
    tell(team_id=account.team_id, account_id=account.pk, kind="limits.changed", data=data)
    return fresh
