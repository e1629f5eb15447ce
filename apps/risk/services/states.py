"""From rows to what the judge reads: the request, and the state of account and bot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings

from apps.accounts.models import AccountRisk
from apps.assignments.models import Assignment
from apps.bots.models import Bot
from apps.risk.models import BotBreaker
from apps.risk.services.facts import ZERO, AccountFacts, fresh_quote
from apps.risk.services.surroundings import find_opposite, known_correlations
from apps.teams.callers import Caller
from trading.protocol import ApprovalRequest
from trading.risk.news import covers, pick_release
from trading.risk.pairs import join_currencies
from trading.risk.sizing import SymbolTerms
from trading.risk.verdict import Asked, RiskState

LATCHES = ("platform", "team", "account", "breach", "day")


def read_asked(body: ApprovalRequest, caller: Caller) -> Asked:
    """Return the request as the judge reads it; what proves a lease counts only from an executor."""
    return Asked(
        symbol=body.symbol,
        side=body.direction.upper(),
        entry_price=body.entry_price,
        stop_loss=body.stop_loss,
        take_profit=body.take_profit or None,
        requested_lots=body.requested_lots,
        executor_id=str(caller.executor_id) if caller.executor_id else None,
        fence=body.fence,
        halt_epoch=body.halt_epoch,
        generation=body.generation,
    )


def read_state(
    facts: AccountFacts, bot: Bot, assignment: Assignment | None, body: ApprovalRequest, caller: Caller, at: datetime
) -> RiskState:
    """Return the state of account and bot at this moment of the batch."""
    risk = facts.risk
    asked_symbol, side, terms = body.symbol, body.direction.upper(), _terms_now(facts, body, caller, at)
    carried, unknown = join_currencies(facts.legs(), facts.terms)
    release = pick_release(facts.releases, terms, facts.limits, risk.market_at or at) if facts.releases else None
    if facts.standing is None:
        facts.standing = _read_standing(facts, at)
    return RiskState(
        **facts.standing,
        bot_status=bot.status,
        bot_managed=bot.managed,
        bot_tags=tuple(bot.tags),
        bot_breaker=_read_breaker(bot, risk),
        assignment_desired=assignment.desired if assignment else None,
        assignment_generation=assignment.generation if assignment else None,
        entries_allowed=assignment is None or bool(assignment.facts.get("entries_allowed", True)),
        reserved=risk.reserved,
        reserved_by_symbol=facts.reserved_by_symbol(),
        held=facts.count_held(),
        risked_today=risk.risked_today,
        terms=terms,
        correlations=_correlations_now(facts, asked_symbol, risk.market_at or at),
        held_sides=facts.held_sides(),
        currency_risk=carried,
        currency_unknown=unknown,
        opposite=find_opposite(facts, asked_symbol, side),
        news_at=release.at if release else None,
        news_what=release.what if release else "",
    )


def _read_standing(facts: AccountFacts, at: datetime) -> dict[str, Any]:
    """Return what is the same for all items of a batch: the account's latches, lease, day, last view, and days gone by."""
    risk, snapshot = facts.risk, facts.snapshot
    return {
        "latches": list_latches(risk),
        "halt_epoch": risk.halt_epoch,
        "lease_executor_id": str(risk.lease_executor_id) if risk.lease_executor_id else None,
        "lease_until": risk.lease_until,
        "fence": risk.fence,
        "day": risk.day,
        "day_ends_at": risk.day_ends_at,
        "day_balance": risk.day_balance_base or ZERO,
        "day_equity": risk.day_equity_base or ZERO,
        "peak": facts.peak(),
        "initial_balance": facts.account.initial_balance,
        "snapshot_at": snapshot.taken_at if snapshot else None,
        "snapshot_complete": snapshot.complete if snapshot else False,
        "trade_allowed": snapshot.trade_allowed if snapshot else False,
        "balance": snapshot.balance if snapshot else ZERO,
        "equity": snapshot.equity if snapshot else ZERO,
        "free_margin": snapshot.free_margin if snapshot else None,
        "exposure": facts.exposure,
        "day_profit": _day_profit(facts),
        "total_profit": risk.total_profit,
        "best_day": risk.best_day,
        "days_traded": risk.days_traded,
        "news_covered": covers(facts.releases, risk.market_at or at),
        "fresh_s": settings.OBSERVER_FRESH_S,
    }


def _correlations_now(facts: AccountFacts, symbol: str, market_at: datetime) -> Mapping[str, Decimal]:
    """Return the known correlations of a symbol, looked up anew where what is held has changed."""
    held = facts.held_sides()
    before = facts.nearby.get(symbol)
    if before is None or before[0] is not held:
        before = facts.nearby[symbol] = held, known_correlations(facts, symbol, market_at)
    found: Mapping[str, Decimal] = before[1]
    return found


def _day_profit(facts: AccountFacts) -> Decimal:
    """What the day has brought, the open profit with it: it may be closed any moment."""
    risk, snapshot = facts.risk, facts.snapshot
    if snapshot is None or risk.day_balance_base is None:
        return ZERO
    return Decimal(max(snapshot.balance, snapshot.equity) - risk.day_balance_base)


def list_latches(risk: AccountRisk) -> tuple[tuple[str, str], ...]:
    """Return (name, reason) of each latch that is set, the widest first."""
    return tuple((name, reason) for name in LATCHES if (reason := getattr(risk, f"{name}_latch")))


def _read_breaker(bot: Bot, risk: AccountRisk) -> str | None:
    if bot._state.adding:
        return None  # a bot that is not stored has none
    breaker: BotBreaker | None = getattr(bot, "breaker", None)
    return breaker.reason if breaker is not None and breaker.is_open(risk.day) else None


def _terms_now(facts: AccountFacts, body: ApprovalRequest, caller: Caller, at: datetime) -> SymbolTerms | None:
    terms = facts.terms.get(body.symbol)
    if terms is None:
        return None
    side = body.direction.upper()
    bid, ask = body.bid, body.ask
    if caller.executor_id is None or not bid or not ask:  # only our own agent's word on the market counts
        quote = fresh_quote(facts, body.symbol, at)
        bid, ask = (quote.bid, quote.ask) if quote else (None, None)
    name = (body.symbol, side, str(bid), str(ask))
    if name not in facts.terms_now:
        same = (one for one in facts.holdings if one.symbol == body.symbol and one.side == side)
        volume_open = sum((one.volume_lots for one in same), ZERO)
        facts.terms_now[name] = replace(terms, volume_open=volume_open, bid=bid, ask=ask)
    return facts.terms_now[name]
