"""
`decide`: the one service behind every door that asks for approval. It takes a list and answers each of it.

One transaction for all: keys, accounts' risk rows locked in id order, facts, judging, and then a handful of bulk inserts;
the answers are handed out after the commit. An account whose row is not free in 200 ms is BUSY, the others are decided.
A bad item spoils no other; where the database itself refuses the batch, it is redone one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Q
from psycopg_pool import PoolTimeout

from apps.accounts.models import TradingDay
from apps.assignments.models import Assignment
from apps.bots.models import Bot
from apps.common.bulk import FEW, copy_rows, insert_rows, update_rows
from apps.common.codes import Code
from apps.common.errors import Impossible, NotFound, PlatformError, RateLimited, Unavailable
from apps.common.ids import MalformedId, parse_public_id
from apps.common.models import OutboxEvent
from apps.common.outbox import wake_relay
from apps.common.prepared import ONE, THREE, TWO, Asked, Prepared, ask_together, one_round_trip
from apps.risk.models import Approval, Decision
from apps.risk.services.credentials import ask_callers, find_callers
from apps.risk.services.day_news import tell_days
from apps.risk.services.days import raise_peaks, roll_day
from apps.risk.services.facts import AccountFacts, load_facts
from apps.risk.services.locking import Kept, lock_accounts
from apps.risk.services.records import approval_event, keep_facts_documents, record_verdict
from apps.risk.services.states import read_asked, read_state
from apps.risk.services.surroundings import load_surroundings
from apps.risk.services.wire import Answer, TradeRequest, answer_busy, answer_refusal
from apps.teams import limits
from apps.teams.callers import Caller
from trading.risk.judge import judge
from trading.risk.verdict import JUDGE_ERROR, Verdict

MOST_ITEMS = 256
LOCK_WAIT_MS = 200
STATEMENT_MS = 1000
IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
# What judging reads of a bot: a burst brings hundreds of them, and most of loading a row is its columns.
BOT_FIELDS = [
    "team_id", "account_id", "bot_id", "tags", "status", "managed",
]  # fmt: skip
LOCK_STATES = frozenset({"55P03", "57014", "40001", "40P01"})
RISK_COLUMNS = (
    "day", "day_starts_at", "day_ends_at", "day_balance_base", "day_equity_base", "day_provisional", "peak_balance",
    "peak_equity", "reserved", "risked_today", "approved_today", "market_at", "chain_number", "chain_head", "day_latch",
)  # fmt: skip

log = structlog.get_logger(__name__)


@dataclass
class _Batch:
    """What one transaction decides."""

    requests: Sequence[TradeRequest]
    at: datetime
    answers: dict[int, Answer] = field(default_factory=dict)
    callers: dict[int, Caller] = field(default_factory=dict)
    bots: dict[int, Bot] = field(default_factory=dict)
    approvals: list[Approval] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    events: list[OutboxEvent] = field(default_factory=list)

    def open_items(self) -> list[int]:
        return [n for n in range(len(self.requests)) if n not in self.answers]

    def refuse(self, item: int, refusal: PlatformError) -> None:
        self.answers[item] = answer_refusal(refusal, self.requests[item].request_id)


def decide(requests: Sequence[TradeRequest], at: datetime) -> list[Answer]:
    """
    Judge and keep each request; return the answers in the same order, after the commit that holds them.

    Never raises for what is in a request or what the database does: such items are refused.

    :param at: the database's wall clock.
    :raises ValueError: for more than 256 items.
    """
    if len(requests) > MOST_ITEMS:
        raise ValueError(f"at most {MOST_ITEMS} requests at once, not {len(requests)}")
    if not requests:
        return []
    try:
        return _decide_batch(requests, at, skip_locked=False)
    except Exception as error:
        log.warning("APPROVALS_REDONE", items=len(requests), problem=_describe(error))
        if _is_gone(error):
            return [_unavailable(request) for request in requests]
        if _is_lock(error):
            return _decide_around_locks(requests, at)
    return [_decide_alone(request, at) for request in requests]


@transaction.atomic
def read_once() -> None:
    """Read of nobody what a batch reads: what is compiled and loaded with the first use is so before somebody waits for it."""
    lock_accounts({}, ("-",), (), skip_locked=True)


def _decide_around_locks(requests: Sequence[TradeRequest], at: datetime) -> list[Answer]:
    try:
        return _decide_batch(requests, at, skip_locked=True)
    except Exception as error:
        log.warning("APPROVALS_REDONE", items=len(requests), problem=_describe(error))
        return [_decide_alone(request, at) for request in requests]


def _decide_alone(request: TradeRequest, at: datetime) -> Answer:
    try:
        return _decide_batch([request], at, skip_locked=True)[0]
    except Exception as error:
        log.error("APPROVAL_FAILED", request_id=request.request_id, problem=_describe(error))
        if _is_lock(error):
            return answer_busy(request, Code.BUSY, "Others are changing this account; ask again.")
        return _unavailable(request)


@transaction.atomic
def _decide_batch(requests: Sequence[TradeRequest], at: datetime, *, skip_locked: bool) -> list[Answer]:
    batch = _Batch(requests, at)
    _find_callers(batch)
    _find_bots(batch)
    if batch.bots:
        _decide_items(batch, skip_locked=skip_locked)
    return [batch.answers[item] for item in range(len(requests))]


def _decide_items(batch: _Batch, *, skip_locked: bool) -> None:
    keys = {key for item in batch.bots if (key := batch.requests[item].client_key)}
    names = {batch.requests[item].body.symbol for item in batch.bots}
    locked = lock_accounts({bot.pk: bot for bot in batch.bots.values()}, names, keys, skip_locked=skip_locked)
    _refuse_busy(batch, {risk.account_id for risk in locked.risks})
    _replay(batch, locked.kept)
    facts = load_facts(locked.risks, locked.accounts, known=locked.rows)
    # An approval may be the first to see that a day has ended, and whoever turns it tells it.
    told = _market_times(batch)
    turned = [(one, days) for pk, one in facts.items() if (days := _prepare(one, told.get(pk), batch.at))]
    if turned:
        tell_days(turned, batch.at)
    load_surroundings(facts)
    folded = _judge_items(batch, facts, locked.assignments)
    _store(batch, list(facts.values()))
    for item, first in folded.items():
        batch.answers[item] = batch.answers[first]


# --- who asks, for which bot ------------------------------------------------------------------------------------------


# Who waits for a lock or a statement longer than this asks again.
_WAITING: Asked[Any] = Asked(
    "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
    (f"{LOCK_WAIT_MS}ms", f"{STATEMENT_MS}ms"),
)
_BOTS = Prepared(lambda: Bot.objects.only(*BOT_FIELDS).filter(Q(bot_id__any=TWO) | Q(pk__any=THREE), team_id__any=ONE))


def _find_callers(batch: _Batch) -> None:
    credentials = [request.credential for request in batch.requests]
    asked = ask_callers(credentials)
    _, *rows = ask_together(_WAITING, *asked.values())
    found = find_callers(credentials, dict(zip(asked, rows, strict=True)), batch.at)
    for item, request in enumerate(batch.requests):
        caller = found[request.credential]
        if isinstance(caller, PlatformError):
            batch.refuse(item, caller)
        elif (wait_s := limits.take("approve", caller.actor)) > 0:
            message = "Too many requests for approval; wait a little."
            batch.refuse(item, RateLimited(Code.RATE_LIMITED, message, None, {"retry_after_s": int(wait_s) + 1}))
        else:
            batch.callers[item] = caller


def _find_bots(batch: _Batch) -> None:
    items = batch.open_items()
    if not items:
        return
    references = {batch.requests[item].body.bot_id for item in items}
    teams = {batch.callers[item].team.pk for item in items}
    (rows,) = ask_together(_BOTS(list(teams), list(references), _public_ids(references)))
    by_name: dict[tuple[UUID, str], Bot] = {}
    for bot in rows:
        by_name[bot.team_id, bot.public_id] = by_name[bot.team_id, bot.bot_id] = bot
    for item in items:
        caller, named = batch.callers[item], batch.requests[item].body.bot_id
        found = by_name.get((caller.team.pk, named))
        if found is None or not _may_ask_for(caller, found):
            batch.refuse(item, NotFound(Code.NOT_FOUND, f"There is no bot {named!r} you may ask for.", "bot_id"))
        else:
            batch.bots[item] = found


def _public_ids(references: set[str]) -> list[UUID]:
    ids = []
    for reference in references:
        if reference.startswith("bot_"):
            with suppress(MalformedId):
                ids.append(parse_public_id("bot", reference))
    return ids


def _may_ask_for(caller: Caller, bot: Bot) -> bool:
    if caller.bot_id is not None and caller.bot_id != bot.pk:
        return False
    return caller.account_id is None or caller.account_id == bot.account_id


# --- locks, repeats, facts --------------------------------------------------------------------------------------------


def _refuse_busy(batch: _Batch, free: set[UUID]) -> None:
    for item, bot in batch.bots.items():
        if bot.account_id not in free:
            busy = "Others are changing this account; ask again."
            batch.answers[item] = answer_busy(batch.requests[item], Code.BUSY, busy)


def _replay(batch: _Batch, rows: Sequence[Kept]) -> None:
    """Answer what was asked before with the bytes of then. The account's lock keeps two of one key apart."""
    if not rows:
        return
    kept = {(row.bot_id, row.client_key): row for row in rows}
    for item in batch.open_items():
        request = batch.requests[item]
        row = kept.get((batch.bots[item].pk, request.client_key or ""))
        if row is None:
            continue
        if row.body_hash != request.body_hash:
            batch.refuse(item, _conflict())
        else:
            batch.answers[item] = Answer(200, row.response.encode(), reason_code="REPLAYED", replayed=True)


