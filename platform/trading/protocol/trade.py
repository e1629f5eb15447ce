"""A request to open, and the verdict. The first seven fields are the spec's; the rest is what our own agent adds."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.protocol.codec import Message


class ApprovalRequest(Message, frozen=True, kw_only=True):
    """
    POST /api/v1/trades/approve, with header `Idempotency-Key` (or `client_request_id` in the body).

    `direction` BUY | SELL (any case). Managed bots send the lease's fence and the halt epoch they know.
    """

    bot_id: str
    symbol: str
    direction: str
    entry_price: Decimal
    stop_loss: Decimal
    requested_lots: Decimal
    take_profit: Decimal | None = None
    metadata: dict[str, Any] = {}
    client_request_id: str | None = None
    # managed bots
    assignment_id: str | None = None
    generation: int | None = None
    fence: int | None = None
    halt_epoch: int | None = None
    market_at: datetime | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None


class ApprovalAnswer(Message, frozen=True, kw_only=True):
    """
    A denial is `approved: false` with HTTP 200. Whatever is not a well-formed `approved: true` in time is a denial.

    `trailing_stop_fraction` obliges who trades: where the strategy names no trailing stop of its own, the stop follows the
    price at this share of the entry price, from where that brings it to the entry.
    """

    approved: bool
    adjusted_lots: Decimal
    risk_amount: Decimal
    risk_pct: Decimal
    warnings: list[str]
    request_id: str
    reason_code: str  # APPROVED, or why not
    rejection_reason: str | None
    approval_id: str | None = None
    tag: str | None = None  # at most 27 ASCII characters: goes into the order's comment
    valid_until: datetime | None = None
    valid_for_ms: int = 0
    trailing_stop_fraction: Decimal | None = None
    checks: list[dict[str, Any]] = []
