"""What is kept of a verdict: the approval with its reservation and the bytes answered, the line in the log, the event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import Account
from apps.assignments.models import Assignment
from apps.bots.models import Bot
from apps.common.bulk import new_row
from apps.common.ids import encode_base32, new_id, public_id
from apps.common.models import OutboxEvent
from apps.common.outbox import make_plain_event
from apps.common.wire import to_wire_number, to_wire_time
from apps.risk.models import Approval, Decision, Reservation
from apps.risk.services.decision_log import (
    MOST_BYTES,
    VERSION,
    chain_line,
    hash_text,
    keep_documents,
    known,
    make_document,
    write_canonical,
)
from apps.risk.services.facts import AccountFacts
from apps.risk.services.judge_version import read_judge_version
from apps.risk.services.wire import Answer, TradeRequest, answer_verdict
from trading.risk.record import mark_checks, write_asked, write_state, write_terms
from trading.risk.verdict import Asked, RiskState, Verdict

VALID_FOR = timedelta(seconds=5)
_COLUMN, _CENT = Decimal("1e-8"), Decimal("0.01")


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
    letters = encode_base32(pk)
    tag = f"m{letters}"
    body = answer_verdict(
        letters=letters,
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
        trailing_stop_fraction=facts.limits.trailing_in_force if verdict.approved else None,
    )
    approval = new_row(
        Approval,
        id=pk,
        account_id=facts.account.pk,
        bot_id=bot.pk,
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
    decision = chain_line(risk, at, _decision_of(approval, facts, bot, asked, state, verdict, market_at))
    if verdict.approved:
        risk.reserved += reserved
        risk.risked_today += reserved
        risk.approved_today += 1
        facts.reserve(asked.symbol, asked.side, verdict.lots, reserved)
    return approval, decision, Answer(200, body, approved=verdict.approved, reason_code=verdict.reason_code)


@lru_cache(maxsize=4096)
def name_account(account_id: UUID) -> str:
    """Return the public id of an account: the lines and events of a burst name a few of them hundreds of times."""
    return public_id(Account.PREFIX, account_id)


def keep_facts_documents(facts: Sequence[AccountFacts]) -> None:
    """Store the documents that a batch's lines name, except those this process saw committed."""
    new = {one.account.pk: known.list_new(one.account.pk, one.logged, one.documents) for one in facts}
    if any(new.values()):
        keep_documents(one.documents[name] for one in facts for name in new[one.account.pk])
        transaction.on_commit(partial(_know, facts, new))


def _know(facts: Sequence[AccountFacts], new: Mapping[UUID, set[str]]) -> None:
    for one in facts:
        known.add(one.account.pk, one.risk.chain_number, new[one.account.pk])


def approval_event(approval: Approval, account: Account, bot: Bot) -> OutboxEvent:
    """Return the event that tells of a verdict, unsaved."""
    data = {
        "approval_id": f"apr_{approval.tag[1:]}",
        "account_id": name_account(account.pk),
        "bot_id": bot.bot_id,
        "symbol": approval.symbol,
        "side": approval.side,
        "approved": approval.approved,
        "reason_code": approval.reason_code,
        "requested_lots": _plain_number(approval.requested_lots),
        "adjusted_lots": _plain_number(approval.adjusted_lots),
        "risk_amount": _plain_number(approval.risk_amount.quantize(_CENT)),
        "at": to_wire_time(approval.at),
    }
    return make_plain_event(team_id=account.team_id, account_id=account.pk, kind="approval.decided", data=data)


def _plain_number(value: Decimal) -> int | float:
    """Return a number for an event; what is no number has no place in one."""
    if not value.is_finite():
        raise ValueError(f"{value} is no number")
    return to_wire_number(value)


def _decision_of(
    approval: Approval,
    facts: AccountFacts,
    bot: Bot,
    asked: Asked,
    state: RiskState | None,
    verdict: Verdict,
    market_at: datetime,
) -> str:
    """
    Return the line's text: all that was judged by, and how it came out. What many lines share stands in documents; beyond 2 KB
    the state (of an account with very many symbols) becomes one too.
    """
    content = {
        "v": VERSION,
        "kind": "approval",
        "approval": f"apr_{approval.tag[1:]}",
        "account": name_account(approval.account_id),
        "at": approval.at,
        "market_at": market_at,
        "bot": bot.bot_id,
        "asked": write_asked(asked),
        "limits": facts.file("limits", lambda: make_document("limits", facts.limits.as_document())),
        "pack": facts.pack,
        "spec": facts.spec_hashes.get(asked.symbol, ""),
        "code": read_judge_version(),
        "approved": verdict.approved,
        "reason": verdict.reason_code,
        "lots": verdict.lots,
        "risk": approval.risk_amount,
        "checks": mark_checks(verdict),
        "tag": approval.tag,
        "response": hash_text(approval.response),
    }
    if verdict.shadow_codes:
        content["shadow"] = list(verdict.shadow_codes)
    if state is None:
        return write_canonical(content)
    if (terms := state.terms) is not None:
        content["terms"] = facts.file(f"terms {asked.symbol}", lambda: make_document("terms", write_terms(terms)))
    return _with_state(content, facts, write_state(state, facts.written))


def _with_state(content: dict[str, Any], facts: AccountFacts, state: dict[str, Any]) -> str:
    body = write_canonical({**content, "state": state})
    if len(body) <= MOST_BYTES:
        return body
    document = make_document("state", state)
    facts.documents[document.hash] = document
    return write_canonical({**content, "state": document.hash})
