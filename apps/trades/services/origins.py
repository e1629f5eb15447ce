"""Whose trade is it? What higher apps know of bots and approvals, handed down as values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True)
class Origin:
    """The bot behind a magic number, and what it runs at this moment."""

    bot_id: UUID
    managed: bool
    assignment_id: UUID | None = None
    strategy_id: UUID | None = None
    version_id: UUID | None = None


@dataclass(frozen=True)
class ApprovalRef:
    """An approval as the ledger needs it: under which permission an order was placed."""

    approval_id: UUID
    bot_id: UUID
    assignment_id: UUID | None
    planned_risk: Decimal | None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


@dataclass(frozen=True)
class Origins:
    """What is known of an account: bots by magic number, and the approvals behind deals, by deal ticket."""

    by_magic: dict[int, Origin]
    by_deal: dict[int, ApprovalRef]
