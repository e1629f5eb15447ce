"""
Open positions that something is wrong with. A flag is raised once a position and kind, told once, and stands until a view
shows the position no more; while it stands with CLOSE, every answer to the account's agent asks for the close again.

A position that no approval stands behind is flagged only when it is seen again ten seconds after the first time: a report or
a deal may be on its way. It counts in the worst case from the first view on, like any other position.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from apps.accounts.models import Account, AccountSnapshot, UnapprovedPolicy
from apps.bots.models import Bot
from apps.bots.selectors import find_bot_by_magic
from apps.risk.models import Approval, FlagAction, FlagKind, PositionFlag, Severity
from apps.risk.services.events import write_event
from apps.risk.services.excess import has_excess_to_review, review_excess
from apps.risk.services.facts import AccountFacts
from apps.risk.services.matching import find_approval_for
from apps.trades.models import Trade

CONFIRM_AFTER = timedelta(seconds=10)
CLOSED_WITHIN = timedelta(seconds=60)
CLEARED_CLOSED, CLEARED_APPROVED = "CLOSED", "APPROVED"


def raise_flag(
    *,
    account: Account,
    kind: str,
    position_id: int,
    symbol: str,
    side: str,
    volume_lots: Decimal,
    bot_id: UUID | None,
    action: str,
    day: date | None,
    at: datetime,
    **more: Any,
) -> PositionFlag | None:
    """Return the new, told flag of a position; None where it had been told before."""
    flag, created = PositionFlag.objects.get_or_create(
        account=account,
        position_id=position_id,
        kind=kind,
        defaults={
            "symbol": symbol,
            "side": side,
            "volume_lots": volume_lots,
            "bot_id": bot_id,
            "action": action,
            "day": day,
            "first_seen_at": at,
            "told_at": at,
            **more,
        },
    )
    if not created and not _confirm(flag, action, at):
        return None
    return flag


@transaction.atomic
def flag_unapproved(bot: Bot, *, position_id: int, symbol: str, side: str, volume_lots: Decimal, at: datetime) -> bool:
    """Flag a position whose own bot says that it has no approval; return whether the account's policy is to close it."""
    account = bot.account
    action = policy_action(account)
    flag = raise_flag(
        account=account,
        kind=FlagKind.UNAPPROVED,
        position_id=position_id,
        symbol=symbol,
        side=side,
        volume_lots=volume_lots,
        bot_id=bot.pk,
        action=action,
        day=None,
        at=at,
    )
    if flag is not None:
        _tell_unapproved(account, flag, bot, at)
    return action == FlagAction.CLOSE


def policy_action(account: Account) -> str:
    """Return what an account's policy does about a position without approval."""
    return FlagAction.CLOSE if account.unapproved == UnapprovedPolicy.CLOSE else FlagAction.NONE


def list_flagged(account_ids: Iterable[UUID]) -> set[UUID]:
    """Return the accounts with a flag that stands."""
    rows = PositionFlag.objects.filter(account_id__in=list(account_ids), cleared_at__isnull=True)
    return set(rows.values_list("account_id", flat=True))


def has_positions_to_review(account: Account, snapshot: AccountSnapshot) -> bool:
    """Say, without a lock, whether a view shows positions that nobody has accounted for, or lacks ones that are flagged."""
    shown = _shown(snapshot)
    standing = Q(cleared_at__isnull=True) | Q(cleared_by=CLEARED_CLOSED, position_id__in=shown)
    flags = list(PositionFlag.objects.filter(standing, account=account))
    told = {flag.position_id for flag in flags if flag.told_at is not None}
    if any(flag.told_at is None or flag.cleared_at for flag in flags):
        return True
    if any(flag.position_id not in shown and flag.first_seen_at < snapshot.taken_at for flag in flags):
        return True
    approved = _find_approved(account, set(shown))
    if any(flag.kind == FlagKind.UNAPPROVED and flag.position_id in approved for flag in flags):
        return True
    if has_excess_to_review(account, {key: shown[key] for key in approved if key in shown}, flags):
        return True
    return bool(set(shown) - told - approved) or any(flag.action == FlagAction.CLOSE for flag in flags)


def review_positions(facts: AccountFacts, at: datetime) -> None:
    """Hold the positions of a complete view against the approvals and the flags, under the account's lock."""
    account, snapshot = facts.account, facts.snapshot
    if snapshot is None or not snapshot.complete:
        return
    shown = _shown(snapshot)
    _follow_view(account, snapshot, shown, at)
    approved = _find_approved(account, set(shown))
    known = {
        flag.position_id: flag
        for flag in PositionFlag.objects.filter(account=account, kind=FlagKind.UNAPPROVED, position_id__in=shown)
    }
    if any(flag.position_id in approved and flag.cleared_at is None for flag in known.values()):
        _clear(account, Q(position_id__in=approved, kind=FlagKind.UNAPPROVED), CLEARED_APPROVED, at)
    for position_id in sorted(set(shown) - approved):
        _review(facts, shown[position_id], known.get(position_id), at)
    behind = {key: row for key, row in shown.items() if key in approved}
    review_excess(facts, behind, policy_action(account), CONFIRM_AFTER, at)
    _tell_left_open(account, at)


