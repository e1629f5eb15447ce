"""How near an account is to its limits, and what the families of our specs call that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from trading.risk.floors import reference_of, share_of, total_floor_of
from trading.risk.limits import Limits

ZERO: Final = Decimal(0)


class RiskLevel(StrEnum):
    """By share of the limit used, the larger of the daily and the total one; any latch is HALTED."""

    SAFE = "SAFE"
    CAUTION = "CAUTION"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    HALTED = "HALTED"

    @property
    def rank(self) -> int:
        """Return the place in the order from SAFE (0) to HALTED (4)."""
        return _RANKS[self]

    @property
    def light(self) -> str:
        """Return the traffic light."""
        return _LIGHTS[self]

    @property
    def mikrobot(self) -> str:
        """Return the word of the Mikrobot family: LOW, MEDIUM, HIGH or CRITICAL."""
        return _MIKROBOT[self]


_RANKS = {level: rank for rank, level in enumerate(RiskLevel)}
_LIGHTS = {
    RiskLevel.SAFE: "GREEN",
    RiskLevel.CAUTION: "YELLOW",
    RiskLevel.WARNING: "ORANGE",
    RiskLevel.CRITICAL: "RED",
    RiskLevel.HALTED: "BLACK",
}
_MIKROBOT = {
    RiskLevel.SAFE: "LOW",
    RiskLevel.CAUTION: "MEDIUM",
    RiskLevel.WARNING: "HIGH",
    RiskLevel.CRITICAL: "CRITICAL",
    RiskLevel.HALTED: "CRITICAL",
}
STEPS: Final = (Decimal("0.50"), Decimal("0.70"), Decimal("0.75"), Decimal("0.85"), Decimal("0.95"))
"""Shares of a limit at which an event is written, each once a day."""
LEAVE_BELOW: Final = Decimal("0.05")
"""A level is left only this far below the share at which it is entered."""
STAY: Final = timedelta(seconds=60)
"""And only after the share has been that low for so long, by the market's clock."""


def level_of(used_fraction: Decimal, *, latched: bool, halted_fraction: Decimal = Decimal("0.95")) -> RiskLevel:
    """
    Return the level for a share of the limit used (1 is the whole limit).

    >>> level_of(Decimal("0.75"), latched=False).light
    'ORANGE'
    """
    if latched or used_fraction >= halted_fraction:
        return RiskLevel.HALTED
    if used_fraction >= Decimal("0.85"):
        return RiskLevel.CRITICAL
    if used_fraction >= Decimal("0.70"):
        return RiskLevel.WARNING
    return RiskLevel.CAUTION if used_fraction >= Decimal("0.50") else RiskLevel.SAFE


@dataclass(frozen=True, slots=True)
class KeptLevel:
    """A level that does not flicker: what is shown, and since when the share would have allowed a milder one."""

    level: RiskLevel = RiskLevel.SAFE
    calm_since: datetime | None = None


def follow_level(
    before: KeptLevel,
    used_fraction: Decimal,
    *,
    worst_fraction: Decimal = ZERO,
    halted_fraction: Decimal = Decimal("0.95"),
    market_at: datetime,
) -> KeptLevel:
    """
    Return the level after a new view of the account. It rises at once; it falls when the share has been 5 points below
    the level's own entry for a minute of market time. It is never milder than the share itself says.

    :param used_fraction: the share of the limit that is lost.
    :param worst_fraction: that share if every stop is hit; from a half on the level is at least CAUTION.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 3, 4, 12, tzinfo=UTC)
    >>> orange = follow_level(KeptLevel(), Decimal("0.71"), market_at=noon)
    >>> eased = follow_level(orange, Decimal("0.64"), market_at=noon)
    >>> eased.level.light, follow_level(eased, Decimal("0.64"), market_at=noon + STAY).level.light
    ('ORANGE', 'YELLOW')
    """
    now = _level_with_worst(used_fraction, worst_fraction, halted_fraction)
    if now.rank >= before.level.rank:
        return KeptLevel(now)
    eased = _level_with_worst(used_fraction + LEAVE_BELOW, worst_fraction + LEAVE_BELOW, halted_fraction)
    if eased.rank >= before.level.rank:
        return KeptLevel(before.level)
    calm_since = before.calm_since or market_at
    if market_at - calm_since >= STAY:
        return KeptLevel(eased)
    return KeptLevel(before.level, calm_since)


