"""What is asked of the judge, what it looks at, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from trading.risk.exposure import Exposure
from trading.risk.sizing import Sizing, SymbolTerms

ZERO: Final = Decimal(0)
PASSED, FAILED, SKIPPED, WARNED = "PASSED", "FAILED", "SKIPPED", "WARNED"
APPROVED, JUDGE_ERROR = "APPROVED", "JUDGE_ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A trade someone wants to open. ``executor_id``, ``fence`` and ``halt_epoch`` are a managed bot's proof of its lease."""

    symbol: str
    side: str
    entry_price: Decimal
    stop_loss: Decimal
    requested_lots: Decimal
    take_profit: Decimal | None = None
    executor_id: str | None = None
    fence: int | None = None
    halt_epoch: int | None = None
    generation: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskState:
    """
    All the judge knows of an account and a bot. Times ending in ``_at`` or ``_until`` are aware.

    ``latches`` are (name, reason) of what is set. ``held`` counts reservations whose position no snapshot shows yet;
    ``reserved`` is their money. ``peak`` is the highest balance or equity, as the drawdown mode wants.

    ``correlations`` are of the asked symbol with those held, ``held_sides`` in which direction each is held (BUY, SELL, BOTH).
    ``currency_risk`` is the signed money at risk by currency of all that is held, ``currency_unknown`` that of symbols whose
    currencies nobody told. ``opposite`` says which other account holds the instrument the other way, where that is forbidden.
    ``day_profit`` is the day's, ``total_profit`` and ``best_day`` are of the ended days of the phase, ``days_traded`` counts
    those with an entry. ``news_at`` is the release that matters most now, ``news_covered`` whether the calendar reaches here.
    """

    latches: tuple[tuple[str, str], ...]
    halt_epoch: int
    bot_status: str
    bot_managed: bool
    bot_tags: tuple[str, ...] = ()
    bot_breaker: str | None = None  # why its circuit breaker is open
    assignment_desired: str | None = None
    assignment_generation: int | None = None
    entries_allowed: bool = True
    lease_executor_id: str | None = None
    lease_until: datetime | None = None
    fence: int = 0
    day: date | None
    day_ends_at: datetime | None
    day_balance: Decimal
    day_equity: Decimal
    peak: Decimal
    initial_balance: Decimal
    reserved: Decimal
    reserved_by_symbol: Mapping[str, Decimal] = field(default_factory=dict)
    held: int
    risked_today: Decimal
    snapshot_at: datetime | None
    snapshot_complete: bool
    trade_allowed: bool
    balance: Decimal
    equity: Decimal
    free_margin: Decimal | None
    exposure: Exposure
    terms: SymbolTerms | None
    correlations: Mapping[str, Decimal] = field(default_factory=dict)
    held_sides: Mapping[str, str] = field(default_factory=dict)
    currency_risk: Mapping[str, Decimal] = field(default_factory=dict)
    currency_unknown: Decimal = ZERO
    opposite: str = ""
    day_profit: Decimal = ZERO
    total_profit: Decimal = ZERO
    best_day: Decimal = ZERO
    days_traded: int = 0
    news_covered: bool = True
    news_at: datetime | None = None
    news_what: str = ""
    fresh_s: int = 15


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and how it came out, with the figures it was decided by."""

    name: str
    status: str
    figures: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The judge's answer. ``lots`` and ``risk_amount`` are zero unless approved; ``risk_fraction`` is of the risk base.

    ``reason_code`` is APPROVED or the code of the first rule that failed; ``message`` is a sentence for people.
    ``shadow_codes`` are those of limits that only watch, and would have denied.
    """

    approved: bool
    reason_code: str
    message: str | None
    lots: Decimal = ZERO
    risk_amount: Decimal = ZERO
    risk_fraction: Decimal = ZERO
    sizing: Sizing | None = None
    warnings: tuple[str, ...] = ()
    shadow_codes: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()


class Denied(Exception):
    """Raised by a check that fails."""

    def __init__(self, code: str, message: str, **figures: object) -> None:
        super().__init__(message)
        self.code, self.message, self.figures = code, message, figures
