"""New limits are a new version; the old one stays, as decisions refer to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from apps.accounts.models import Account, AccountRisk, LimitSet, RulePackVersion
from apps.common.errors import Forbidden, Impossible
from apps.common.outbox import tell
from apps.risk.services.decision_log import keep_documents, log_change, make_document
from apps.teams.callers import Caller
from apps.teams.services import record_deed
from trading.errors import TradingError
from trading.risk.limits import Limits, is_looser, parse_limits
from trading.risk.pack_document import parse_pack
from trading.risk.pack_limits import compare_limits, limits_under

LOOSENING_NEEDS_PERSON = "LOOSENING_NEEDS_PERSON"
LOOSENING_NEEDS_PASSWORD = "LOOSENING_NEEDS_PASSWORD"  # noqa: S105  (a code, no password)
PACK_IS_STRICTER = "PACK_IS_STRICTER"


@dataclass(frozen=True, slots=True)
class Under:
    """A firm's rules that limits are made under, and the account's own before the firm's were put over them."""

    version: RulePackVersion
    phase: str
    own: Limits

    def limits_for(self, account: Account) -> Limits:
        """
        Return the strictest of firm, account and matrix.

        :raises Impossible: where the pack has no such phase, leaves a figure open, or sells no account of this size.
        """
        try:
            pack = parse_pack(self.version.document)
            phase = pack.phase(self.phase)
            return limits_under(pack, phase, initial=account.initial_balance, own=self.own)
        except TradingError as error:
            raise Impossible(error.code, error.message, error.field, error.extra) from error


@transaction.atomic
def set_limits(*, account: Account, caller: Caller, document: Mapping[str, Any], confirmed: bool = False) -> LimitSet:
    """
    Put new limits in force; the same limits again are no change.

    What the document leaves out keeps its present value. Under a rule pack they are the account's own, and may be no looser
    than the firm's and the matrix.

    :param confirmed: whether a signed-in person just gave their password again.
    :raises Impossible: LIMITS_INVALID, with the field at fault; PACK_IS_STRICTER, with what is allowed.
    :raises Forbidden: LOOSENING_NEEDS_PERSON where a key would allow more than before, LOOSENING_NEEDS_PASSWORD where a person
        would without having confirmed it.
    """
    present = lock_limits(account)
    asked = _parse({**present.document, **document})
    under = read_under(present)
    if under is None:
        return put_in_force(present, asked, caller=caller, confirmed=confirmed)
    return put_in_force(present, *_under_the_pack(account, present, asked, under), caller=caller, confirmed=confirmed)


def _under_the_pack(account: Account, present: LimitSet, asked: Limits, under: Under) -> tuple[Limits, Under]:
    """Return what comes out where a person asks for limits under a pack: what they changed becomes the account's own."""
    changes = compare_limits(parse_limits(present.document), asked)
    wanted = asked.as_document()
    own = parse_limits({**under.own.as_document(), **{change.path: wanted[change.path] for change in changes}})
    again = Under(under.version, under.phase, own)
    found = again.limits_for(account)
    for change in changes:
        allowed = getattr(found, change.path)
        if allowed != change.after:
            message = f"{change.path} cannot be {change.after}: {under.version} and RiskMind's matrix give {allowed}"
            raise Impossible(PACK_IS_STRICTER, message, change.path, {"allowed": allowed})
    return found, again


def lock_limits(account: Account) -> LimitSet:
    """Return the limits in force, locked: changes come one after the other."""
    rows = LimitSet.objects.select_for_update(of=("self",), no_key=True).select_related("account__team", "pack_version")
    return rows.get(account=account, in_force=True)


def read_under(row: LimitSet) -> Under | None:
    """Return the firm's rules that a set of limits was made under, None where there are none."""
    if row.pack_version is None or row.own_document is None:
        return None
    return Under(row.pack_version, row.pack_phase, parse_limits(row.own_document))


def put_in_force(
    present: LimitSet, limits: Limits, under: Under | None = None, *, caller: Caller, confirmed: bool
) -> LimitSet:
    """
    Write the next version of an account's limits, record it and tell. Called with the present version locked.

    :raises Forbidden: as `set_limits`.
    """
    if limits.content_hash == present.content_hash and under == read_under(present):
        return present
    refuse_loosening(limits, parse_limits(present.document), caller=caller, confirmed=confirmed)
    LimitSet.objects.filter(pk=present.pk).update(in_force=False)
    fresh = LimitSet.objects.create(
        account=present.account,
        number=present.number + 1,
        document=limits.as_document(),
        content_hash=limits.content_hash,
        set_by=caller.actor[:120],
        pack_version=under.version if under else None,
        pack_phase=under.phase if under else "",
        own_document=under.own.as_document() if under else None,
    )
    _record(present, fresh, caller)
    _log(fresh, limits, caller)
    return fresh


def _log(fresh: LimitSet, limits: Limits, caller: Caller) -> None:
    document = make_document("limits", limits.as_document())
    keep_documents([document])
    risk = AccountRisk.objects.select_for_update(no_key=True).get(account=fresh.account)
    pack = str(fresh.pack_version or "")
    log_change(risk, caller.at, "limits", limits=document.hash, number=fresh.number, by=fresh.set_by, pack=pack)


def refuse_loosening(new: Limits, old: Limits, *, caller: Caller, confirmed: bool) -> None:
    """
    Do nothing for limits that allow no more than before, or for a person who confirmed that they do.

    :raises Forbidden: LOOSENING_NEEDS_PERSON, LOOSENING_NEEDS_PASSWORD.
    """
    if not is_looser(new, old):
        return
    if caller.user is None:
        message = "Limits are loosened by a signed-in person only, never by a key."
        raise Forbidden(LOOSENING_NEEDS_PERSON, message)
    if not confirmed:
        message = "This allows more than before: give your password again to confirm it."
        raise Forbidden(LOOSENING_NEEDS_PASSWORD, message, "password")


def _parse(document: Mapping[str, Any]) -> Limits:
    try:
        return parse_limits(document)
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error


def _record(before: LimitSet, after: LimitSet, caller: Caller) -> None:
    account = after.account
    changed = {name: value for name, value in after.document.items() if before.document.get(name) != value}
    detail: dict[str, Any] = {"changed": changed}
    if after.pack_version or before.pack_version:
        detail["pack"] = {"version": str(after.pack_version or ""), "phase": after.pack_phase}
    record_deed(team=account.team, actor=caller.actor, action="LIMITS_SET", target=account.public_id, detail=detail)
    data = {"account_id": account.public_id, "number": after.number}
    tell(team_id=account.team_id, account_id=account.pk, kind="limits.changed", data=data)