def show_level(
    kept: RiskLevel, used_fraction: Decimal, *, latched: bool, halted_fraction: Decimal = Decimal("0.95")
) -> RiskLevel:
    """
    Return the level to show now: the kept one, or the share's own where that is worse by now; any latch is HALTED.

    >>> show_level(RiskLevel.WARNING, Decimal("0.66"), latched=False).light
    'ORANGE'
    """
    now = level_of(used_fraction, latched=latched, halted_fraction=halted_fraction)
    return now if now.rank >= kept.rank else kept


def _level_with_worst(used_fraction: Decimal, worst_fraction: Decimal, halted_fraction: Decimal) -> RiskLevel:
    level = level_of(used_fraction, latched=False, halted_fraction=halted_fraction)
    return RiskLevel.CAUTION if level is RiskLevel.SAFE and worst_fraction >= STEPS[0] else level


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an account stands against its floors; all money in the account's currency."""

    daily_reference: Decimal
    daily_limit: Decimal
    daily_floor: Decimal
    daily_loss: Decimal  # below zero: a profit
    daily_used: Decimal  # fraction of the limit, at least 0
    total_limit: Decimal
    total_floor: Decimal
    total_loss: Decimal
    total_used: Decimal

    @property
    def used(self) -> Decimal:
        return max(self.daily_used, self.total_used)

    def worst_used(self, at_risk: Decimal) -> Decimal:
        """Return the larger share of a limit that is used once ``at_risk`` more is lost [account currency]."""
        parts = ((self.daily_loss, self.daily_limit), (self.total_loss, self.total_limit))
        return max(max(ZERO, loss + at_risk) / limit if limit > 0 else Decimal(1) for loss, limit in parts)

    @property
    def room(self) -> Decimal:
        """Return what may still be lost before the nearer floor, below zero once it is broken."""
        return min(self.daily_limit - self.daily_loss, self.total_limit - self.total_loss)


def day_reference(limits: Limits, *, balance: Decimal, equity: Decimal) -> Decimal:
    """Return what the day starts from, by the limits' own rule."""
    return reference_of(limits.daily_base, balance=balance, equity=equity)


def daily_limit(limits: Limits, *, reference: Decimal, initial_balance: Decimal) -> Decimal:
    """Return what may be lost in a day that starts from ``reference``."""
    return share_of(limits.daily_loss_fraction, limits.daily_fraction_of, initial=initial_balance, reference=reference)


def total_floor(limits: Limits, *, initial_balance: Decimal, peak: Decimal) -> Decimal:
    """
    Return the equity that may never be undercut.

    :param peak: the highest balance or equity so far, as the mode wants; the initial balance where it is lower.

    >>> from trading.risk.limits import default_limits
    >>> total_floor(default_limits(mode="PAPER", account_size=Decimal(1000)), initial_balance=Decimal(1000), peak=ZERO)
    Decimal('950.00')
    """
    allowance = limits.total_drawdown_fraction * initial_balance
    return total_floor_of(
        limits.drawdown_mode,
        locks_at_initial=limits.drawdown_locks_at_initial,
        initial=initial_balance,
        peak=peak,
        allowance=allowance,
    )


def stand(
    limits: Limits,
    *,
    initial_balance: Decimal,
    day_balance: Decimal,
    day_equity: Decimal,
    peak: Decimal,
    equity: Decimal,
) -> Standing:
    """Return where the account stands now."""
    reference = day_reference(limits, balance=day_balance, equity=day_equity)
    limit = daily_limit(limits, reference=reference, initial_balance=initial_balance)
    allowance = limits.total_drawdown_fraction * initial_balance
    floor = total_floor(limits, initial_balance=initial_balance, peak=peak)
    total_loss = floor + allowance - equity
    return Standing(
        daily_reference=reference,
        daily_limit=limit,
        daily_floor=reference - limit,
        daily_loss=reference - equity,
        daily_used=max(ZERO, reference - equity) / limit if limit > 0 else Decimal(1),
        total_limit=allowance,
        total_floor=floor,
        total_loss=total_loss,
        total_used=max(ZERO, total_loss) / allowance if allowance > 0 else Decimal(1),
    )