def _conflict() -> Impossible:
    return Impossible(IDEMPOTENCY_CONFLICT, "This key was used for another request of this bot.", "Idempotency-Key")


def _market_times(batch: _Batch) -> dict[UUID, datetime]:
    """Return the latest market time that an executor tells with its request, per account."""
    found: dict[UUID, datetime] = {}
    for item in batch.open_items():
        told, account_id = batch.requests[item].body.market_at, batch.bots[item].account_id
        if told is not None and batch.callers[item].executor_id is not None:
            found[account_id] = max(told, found.get(account_id, told))
    return found


def _prepare(facts: AccountFacts, told: datetime | None, at: datetime) -> list[TradingDay]:
    market_at = facts.market_at(at, told)
    days = roll_day(facts, market_at, at)
    raise_peaks(facts)
    facts.risk.market_at = market_at
    return days


# --- judging and keeping ----------------------------------------------------------------------------------------------


def _judge_items(batch: _Batch, facts: dict[UUID, AccountFacts], assignments: dict[UUID, Assignment]) -> dict[int, int]:
    """Judge what is open, in order; return which items are repeats of which within this batch."""
    first: dict[tuple[UUID, str], int] = {}
    folded: dict[int, int] = {}
    for item in batch.open_items():
        request, bot = batch.requests[item], batch.bots[item]
        name = (bot.pk, request.client_key) if request.client_key else None
        if name in first and name is not None:
            if batch.requests[first[name]].body_hash == request.body_hash:
                folded[item] = first[name]
            else:
                batch.refuse(item, _conflict())
            continue
        if name is not None:
            first[name] = item
        if bot.account_id not in facts:
            batch.answers[item] = answer_busy(request, "LIMITS_BROKEN", "The account's limits cannot be read.")
            continue
        _judge_item(batch, item, facts[bot.account_id], assignments.get(bot.pk))
    return folded


