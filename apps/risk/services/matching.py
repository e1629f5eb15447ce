"""Which position belongs to which approval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.common.ids import MalformedId, parse_public_id
from apps.risk.models import Approval

MARGIN = timedelta(seconds=10)


def find_approval_for(
    *,
    account_id: UUID,
    magic: int,
    symbol: str,
    side: str,
    volume_lots: Decimal,
    opened_at: datetime,
    position_id: int | None = None,
    request_id: str = "",
    comment: str = "",
) -> Approval | None:
    """
    Return the granted approval behind a position: by the request id of the report, else the tag in its comment, else by
    account, magic, symbol, side and a volume not above the approved one, opened within validity + 10 s. None: UNAPPROVED.

    An approval clears one position of its own symbol and side: whoever names it for a second one has none.

    :param opened_at: market time of the position's opening.
    :param position_id: the position's ticket, where it is known.
    """
    free = Q(position_id=None) if position_id is None else Q(position_id=None) | Q(position_id=position_id)
    rows = Approval.objects.select_related("bot").filter(
        free, account_id=account_id, approved=True, symbol=symbol, side=side
    )
    for prefix in ("req", "apr"):
        try:
            named = rows.filter(pk=parse_public_id(prefix, request_id)).first()
        except MalformedId:
            continue
        if named is not None:
            return named
    if comment and (tagged := rows.filter(tag=comment).first()):
        return tagged
    alike = rows.filter(bot__magic=magic, adjusted_lots__gte=volume_lots)
    for approval in alike.order_by("-at")[:20]:
        if _is_in_time(approval, opened_at):
            return approval
    return None


def is_match(approval: Approval, shown: Mapping[str, Any], *, opened_at_key: str) -> bool:
    """
    Say whether a position or order of a snapshot is the one an approval was given for.

    The tag decides where there is one; brokers may rewrite comments, so position id and likeness count too.
    """
    if approval.position_id is not None and int(shown.get("position_id", 0)) == approval.position_id:
        return True
    comment = str(shown.get("comment", ""))
    if comment == approval.tag:
        return True
    if is_tag(comment):  # another approval's
        return False
    if shown["symbol"] != approval.symbol or int(shown["magic"]) != approval.bot.magic:
        return False
    side = shown.get("side") or str(shown.get("order_type", "")).partition("_")[0]
    if side != approval.side or Decimal(str(shown["volume_lots"])) > approval.adjusted_lots:
        return False
    opened_at = shown[opened_at_key]
    opened_at = datetime.fromisoformat(opened_at) if isinstance(opened_at, str) else opened_at
    return _is_in_time(approval, opened_at)


def is_tag(comment: str) -> bool:
    """Say whether a comment has the form of a tag of ours."""
    return len(comment) == 27 and comment[0] == "m" and comment.isascii() and comment.isalnum()


def _is_in_time(approval: Approval, opened_at: datetime) -> bool:
    # Market time beside market time. The simulated market stands still while an approval is in flight, so both agree.
    validity = (approval.valid_until - approval.at) if approval.valid_until else timedelta(0)
    return approval.market_at - MARGIN <= opened_at <= approval.market_at + validity + MARGIN