def _follow_view(account: Account, snapshot: AccountSnapshot, shown: Container[int], at: datetime) -> None:
    """Clear the flags of positions that are gone; set those again that an older view missed."""
    flags = list(
        PositionFlag.objects.filter(Q(cleared_at__isnull=True) | Q(cleared_by=CLEARED_CLOSED), account=account)
    )
    # A view from before the finding proves nothing about it.
    gone = [
        flag.pk
        for flag in flags
        if flag.cleared_at is None and flag.position_id not in shown and flag.first_seen_at < snapshot.taken_at
    ]
    if gone:
        _clear(account, Q(pk__in=gone), CLEARED_CLOSED, at)
    # A view may have missed a position that the next one shows again: what was wrong with it still is.
    back = [flag.pk for flag in flags if flag.cleared_at is not None and flag.position_id in shown]
    if back:
        PositionFlag.objects.filter(pk__in=back, cleared_by=CLEARED_CLOSED).update(cleared_at=None, cleared_by="")


def list_actions(account: Account, snapshot: AccountSnapshot) -> list[dict[str, Any]]:
    """Return what the account's agent shall close: flagged positions that the view still shows."""
    shown = _shown(snapshot)
    if not shown:
        return []
    flags = PositionFlag.objects.filter(
        account=account, cleared_at__isnull=True, action=FlagAction.CLOSE, position_id__in=shown
    )
    wanted = {flag.position_id: flag.kind for flag in flags.order_by("first_seen_at")}
    return [
        {"action": "close", "ticket": int(shown[position_id]["ticket"]), "reason": str(kind)}
        for position_id, kind in wanted.items()
    ]


def _review(facts: AccountFacts, row: Mapping[str, Any], known: PositionFlag | None, at: datetime) -> None:
    account, position_id = facts.account, int(row["position_id"])
    if known is not None and known.told_at is not None and known.cleared_at is None:
        return
    approval = find_approval_for(
        account_id=account.pk,
        magic=int(row["magic"]),
        symbol=row["symbol"],
        side=row["side"],
        volume_lots=Decimal(str(row["volume_lots"])),
        opened_at=datetime.fromisoformat(row["opened_at"]),
        position_id=position_id,
        comment=str(row.get("comment", "")),
    )
    if approval is not None:
        Approval.objects.filter(pk=approval.pk, position_id=None).update(position_id=position_id)
        _clear(account, Q(position_id=position_id, kind=FlagKind.UNAPPROVED), CLEARED_APPROVED, at)
        return
    if known is None:
        bot = find_bot_by_magic(account.pk, int(row["magic"]))
        PositionFlag.objects.create(
            account=account,
            bot=bot,
            position_id=position_id,
            kind=FlagKind.UNAPPROVED,
            symbol=row["symbol"],
            side=row["side"],
            volume_lots=Decimal(str(row["volume_lots"])),
            day=facts.risk.day,
            first_seen_at=at,
        )
    elif at - known.first_seen_at >= CONFIRM_AFTER and _confirm(known, policy_action(account), at):
        _tell_unapproved(account, known, find_bot_by_magic(account.pk, int(row["magic"])), at)


def _confirm(flag: PositionFlag, action: str, at: datetime) -> bool:
    moved = PositionFlag.objects.filter(pk=flag.pk, told_at__isnull=True).update(told_at=at, action=action)
    if moved:
        flag.told_at, flag.action = at, action
    return bool(moved)


def _tell_unapproved(account: Account, flag: PositionFlag, bot: Bot | None, at: datetime) -> None:
    whose = f"of {bot.bot_id}" if bot else "of nobody we know"
    done = "It is closed." if flag.action == FlagAction.CLOSE else "It is not closed: look at it."
    write_event(
        account,
        "UNAPPROVED_POSITION",
        Severity.CRITICAL,
        f"{flag.side} {flag.volume_lots.normalize():f} {flag.symbol} {whose}, position {flag.position_id}, "
        f"has no approval. {done}",
        at=at,
        metrics={
            "position_id": flag.position_id,
            "symbol": flag.symbol,
            "volume_lots": f"{flag.volume_lots.normalize():f}",
            "source": "UNAPPROVED" if bot else "EXTERNAL",
            "action": str(flag.action),
        },
        bot=bot.pk if bot else None,
        once_key=f"unapproved:{flag.position_id}",
    )


def _tell_left_open(account: Account, at: datetime) -> None:
    late = PositionFlag.objects.filter(
        account=account, cleared_at__isnull=True, action=FlagAction.CLOSE, told_at__lt=at - CLOSED_WITHIN
    )
    for flag in late:
        message = f"Position {flag.position_id} should have been closed ({flag.kind.lower()}) and still stands."
        metrics = {"position_id": flag.position_id, "kind": str(flag.kind)}
        key = f"left-open:{flag.public_id}"
        write_event(account, "CLOSE_NOT_DONE", Severity.CRITICAL, message, at=at, metrics=metrics, once_key=key)


def _clear(account: Account, which: Q, why: str, at: datetime) -> None:
    rows = PositionFlag.objects.filter(which, account=account, cleared_at__isnull=True)
    rows.update(cleared_at=at, cleared_by=why)


def _shown(snapshot: AccountSnapshot) -> dict[int, dict[str, Any]]:
    return {int(row["position_id"]): row for row in snapshot.positions}


def _find_approved(account: Account, position_ids: set[int]) -> set[int]:
    if not position_ids:
        return set()
    rows = Approval.objects.filter(account=account, approved=True, position_id__in=position_ids)
    found = set(rows.values_list("position_id", flat=True))
    trades = Trade.objects.filter(account=account, position_id__in=position_ids - found, approval_id__isnull=False)
    return {one for one in found if one is not None} | set(trades.values_list("position_id", flat=True))
