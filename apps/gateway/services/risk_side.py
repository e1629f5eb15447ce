"""What the doors ask of the risk app: approvals behind deals, what became of them, and settling on a new truth."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.accounts.models import Account, AccountRisk, AccountSnapshot
from apps.bots.models import Bot
from apps.common.ids import MalformedId, parse_public_id
from apps.common.prepared import ONE, TWO, Prepared, ask_together
from apps.risk.models import Approval
from apps.risk.services.breakers import review_closed
from apps.risk.services.matching import find_approval_for
from apps.risk.services.reservations import resolve_reservation
from apps.risk.services.settling import FreshView, settle_after_snapshot, settle_views
from apps.trades.ledger import BUY, ENTRY_IN, ENTRY_IN_OUT, SELL
from apps.trades.models import Trade
from apps.trades.services.orders import OutcomeTold
from apps.trades.services.origins import ApprovalRef
from trading.protocol import DealMessage

SETTLE_WAIT_MS = 50  # many accounts are settled in turn, and the last must not wait for all the others


def find_approvals(account: Account, deals: Iterable[DealMessage], magics: Container[int]) -> dict[int, ApprovalRef]:
    """Return, by deal ticket, the approvals behind the deals with which the account's bots went in."""
    found = {}
    for deal in deals:
        if deal.entry not in (ENTRY_IN, ENTRY_IN_OUT) or deal.deal_type not in (BUY, SELL) or deal.magic not in magics:
            continue
        approval = find_approval_for(
            account_id=account.pk,
            magic=deal.magic,
            symbol=deal.symbol,
            side="BUY" if deal.deal_type == BUY else "SELL",
            volume_lots=deal.volume_lots,
            opened_at=deal.market_at,
            position_id=deal.position_id,
            comment=deal.comment,
        )
        if approval is not None:
            found[deal.ticket] = to_reference(approval)
    return found


def to_reference(approval: Approval) -> ApprovalRef:
    """Return an approval as the ledger needs it."""
    return ApprovalRef(
        approval.pk,
        approval.bot_id,
        approval.assignment_id,
        approval.risk_amount,
        approval.stop_loss,
        approval.take_profit,
    )


def find_approval(account: Account, reference: str, tag: str) -> Approval | None:
    """Return the account's granted approval of that id, else of that tag, or None."""
    try:
        ids = [parse_public_id(Approval.PREFIX, reference)]
    except MalformedId:
        ids = []
    named, tagged = ask_together(_GRANTED([account.pk], ids), _TAGGED([account.pk], [tag] if tag else []))
    return next(iter([*named, *tagged]), None)


_GRANTED = Prepared(lambda: Approval.objects.filter(account_id__any=ONE, pk__any=TWO, approved=True))
_TAGGED = Prepared(lambda: Approval.objects.filter(account_id__any=ONE, tag__any=TWO, approved=True))


def resolve(approval: Approval, told: OutcomeTold, *, stop_loss: Decimal | None, at: datetime) -> dict[str, Any]:
    """Tell the risk what became of the approval's order; return what the agent shall do (`action`, `ticket`, `lots`)."""
    return resolve_reservation(approval=approval, told=told, stop_loss=stop_loss, at=at)


def settle(account: Account, at: datetime) -> list[dict[str, Any]]:
    """Let the risk settle reservations, levels and day on the account's new truth; return what the agent shall do."""
    return settle_after_snapshot(account, at) or []


def settle_many(
    views: Sequence[tuple[Account, AccountSnapshot, AccountRisk]], at: datetime
) -> dict[UUID, list[dict[str, Any]]]:
    """
    Let the risk settle on new truths; return what the agents of accounts shall do, where there is something.

    A row that an approval holds for longer than a moment is settled with the account's next view.
    """
    return settle_views([FreshView(*view) for view in views], at, wait_ms=SETTLE_WAIT_MS)


def note_closed(account: Account, trades: Sequence[Trade], at: datetime) -> None:
    """Let the risk look at the bots whose trades have just been closed, in the transaction that booked them."""
    review_closed(account, trades, at)


def find_approval_behind(bot: Bot, told: Any, opened_at: datetime) -> Approval | None:
    """Return the granted approval behind what a bot says it opened; another bot's is never meant."""
    found = find_approval_for(
        account_id=bot.account_id,
        magic=bot.magic,
        symbol=told.symbol,
        side=told.side,
        volume_lots=told.volume_lots,
        opened_at=opened_at,
        position_id=told.ticket,
        request_id=told.request_id,
        comment=told.comment,
    )
    return found if found is not None and found.bot_id == bot.pk else None