def _judge_item(batch: _Batch, item: int, facts: AccountFacts, assignment: Assignment | None) -> None:
    request, bot, caller = batch.requests[item], batch.bots[item], batch.callers[item]
    market_at = facts.risk.market_at or batch.at
    asked, state = read_asked(request.body, caller), None
    try:
        state = read_state(facts, bot, assignment, request.body, caller, batch.at)
        verdict = judge(asked, state, facts.limits, batch.at, market_at)
    except Exception as error:  # rows that cannot be read deny this item, not its neighbours
        log.error("STATE_UNREADABLE", request_id=request.request_id, problem=_describe(error))
        verdict = Verdict(approved=False, reason_code=JUDGE_ERROR, message="The account's state cannot be read.")
    approval, decision, answer = record_verdict(
        facts=facts,
        bot=bot,
        assignment=assignment,
        request=request,
        asked=asked,
        state=state,
        verdict=verdict,
        at=batch.at,
        market_at=market_at,
    )
    batch.approvals.append(approval)
    batch.decisions.append(decision)
    batch.events.append(approval_event(approval, facts.account, bot))
    batch.answers[item] = answer


def _store(batch: _Batch, facts: Sequence[AccountFacts]) -> None:
    keep_facts_documents(facts)
    groups = (batch.approvals, batch.decisions, batch.events)
    few = len(batch.approvals) <= FEW
    for rows in () if few else groups:
        copy_rows(rows)
    with one_round_trip():
        for rows in groups if few else ():
            insert_rows(rows)
        # One statement for all rows (they exist and are locked): a bulk_update's CASE grows with rows times columns.
        update_rows([one.risk for one in facts], RISK_COLUMNS)
        if batch.events:
            wake_relay()


# --- when the database refuses ----------------------------------------------------------------------------------------


def _unavailable(request: TradeRequest) -> Answer:
    refusal = Unavailable(Code.UNAVAILABLE, "The request could not be judged now, so it is not approved.")
    return answer_refusal(refusal, request.request_id)


def _sqlstate(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _is_lock(error: Exception) -> bool:
    return isinstance(error, DatabaseError) and _sqlstate(error) in LOCK_STATES


def _is_gone(error: Exception) -> bool:
    """Say whether the database cannot be reached: asking it once more for each item would only take time."""
    if isinstance(error, InterfaceError | PoolTimeout):
        return True
    return (
        isinstance(error, OperationalError) and _sqlstate(error)[:2] in ("", "08", "57", "53") and not _is_lock(error)
    )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
