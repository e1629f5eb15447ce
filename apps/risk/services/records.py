"""What is kept of a verdict: the approval with its reservation and the bytes answered, the line in the log, the event."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any

from apps.assignments.models import Assignment
from apps.bots.models import Bot
from apps.common.ids import encode_base32, new_id, public_id
from apps.common.models import OutboxEvent
from apps.common.outbox import make_event
from apps.risk.models import Approval, Decision, Reservation
from apps.risk.services.decision_log import chain_decision
from apps.risk.services.facts import AccountFacts
from apps.risk.services.wire import Answer, TradeRequest, answer_verdict
from trading.risk.verdict import FAILED, PASSED, WARNED, Asked, RiskState, Verdict

VALID_FOR = timedelta(seconds=5)
_COLUMN = Decimal("1e-8")
_SKIP = frozenset({"terms", "exposure", "correlations", "reserved_by_symbol", "bot_tags"})


def record_verdict(
    *,
    facts: AccountFacts,
    bot: Bot,
    assignment: Assignment | None,
    request: TradeRequest,
    asked: Asked,
    state: RiskState | None,
    verdict: Verdict,
    at: datetime,
    market_at: datetime,
) -> tuple[Approval, Decision, Answer]:
    """Return the rows of a verdict, unsaved, and its answer; the locked risk row's counters and log head move."""
    pk, risk = new_id(), facts.risk
    reserved = verdict.risk_amount.quantize(_COLUMN, ROUND_UP)
    valid_until = at + VALID_FOR if verdict.approved else None
    tag = f"m{encode_base32(pk)}"
    body = answer_verdict(
        approval_id=pk,
        approved=verdict.approved,
        reason_code=verdict.reason_code,
        message=verdict.message,
        lots=verdict.lots,
        risk_amount=verdict.risk_amount,
        risk_fraction=verdict.risk_fraction,
        warnings=verdict.warnings,
        checks=verdict.checks,
        tag=tag if verdict.approved else None,
        valid_until=valid_until,
        valid_for_ms=int(VALID_FOR.total_seconds() * 1000) if verdict.approved else 0,
    )
    approval = Approval(
        id=pk,
        account=facts.account,
        bot=bot,
        assignment_id=assignment.pk if assignment else None,
        client_key=request.client_key,
        body_hash=request.body_hash,
        at=at,
        market_at=market_at,
        day=risk.day,
        symbol=asked.symbol,
        side=asked.side,
        entry_price=asked.entry_price,
        stop_loss=asked.stop_loss,
        take_profit=asked.take_profit,
        requested_lots=asked.requested_lots,
        approved=verdict.approved,
        reason_code=verdict.reason_code,
        shadow_code=verdict.shadow_codes[0] if verdict.shadow_codes else "",
        adjusted_lots=verdict.lots,
        risk_amount=reserved,
        valid_until=valid_until,
        tag=tag,
        response=body.decode(),
        reservation=Reservation.HELD if verdict.approved else Reservation.NONE,
        reserved=reserved if verdict.approved else Decimal(0),
    )
    decision = chain_decision(risk, at, _decision_of(approval, facts, bot, asked, state, verdict, market_at))
    if verdict.approved:
        risk.reserved += reserved
        risk.risked_today += reserved
        risk.approved_today += 1
        facts.reserve(asked.symbol, asked.side, verdict.lots, reserved)
    return approval, decision, Answer(200, body, approved=verdict.approved, reason_code=verdict.reason_code)


def approval_event(approval: Approval, bot: Bot) -> OutboxEvent:
    """Return the event that tells of a verdict, unsaved."""
    data = {
        "approval_id": approval.public_id,
        "account_id": approval.account.public_id,
        "bot_id": bot.bot_id,
        "symbol": approval.symbol,
        "side": approval.side,
        "approved": approval.approved,
        "reason_code": approval.reason_code,
        "requested_lots": approval.requested_lots,
        "adjusted_lots": approval.adjusted_lots,
        "risk_amount": approval.risk_amount.quantize(Decimal("0.01")),
        "at": approval.at,
    }
    team_id = approval.account.team_id
    return make_event(team_id=team_id, account_id=approval.account_id, kind="approval.decided", data=data)


def _decision_of(
    approval: Approval,
    facts: AccountFacts,
    bot: Bot,
    asked: Asked,
    state: RiskState | None,
    verdict: Verdict,
    market_at: datetime,
) -> dict[str, Any]:
    decided = [check for check in verdict.checks if check.status in (PASSED, WARNED, FAILED)]
    return {
        "v": 1,
        "kind": "approval",
        "approval": approval.public_id,
        "at": approval.at,
        "market_at": market_at,
        "bot": bot.bot_id,
        "asked": _shape(asdict(asked)),
        "state": _state_shape(state),
        "limits": facts.limits_hash,
        "spec": facts.spec_hashes.get(asked.symbol, ""),
        "approved": verdict.approved,
        "reason": verdict.reason_code,
        "lots": verdict.lots,
        "risk": approval.risk_amount,
        "checks": {check.name: check.status[0] for check in decided},
        "tag": approval.tag,
        "account": public_id("acc", approval.account_id),
    }


def _state_shape(state: RiskState | None) -> dict[str, Any]:
    if state is None:
        return {}
    names = [name for name in state.__dataclass_fields__ if name not in _SKIP]
    shape = _shape({name: getattr(state, name) for name in names})
    return {
        **shape,
        "open_loss": state.exposure.worst_loss,
        "open_count": state.exposure.count,
        "bid": state.terms.bid if state.terms else None,
        "ask": state.terms.ask if state.terms else None,
    }


def _shape(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _text_if_odd(value) for name, value in values.items() if value not in (None, ())}


def _text_if_odd(value: Any) -> Any:
    # The log keeps what was said even where it is no number: a denied request may hold anything.
    return str(value) if isinstance(value, Decimal) and not value.is_finite() else value
