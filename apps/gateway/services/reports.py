"""Reports: each counted once by its id, each kind with its own consequence, one transaction a report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError, transaction

from apps.accounts.models import Account
from apps.common.ids import MalformedId, parse_public_id
from apps.common.outbox import tell
from apps.executors.models import Command, Executor
from apps.executors.services.commands import settle_command
from apps.executors.services.leases import require_fence
from apps.gateway.services.risk_side import find_approval, resolve
from apps.trades.models import OrderOutcome
from apps.trades.services.orders import OutcomeTold, note_exit_reason, note_stops, record_outcome
from apps.trades.services.receipts import count_once
from trading.model.orders import ExitReason
from trading.protocol import MalformedMessage, Report, ReportAnswer, ReportAnswers, Reports
from trading.protocol.codec import Message, from_plain

MOST_REPORTS = 200
# What is in the report itself; a database that is away or busy is none of these.
UNUSABLE = (DataError, IntegrityError, ValueError, TypeError, LookupError, ArithmeticError, ObjectDoesNotExist)
log = structlog.get_logger(__name__)


class OrderOutcomeBody(Message, frozen=True, kw_only=True):
    approval_id: str
    outcome: str
    tag: str = ""
    retcode: int | None = None
    order_ticket: int | None = None
    position_id: int | None = None
    filled_lots: Decimal = Decimal(0)
    price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    comment: str = ""


class TradeClosedBody(Message, frozen=True, kw_only=True):
    position_id: int
    exit_reason: str


class StopMovedBody(Message, frozen=True, kw_only=True):
    position_id: int
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


class CommandResultBody(Message, frozen=True, kw_only=True):
    command_id: str
    lease_token: str
    state: str
    result: dict[str, Any] = {}


class EntryDeniedBody(Message, frozen=True, kw_only=True):
    reason_code: str
    message: str = ""
    signal_id: str = ""


class AgentEventBody(Message, frozen=True, kw_only=True):
    event: str
    severity: str = "INFO"
    message: str = ""


class Refused(Exception):
    """The report can never be used; the agent drops it from its spool and keeps it in its log."""


def take_reports(*, executor: Executor, message: Reports, at: datetime) -> ReportAnswers:
    """
    Take in spooled reports, oldest first. A bad one spoils no other; a database that is away spoils all, to be sent again.

    :raises Conflict: FENCED where this process does not hold the account.
    """
    require_fence(executor=executor, instance_id=message.instance_id, fence=message.fence)
    return ReportAnswers(answers=[take_report(executor, report, at) for report in message.reports[:MOST_REPORTS]])


def take_report(executor: Executor, report: Report, at: datetime) -> ReportAnswer:
    """Take in one report and return its answer; a repeat gets what was answered before."""
    try:
        report_id = UUID(report.report_id)
    except ValueError:
        return ReportAnswer(report_id=report.report_id[:80], status="REFUSED", code="REPORT_ID_INVALID")
    position_id, exit_reason = _closing(report)
    try:
        answer, repeated = count_once(
            account=executor.account,
            report_id=report_id,
            kind=report.kind,
            at=at,
            do=lambda: _handle_safely(executor, report, at),
            position_id=position_id,
            exit_reason=exit_reason,
        )
    except UNUSABLE as error:
        # Asked again it would fail again, and everything behind it in the agent's spool would never arrive.
        log.error("REPORT_UNUSABLE", kind=report.kind, problem=f"{type(error).__name__}: {error}"[:300])
        return ReportAnswer(report_id=report.report_id, status="REFUSED", code="UNUSABLE")
    status = "DUPLICATE" if repeated and answer["status"] == "ACCEPTED" else answer["status"]
    return ReportAnswer(report_id=report.report_id, **{**answer, "status": status})


def _handle_safely(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    handler = HANDLERS.get(report.kind)
    if handler is None:
        return {"status": "REFUSED", "code": "KIND_UNKNOWN"}
    try:
        with transaction.atomic():
            return {"status": "ACCEPTED", **handler(executor, report, at)}
    except MalformedMessage as error:
        log.warning("REPORT_REFUSED", kind=report.kind, problem=str(error)[:300])
        return {"status": "REFUSED", "code": error.code}
    except Refused as error:
        log.warning("REPORT_REFUSED", kind=report.kind, problem=str(error))
        return {"status": "REFUSED", "code": str(error)}


def _closing(report: Report) -> tuple[int | None, str]:
    """Return what a `trade_closed` says, to be kept with the receipt: the deals may come later."""
    if report.kind != "trade_closed":
        return None, ""
    try:
        body = from_plain(report.body, TradeClosedBody)
        return body.position_id, str(ExitReason(body.exit_reason))
    except (MalformedMessage, ValueError):
        return None, ""


def _take_outcome(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    body = from_plain(report.body, OrderOutcomeBody)
    if body.outcome not in OrderOutcome.values:
        raise Refused("OUTCOME_UNKNOWN")
    approval = find_approval(executor.account, body.approval_id, body.tag)
    if approval is None:
        raise Refused("APPROVAL_UNKNOWN")
    told = OutcomeTold(
        approval_id=approval.pk,
        bot_id=approval.bot_id,
        symbol=approval.symbol,
        side=approval.side,
        volume_lots=approval.adjusted_lots,
        outcome=body.outcome,
        filled_lots=body.filled_lots,
        ticket=body.order_ticket,
        position_id=body.position_id,
        price=body.price,
        retcode=body.retcode,
        comment=body.comment,
        market_at=report.market_at,
        planned_risk=approval.risk_amount,
    )
    record_outcome(account=executor.account, told=told, at=at)
    return resolve(approval, told, stop_loss=body.stop_loss, at=at)


def _take_closed(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    body = from_plain(report.body, TradeClosedBody)
    if body.exit_reason not in list(ExitReason):
        raise Refused("EXIT_REASON_UNKNOWN")
    note_exit_reason(account=executor.account, position_id=body.position_id, reason=body.exit_reason)
    return {}


def _take_stop(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    body = from_plain(report.body, StopMovedBody)
    note_stops(
        account=executor.account,
        position_id=body.position_id,
        stop_loss=body.stop_loss,
        take_profit=body.take_profit,
        at=at,
    )
    return {}


def _take_result(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    body = from_plain(report.body, CommandResultBody)
    try:
        command_id = parse_public_id(Command.PREFIX, body.command_id)
    except MalformedId:
        raise Refused("COMMAND_UNKNOWN") from None
    if body.state not in ("ACKNOWLEDGED", "EXECUTED", "FAILED", "UNRESOLVED"):
        raise Refused("STATE_UNKNOWN")
    moved = settle_command(
        executor=executor,
        command_id=command_id,
        lease_token=body.lease_token,
        state=body.state,
        result=body.result,
        at=at,
    )
    if not moved:
        raise Refused("COMMAND_NOT_YOURS")
    return {}


def _take_denied(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    body = from_plain(report.body, EntryDeniedBody)
    data = {"reason_code": body.reason_code[:60], "message": body.message[:300], "signal_id": body.signal_id[:60]}
    _tell(executor.account, executor, "entry.denied", {**data, "assignment_id": report.assignment_id})
    return {}


def _take_event(executor: Executor, report: Report, at: datetime) -> dict[str, Any]:
    body = from_plain(report.body, AgentEventBody)
    data = {"event": body.event[:60], "severity": body.severity[:10], "message": body.message[:300]}
    if body.severity == "CRITICAL":
        Executor.objects.filter(pk=executor.pk).update(problem=f"{body.event}: {body.message}"[:300])
    _tell(executor.account, executor, "agent.event", data)
    return {}


def _tell(account: Account, executor: Executor, kind: str, data: dict[str, Any]) -> None:
    tell(team_id=account.team_id, account_id=account.pk, kind=kind, data={**data, "executor_id": executor.public_id})


HANDLERS: dict[str, Callable[[Executor, Report, datetime], dict[str, Any]]] = {
    "order_outcome": _take_outcome,
    "trade_closed": _take_closed,
    "stop_moved": _take_stop,
    "command_result": _take_result,
    "entry_denied": _take_denied,
    "agent_event": _take_event,
}
