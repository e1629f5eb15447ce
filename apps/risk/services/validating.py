"""
What the judge would say, asked without any consequence: no row, no reservation, no lock. The next approval may say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from apps.accounts.models import Account, AccountRisk
from apps.bots.models import Bot, BotStatus
from apps.common.errors import Impossible
from apps.risk.services.days import foresee_day, raise_peaks
from apps.risk.services.facts import AccountFacts, load_facts
from apps.risk.services.levels import stand_now
from apps.risk.services.states import read_asked, read_state
from apps.risk.services.surroundings import load_surroundings
from apps.teams.callers import Caller
from trading.model.instrument import find_pip_size
from trading.protocol import ApprovalRequest
from trading.risk.judge import judge
from trading.risk.pairs import effective_correlation
from trading.risk.sizing import BUY, SizingRefused, SymbolTerms, loss_per_lot
from trading.risk.verdict import FAILED, Asked, RiskState, Verdict

LIMIT, NOTED = Decimal("0.70"), Decimal("0.60")
PASS, WARN, FAIL = "PASS", "WARN", "FAIL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A trade somebody thinks of. The stop is a price, or a distance in pips; without an entry it is the market's."""

    symbol: str
    side: str
    lots: Decimal
    stop_loss: Decimal | None = None
    stop_loss_pips: Decimal | None = None
    entry_price: Decimal | None = None
    take_profit: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """
    The judge's word on a question, with what it was formed by.

    ``estimated_loss`` is of the volume that was asked about; ``exposure`` its notional; both in the account's currency, None
    where nobody can say.
    """

    verdict: Verdict
    asked: Asked
    correlation: str
    compliant: bool
    estimated_loss: Decimal | None
    risk_base: Decimal
    exposure: Decimal | None


def form_opinion(*, account: Account, question: Question, bot: Bot | None, caller: Caller, at: datetime) -> Opinion:
    """
    Return what the judge says of a trade on the account now.

    :param bot: on whose behalf; None asks for a bot that is active and has no tags. Nobody's lease is asked for.
    :raises Impossible: LIMITS_BROKEN; SYMBOL_UNKNOWN or PRICE_UNKNOWN where the question cannot even be put.
    """
    facts = read_facts_now(account, {question.symbol}, at)
    market_at = facts.risk.market_at or at
    stand_in = Bot(status=bot.status if bot else BotStatus.ACTIVE, tags=bot.tags if bot else [], managed=False)
    body = _put(question, facts, stand_in, caller, at)
    asked = read_asked(body, caller)
    state = read_state(facts, stand_in, None, body, caller, at)
    verdict = judge(asked, state, facts.limits, at, market_at)
    standing = stand_now(facts)
    return Opinion(
        verdict=verdict,
        asked=asked,
        correlation=_correlation(asked, state, facts, verdict),
        compliant=not facts.risk.breach_latch and (standing is None or standing.used < 1),
        estimated_loss=_loss_of(asked, state.terms),
        risk_base=min(state.balance, state.equity) * facts.limits.active_capital_ratio,
        exposure=_notional(asked, state.terms),
    )


def read_facts_now(account: Account, symbols: set[str], at: datetime) -> AccountFacts:
    """
    Return an account's facts as an approval would find them now, its day turned in memory only.

    :raises Impossible: LIMITS_BROKEN.
    """
    risk = AccountRisk.objects.get(account=account)
    found = load_facts([risk], {account.pk: account}, symbols)
    facts = found.get(account.pk)
    if facts is None:
        raise Impossible("LIMITS_BROKEN", "The account's limits cannot be read.", "account_id")
    market_at = facts.market_at(at)
    foresee_day(facts, market_at)
    raise_peaks(facts)
    facts.risk.market_at = market_at
    load_surroundings(found, in_turn=False)
    return facts


def _put(question: Question, facts: AccountFacts, bot: Bot, caller: Caller, at: datetime) -> ApprovalRequest:
    """Return the question as a request for approval."""
    draft = ApprovalRequest(
        bot_id="-",
        symbol=question.symbol,
        direction=question.side,
        entry_price=question.entry_price or Decimal(0),
        stop_loss=question.stop_loss or Decimal(0),
        take_profit=question.take_profit,
        requested_lots=question.lots,
    )
    terms = read_state(facts, bot, None, draft, caller, at).terms
    if terms is None:
        raise Impossible("SYMBOL_UNKNOWN", f"The broker has not told what {question.symbol} is.", "symbol")
    entry = question.entry_price or (terms.ask if question.side == BUY else terms.bid)
    if entry is None:
        raise Impossible("PRICE_UNKNOWN", "There is no fresh quote: say the entry_price you think of.", "entry_price")
    stop = question.stop_loss if question.stop_loss is not None else _stop_by_pips(question, terms, entry)
    return ApprovalRequest(
        bot_id="-",
        symbol=question.symbol,
        direction=question.side,
        entry_price=entry,
        stop_loss=stop,
        take_profit=question.take_profit,
        requested_lots=question.lots,
    )


def _stop_by_pips(question: Question, terms: SymbolTerms, entry: Decimal) -> Decimal:
    """Return the stop on the tick at or beyond the distance: the estimate is never too kind."""
    pip = find_pip_size(terms.name, digits=terms.digits, point=terms.point, calc_mode=terms.calc_mode)
    distance = (question.stop_loss_pips or Decimal(0)) * pip
    price = entry - distance if question.side == BUY else entry + distance
    away = ROUND_FLOOR if question.side == BUY else ROUND_CEILING
    return (price / terms.tick_size).to_integral_value(away) * terms.tick_size


def _correlation(asked: Asked, state: RiskState, facts: AccountFacts, verdict: Verdict) -> str:
    if any(check.name == "correlation" and check.status == FAILED for check in verdict.checks):
        return FAIL
    known = [
        effective_correlation(asked.symbol, asked.side, held, side, state.correlations)
        for held, side in state.held_sides.items()
        if held == asked.symbol or held in state.correlations
    ]
    highest = max(known, default=Decimal(-1))
    if highest > (facts.limits.max_correlation or LIMIT):
        return FAIL
    return WARN if highest >= NOTED or len(known) < len(state.held_sides) else PASS


def _loss_of(asked: Asked, terms: SymbolTerms | None) -> Decimal | None:
    if terms is None or asked.stop_loss == asked.entry_price:
        return None
    try:
        _, _, loss = loss_per_lot(terms, entry_price=asked.entry_price, stop_loss=asked.stop_loss)
    except (SizingRefused, ArithmeticError):
        return None
    return loss * asked.requested_lots


def _notional(asked: Asked, terms: SymbolTerms | None) -> Decimal | None:
    if terms is None:
        return None
    units = asked.requested_lots * terms.contract_size
    if terms.converts_at_stop:
        return units  # the base currency is the account's
    return None if terms.profit_rate is None else units * asked.entry_price * terms.profit_rate
