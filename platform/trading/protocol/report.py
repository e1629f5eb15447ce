"""Reports: spooled by the agent (fsync), sent until acknowledged, each counted once by its id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from trading.protocol.codec import Message


class Report(Message, frozen=True, kw_only=True):
    """
    One thing that happened at the terminal. `kind` decides the body:

    - `order_outcome`: approval_id, tag, outcome (DONE | PARTIAL | REJECTED | UNRESOLVED | NOT_SENT), retcode, order_ticket, position_id,
      filled_lots, price, stop_loss, take_profit, comment. NOT_SENT and REJECTED are definitive: the reservation is freed.
    - `trade_closed`: position_id, exit_reason (trading.model ExitReason), deal_ticket, price, closed_lots, signal_id?
    - `stop_moved`: position_id, stop_loss, take_profit
    - `command_result`: command_id, lease_token, state (ACKNOWLEDGED | EXECUTED | FAILED | UNRESOLVED), result
    - `entry_denied`: signal_id, reason_code, message (an entry our own checks or the server refused)
    - `agent_event`: event, severity, message (restart of the terminal's process, two instances, journal damaged …)
    """

    report_id: str  # UUID text made by the agent, persisted before the first sending
    kind: str
    at: datetime
    market_at: datetime
    assignment_id: str | None
    body: dict[str, Any]


class Reports(Message, frozen=True, kw_only=True):
    """POST /api/v1/executor/reports: at most 200, oldest first."""

    instance_id: str
    fence: int
    reports: list[Report]


class ReportAnswer(Message, frozen=True, kw_only=True):
    """`ACCEPTED` and `DUPLICATE` leave the spool; `REFUSED` (malformed for ever) does too and is kept in the agent's log."""

    report_id: str
    status: str  # ACCEPTED | DUPLICATE | REFUSED
    code: str = ""
    action: str = "none"  # none | close | reduce
    ticket: int | None = None
    lots: float | None = None


class ReportAnswers(Message, frozen=True, kw_only=True):
    answers: list[ReportAnswer]
