"""What a challenge simulation says: one outcome a phase, one row a day, and how near each floor came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum


class Status(StrEnum):
    """How a phase ended. A phase without a target (a funded account) that nobody broke stays UNFINISHED."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    UNFINISHED = "UNFINISHED"


class Reason(StrEnum):
    """Why a phase ended as it did."""

    TARGET = "TARGET"
    DAILY_LOSS = "DAILY_LOSS"
    MAX_LOSS = "MAX_LOSS"
    TIME_LIMIT = "TIME_LIMIT"
    INACTIVITY = "INACTIVITY"
    END_OF_DATA = "END_OF_DATA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """The figure that ended a phase: equity against its floor, or days against their limit."""

    rule: Reason
    day: date
    at: datetime
    figure: Decimal
    limit: Decimal

    def sentence(self) -> str:
        """Say it in words."""
        when = f"{self.at:%Y-%m-%d %H:%M} UTC"
        if self.rule is Reason.TIME_LIMIT:
            return f"day {self.figure:f} began ({when}); the target had to be reached within {self.limit:f} days"
        if self.rule is Reason.INACTIVITY:
            return f"no trade was opened for {self.figure:f} days ({when}); {self.limit:f} are allowed"
        name = "daily loss" if self.rule is Reason.DAILY_LOSS else "maximum loss"
        return f"{name}: equity {self.figure:.2f} against a floor of {self.limit:.2f} ({when})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """The moment at which equity was nearest to a floor; ``room`` is below zero where it broke it."""

    rule: Reason
    day: date
    at: datetime
    equity: Decimal
    floor: Decimal

    @property
    def room(self) -> Decimal:
        return self.equity - self.floor


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRow:
    """One trading day of the account. ``profit`` is closed profit; floors are those at the day's start."""

    day: date
    start_balance: Decimal
    profit: Decimal
    end_equity: Decimal
    lowest_equity: Decimal
    daily_floor: Decimal | None
    total_floor: Decimal | None
    entries: int
    is_paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOutcome:
    """
    How one phase went.

    ``days`` counts calendar days from the first to the last, both included; ``trading_days`` those with an entry. ``waits_for`` says
    what an unfinished phase still lacked. ``weekends_held`` counts weekends with an open position where the pack forbids it.
    """

    phase: str
    status: Status
    reason: Reason
    breach: Breach | None
    started_on: date | None
    ended_on: date | None
    days: int
    trading_days: int
    paused_days: int
    start_balance: Decimal
    end_balance: Decimal
    best_day: Decimal
    rows: tuple[DayRow, ...]
    approaches: tuple[Approach, ...]
    waits_for: tuple[str, ...] = ()
    weekends_held: int = 0

    @property
    def profit(self) -> Decimal:
        return self.end_balance - self.start_balance


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeReport:
    """
    A backtest against a rule pack, phase after phase until one is not passed.

    ``measured`` says whether equity was known inside the bars (`extremes`) or only at their closes; ``not_judged`` names rules of
    the pack nobody could judge from a backtest.
    """

    pack_id: str
    pack_hash: str
    size: Decimal
    risk_scale: float
    measured: str
    phases: tuple[PhaseOutcome, ...]
    target_phases: int
    not_judged: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether every phase with a target was passed; what became of the funded account is its own phase."""
        return self.target_phases > 0 and self.target_phases == sum(o.status is Status.PASSED for o in self.phases)

    @property
    def days(self) -> int:
        """Return the calendar days all phases with a target took so far."""
        return sum(outcome.days for outcome in self.phases[: self.target_phases])
