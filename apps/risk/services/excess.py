"""
Positions that are larger than what was approved for them: on a netting account a fill nobody asked for joins the position that
stands, under its number, and only the volume tells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Q, Sum

from apps.accounts.models import Account, MarginMode
from apps.bots.selectors import find_bot_by_magic
from apps.risk.models import Approval, FlagAction, FlagKind, PositionFlag, Severity
from apps.risk.services.events import write_event
from apps.risk.services.facts import AccountFacts
from apps.trades.models import Deal, Trade

ZERO: Final = Decimal(0)
CLOSING_ENTRIES: Final = (1, 3)  # MetaTrader's OUT and OUT_BY
CLOSING_TYPE: Final = {"BUY": 1, "SELL": 0}  # a long position is closed by selling

Shown = Mapping[int, Mapping[str, Any]]


def find_excess(account: Account, shown: Shown) -> dict[int, Decimal]:
    """
    Return by how many lots positions exceed what was approved for them and is not closed yet; those without excess are left out.

    A position that no approval stands behind at all is not counted here. Where it turned over, all approvals of its present side
    count: rather a lot too many than an alarm for nothing.
    """
    approved = _sum_approved(account, shown)
    closed = _sum_closed(account, shown) if approved and account.margin_mode == MarginMode.NETTING else {}
    excess = {
        position_id: Decimal(str(shown[position_id]["volume_lots"])) - max(ZERO, lots - closed.get(position_id, ZERO))
        for position_id, lots in approved.items()
    }
    return {position_id: lots for position_id, lots in excess.items() if lots > 0}


def review_excess(facts: AccountFacts, shown: Shown, action: str, confirm_after: timedelta, at: datetime) -> None:
    """
    Flag excess that is seen again after a while, and clear what is gone, under the account's lock.

    :param action: what the account's policy does about it. The whole position is closed: its parts cannot be told apart.
    """
    account, excess = facts.account, find_excess(facts.account, shown)
    rows = PositionFlag.objects.filter(account=account, kind=FlagKind.EXCESS, position_id__in=shown)
    rows.filter(~Q(position_id__in=excess), cleared_at=None).update(cleared_at=at, cleared_by="APPROVED")
    known = {flag.position_id: flag for flag in rows}
    for position_id, lots in sorted(excess.items()):
        flag, row = known.get(position_id), shown[position_id]
        if flag is None or flag.cleared_at is not None:
            _begin(facts, row, lots, at)
        elif flag.told_at is None and at - flag.first_seen_at >= confirm_after:
            _tell(facts, flag, row, lots, action, at)


def has_excess_to_review(account: Account, shown: Shown, flags: list[PositionFlag]) -> bool:
    """Say, without a lock, whether there is excess nobody was told of, or none any more where it was told."""
    told = {flag.position_id for flag in flags if flag.kind == FlagKind.EXCESS and flag.cleared_at is None}
    return bool(shown) and set(find_excess(account, shown)) != told & set(shown)


def _begin(facts: AccountFacts, row: Mapping[str, Any], lots: Decimal, at: datetime) -> None:
    bot = find_bot_by_magic(facts.account.pk, int(row["magic"]))
    given = {
        "bot": bot, "symbol": row["symbol"], "side": row["side"], "volume_lots": lots, "day": facts.risk.day,
        "first_seen_at": at, "told_at": None, "cleared_at": None, "cleared_by": "", "action": FlagAction.NONE,
    }  # fmt: skip
    PositionFlag.objects.update_or_create(
        account=facts.account, position_id=int(row["position_id"]), kind=FlagKind.EXCESS, defaults=given
    )


def _tell(
    facts: AccountFacts, flag: PositionFlag, row: Mapping[str, Any], lots: Decimal, action: str, at: datetime
) -> None:
    flag.told_at, flag.action, flag.volume_lots = at, action, lots
    flag.save(update_fields=["told_at", "action", "volume_lots"])
    done = "The whole position is closed." if action == FlagAction.CLOSE else "It is not closed: look at it."
    held = Decimal(str(row["volume_lots"]))
    write_event(
        facts.account,
        "UNAPPROVED_VOLUME",
        Severity.CRITICAL,
        f"{flag.side} {flag.symbol}, position {flag.position_id}, holds {held.normalize():f} lots: "
        f"{lots.normalize():f} of them have no approval. {done}",
        at=at,
        metrics={
            "position_id": flag.position_id,
            "symbol": flag.symbol,
            "volume_lots": f"{held.normalize():f}",
            "unapproved_lots": f"{lots.normalize():f}",
            "action": str(action),
        },
        bot=flag.bot_id,
        once_key=f"excess:{flag.position_id}:{int(flag.first_seen_at.timestamp())}",
    )


def _sum_approved(account: Account, shown: Shown) -> dict[int, Decimal]:
    """Return the lots approved for each position, of its own side."""
    if not shown:
        return {}
    granted = Approval.objects.filter(account=account, approved=True)
    found: dict[int, Decimal] = defaultdict(Decimal)
    rows = granted.filter(position_id__in=shown).values_list("position_id", "side", "adjusted_lots")
    for position_id, side, lots in rows:
        if position_id is not None and side == shown[position_id]["side"]:
            found[position_id] += lots
    trades = Trade.objects.filter(account=account, position_id__in=set(shown) - set(found), approval_id__isnull=False)
    rest = {pk: position_id for pk, position_id in trades.values_list("approval_id", "position_id") if pk is not None}
    for pk, side, lots in granted.filter(pk__in=list(rest)).values_list("pk", "side", "adjusted_lots") if rest else ():
        if side == shown[rest[pk]]["side"]:
            found[rest[pk]] += lots
    return dict(found)


def _sum_closed(account: Account, shown: Shown) -> dict[int, Decimal]:
    """Return the lots that were closed of each position since it is on its side."""
    rows = Deal.objects.filter(account=account, position_id__in=shown, entry__in=CLOSING_ENTRIES)
    sums = rows.values("position_id", "deal_type").annotate(lots=Sum("volume_lots"))
    return {
        one["position_id"]: one["lots"]
        for one in sums
        if one["deal_type"] == CLOSING_TYPE[str(shown[one["position_id"]]["side"])]
    }
