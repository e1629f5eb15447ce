"""Where an account stands now, in the figures of the Mikrobot family. Nothing is written, nothing locked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import combinations

from apps.accounts.models import Account, AccountSnapshot
from apps.risk.services.facts import AccountFacts
from apps.risk.services.levels import count_at_risk, stand_now
from apps.risk.services.surroundings import known_correlations
from apps.risk.services.validating import read_facts_now
from trading.risk.levels import RiskLevel, show_level
from trading.risk.limits import Limits
from trading.risk.pairs import effective_correlation

ZERO = Decimal(0)
LATCHES = ("platform_latch", "team_latch", "account_latch", "breach_latch", "day_latch")


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskStatus:
    """
    Fractions of 1; None where nobody can say: before the first view of a day, or where what is open may lose anything.

    ``daily_used``: what the day has lost and what is open and reserved may lose at its stops, of what the day started from; the
    limit is of the same. ``correlation``: the largest of two symbols that are held, by direction, never below 0; an unknown pair is 1.
    """

    account: Account
    limits: Limits
    snapshot: AccountSnapshot | None
    daily_used: Decimal | None
    daily_limit: Decimal | None
    drawdown: Decimal | None
    drawdown_limit: Decimal
    positions: int | None
    correlation: Decimal | None
    level: RiskLevel
    compliant: bool
    at: datetime


def read_status(account: Account, at: datetime) -> RiskStatus:
    """
    Return where the account stands.

    :raises Impossible: LIMITS_BROKEN where its limits cannot be read.
    """
    held = {str(row["symbol"]) for row in _positions(account)}
    facts = read_facts_now(account, held, at)
    standing, risk = stand_now(facts), facts.risk
    latched = any(getattr(risk, name) for name in LATCHES)
    used = standing.used if standing else ZERO
    level = show_level(RiskLevel(risk.level), used, latched=latched, halted_fraction=facts.limits.halted_fraction)
    reference = standing.daily_reference if standing else None
    return RiskStatus(
        account=account,
        limits=facts.limits,
        snapshot=facts.snapshot,
        daily_used=_used(facts, reference),
        daily_limit=standing.daily_limit / reference if standing and reference else None,
        drawdown=max(ZERO, standing.total_loss) / account.initial_balance if standing else None,
        drawdown_limit=standing.total_limit / account.initial_balance
        if standing
        else facts.limits.total_drawdown_fraction,
        positions=len(facts.snapshot.positions) if facts.snapshot else None,
        correlation=_correlation(facts, facts.risk.market_at or at),
        level=level,
        at=at,
        compliant=not risk.breach_latch and not risk.day_latch and used < 1,
    )


def _positions(account: Account) -> list[dict[str, object]]:
    row = AccountSnapshot.objects.filter(account=account).only("positions").first()
    return row.positions if row else []


def _used(facts: AccountFacts, reference: Decimal | None) -> Decimal | None:
    standing = stand_now(facts)
    if standing is None or not reference or facts.exposure.problem:
        return None
    return max(ZERO, standing.daily_loss + count_at_risk(facts)) / reference


def _correlation(facts: AccountFacts, market_at: datetime) -> Decimal | None:
    if facts.snapshot is None:
        return None
    held = facts.held_sides()
    pairs = (
        effective_correlation(one, held[one], other, held[other], known_correlations(facts, one, market_at))
        for one, other in combinations(sorted(held), 2)
    )
    return max((ZERO, *pairs))
