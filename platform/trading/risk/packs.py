"""
Rule packs: a firm's limits, dated and sourced, as frozen values. `trading.risk.pack_document` reads them.

Firms change their rules often, so a pack is never truth: it says where each figure was read (`sources`), how sure that is
(`confidence`), what sources disagree on (`conflict`), what was assumed (`assumptions`) and what nobody stated (`gaps`). All fractions
are of 1; money is in the account's currency.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from trading.errors import TradingError
from trading.risk.days import MIDNIGHT, SERVER_ZONE, Day, day_at
from trading.risk.floors import reference_of, share_of, total_floor_of
from trading.risk.limits import BALANCE, HARD, INITIAL, STATIC, Limits

ZERO: Final = Decimal(0)


class InvalidPack(TradingError):
    """A rule pack with unknown names or values that can never be right."""

    code = "PACK_INVALID"


class IncompletePack(TradingError):
    """A rule pack that leaves open what it is asked for; ``extra["gaps"]`` lists what."""

    code = "PACK_INCOMPLETE"


class Stage(StrEnum):
    """Whether a phase is still an examination, or the account that was earned by it."""

    EVALUATION = "EVALUATION"
    FUNDED = "FUNDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a pack's figures were read, and when."""

    url: str
    seen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A share of a balance, or a table of money by account size. One of both."""

    fraction: Decimal | None = None
    by_size: tuple[tuple[Decimal, Decimal], ...] = ()

    def of(self, base: Decimal, *, size: Decimal) -> Decimal:
        """
        Return the money.

        :param base: what the fraction is of.
        :param size: the account's initial balance, the key of the table.
        :raises IncompletePack: if the firm sells no account of that size; ``extra["sizes"]`` says which.
        """
        if self.fraction is not None:
            return self.fraction * base
        for known, money in self.by_size:
            if known == size:
                return money
        sizes = [f"{known:f}" for known, _ in self.by_size]
        raise IncompletePack(
            f"this firm sells accounts of {', '.join(sizes)}, not of {size:f}", field="size", extra={"sizes": sizes}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """
    One step of a program. ``target`` is the closed profit that ends it, None where nothing does (a funded account).

    ``min_trading_days`` counts days with at least one entry; ``min_profitable_days`` counts days that closed at least
    ``profitable_day_fraction`` of the initial balance in profit; ``time_limit_days`` are calendar days.
    """

    name: str
    stage: Stage
    target: Allowance | None = None
    min_trading_days: int = 0
    min_profitable_days: int = 0
    profitable_day_fraction: Decimal = ZERO
    time_limit_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyLoss:
    """
    What may be lost in one trading day, measured on equity.

    ``kind`` HARD loses the account, PAUSE stops trading until the next reset. ``base``: what the day starts from, taken at the reset.
    ``phases``: names of the phases it holds in, empty for all. ``optional``: the trader may buy the account without it.
    """

    kind: str
    allowance: Allowance
    fraction_of: str = INITIAL
    base: str = BALANCE
    phases: tuple[str, ...] = ()
    optional: bool = False

    @property
    def is_hard(self) -> bool:
        return self.kind == HARD

    def reference(self, *, balance: Decimal, equity: Decimal) -> Decimal:
        """Return what the day starts from, of balance and equity at the reset."""
        return reference_of(self.base, balance=balance, equity=equity)

    def limit(self, *, initial: Decimal, reference: Decimal) -> Decimal:
        """Return what may be lost in a day that starts from ``reference``."""
        if self.allowance.fraction is None:
            return self.allowance.of(initial, size=initial)
        return share_of(self.allowance.fraction, self.fraction_of, initial=initial, reference=reference)

    def floor(self, *, initial: Decimal, balance: Decimal, equity: Decimal) -> Decimal:
        """Return the equity that may not be undercut before the next reset, of balance and equity at the last one."""
        reference = self.reference(balance=balance, equity=equity)
        return reference - self.limit(initial=initial, reference=reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxLoss:
    """What may be lost in all, measured on equity, from a floor that stands still or follows a peak (`mode`)."""

    mode: str
    allowance: Allowance
    locks_at_initial: bool = False
    phases: tuple[str, ...] = ()

    @property
    def is_static(self) -> bool:
        return self.mode == STATIC

    def floor(self, *, initial: Decimal, peak: Decimal) -> Decimal:
        """Return the equity that may never be undercut; ``peak`` is the highest balance or equity so far, as the mode wants."""
        return total_floor_of(
            self.mode,
            locks_at_initial=self.locks_at_initial,
            initial=initial,
            peak=peak,
            allowance=self.allowance.of(initial, size=initial),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """No day may bring more than a share of the total profit: nobody fails by it, the phase (or payout) waits until it is met."""

    best_day_fraction: Decimal
    applies: tuple[str, ...] = ()

    def limit(self, total_profit: Decimal) -> Decimal:
        """Return the most one day may have brought, of what all days brought together."""
        return self.best_day_fraction * max(total_profit, ZERO)

    def is_met(self, day_profits: Sequence[Decimal]) -> bool:
        """
        Say whether the best day is within the share of the total.

        >>> rule = Consistency(best_day_fraction=Decimal("0.40"))
        >>> rule.is_met([Decimal(day) for day in (500, 550, -150, 600, 400)])      # 600 of 1,900; 760 allowed
        True
        """
        best = max(day_profits, default=ZERO)
        return best <= ZERO or best <= self.limit(sum(day_profits, ZERO))


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What is not done around news releases, from ``before_s`` before to ``after_s`` after; ``allowed`` forbids nothing."""

    action: str
    phases: tuple[str, ...] = ()
    before_s: int | None = None
    after_s: int | None = None
    scope: str = ""
    swing_exempt: bool = False
    holding_allowed_if_opened_earlier: bool = False

    @property
    def restricts(self) -> bool:
        return self.action != "allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekend:
    """Whether positions may stay open over the weekend; None where the firm does not say."""

    evaluation: bool | None = None
    funded: bool | None = None
    funded_swing: bool | None = None

    def may_hold(self, stage: Stage, *, swing: bool = False) -> bool | None:
        """Return the rule of a stage, on a swing account where ``swing``."""
        if stage is Stage.EVALUATION:
            return self.evaluation
        return self.funded_swing if swing and self.funded_swing is not None else self.funded


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatBy:
    """The time of the wall clock by which everything is closed, every day."""

    time: time
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PerTrade:
    """What every trade must have."""

    stop_loss_required: bool = False
    stop_loss_within_s: int | None = None
    max_risk_fraction: Decimal | None = None
    max_open_risk_fraction: Decimal | None = None
    phases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePack:
    """
    A firm's program: its phases and the rules that hold in them.

    ``breach_on_touch``: equity on the floor is already a breach; otherwise only below it. ``forbids_opposite_positions``: no
    instrument may be held long on one account and short on another of the same owner.
    """

    pack_id: str
    firm: str
    program: str
    phases: tuple[Phase, ...]
    daily_loss: DailyLoss | None
    max_loss: MaxLoss | None
    consistency: Consistency | None = None
    news: News | None = None
    weekend: Weekend = Weekend()
    per_trade: PerTrade | None = None
    flat_by: FlatBy | None = None
    zone: str = SERVER_ZONE
    resets: time = MIDNIGHT
    inactivity_days: int | None = None
    time_limit_days: int | None = None
    breach_on_touch: bool = False
    forbids_opposite_positions: bool = False
    confidence: str = ""
    conflict: str = ""
    assumptions: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()

    def day_at(self, market_at: datetime) -> Day:
        """Return the trading day of this firm that holds the instant."""
        return day_at(market_at, self.zone, self.resets)

    def phase(self, name: str) -> Phase:
        """
        Return a phase by its name.

        :raises InvalidPack: if there is none of that name.
        """
        for phase in self.phases:
            if phase.name == name:
                return phase
        known = [phase.name for phase in self.phases]
        raise InvalidPack(f"{self.pack_id} has no phase {name!r}", field="phase", extra={"allowed": known})

    def daily_loss_in(self, phase: Phase) -> DailyLoss | None:
        """Return the daily rule that holds in a phase."""
        return self.daily_loss if self.daily_loss and holds_in(self.daily_loss.phases, phase) else None

    def max_loss_in(self, phase: Phase) -> MaxLoss | None:
        """Return the total rule that holds in a phase."""
        return self.max_loss if self.max_loss and holds_in(self.max_loss.phases, phase) else None

    def consistency_in(self, phase: Phase) -> Consistency | None:
        """Return the consistency rule a phase waits for before it is passed."""
        rule = self.consistency
        return rule if rule and holds_in(rule.applies, phase) else None

    def news_in(self, phase: Phase) -> News | None:
        """Return the news rule of a phase, where it forbids anything."""
        return self.news if self.news and self.news.restricts and holds_in(self.news.phases, phase) else None

    def require_complete(self) -> None:
        """:raises IncompletePack: if the firm left a figure open that a judgement needs."""
        if self.gaps:
            raise IncompletePack(
                f"{self.pack_id} leaves open {', '.join(self.gaps)}: enter the figures your account was sold with",
                field=self.gaps[0],
                extra={"gaps": list(self.gaps)},
            )

    def limits(self, phase: Phase, *, initial: Decimal, own: Limits) -> Limits:
        """
        Return an account's limits with the firm's figures in them; where the firm has no rule, the account's ``own`` stands.

        :raises IncompletePack: if the pack does not say, or not for an account of that size.
        """
        self.require_complete()
        daily, total = self.daily_loss_in(phase), self.max_loss_in(phase)
        changes: dict[str, Any] = {}
        if daily:
            changes |= {"daily_base": daily.base, "daily_fraction_of": daily.fraction_of, "daily_kind": daily.kind}
            changes["daily_loss_fraction"] = _fraction(daily.allowance, initial)
        if total:
            changes |= {"drawdown_mode": total.mode, "drawdown_locks_at_initial": total.locks_at_initial}
            changes["total_drawdown_fraction"] = _fraction(total.allowance, initial)
        return replace(own, **changes)

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of what the pack decides: names, sources and remarks do not change it."""
        text = json.dumps(_plain(self, _DECIDES_NOTHING), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def holds_in(names: tuple[str, ...], phase: Phase) -> bool:
    """
    Say whether a rule for ``names`` holds in a phase: by the phase's own name, by its stage, or everywhere where there are none.

    >>> holds_in(("payout",), Phase(name="challenge", stage=Stage.EVALUATION))
    False
    """
    return not names or phase.name in names or bool(_STAGE_WORDS[phase.stage].intersection(names))


def _fraction(allowance: Allowance, initial: Decimal) -> Decimal:
    return allowance.fraction if allowance.fraction is not None else allowance.of(initial, size=initial) / initial


def _plain(value: Any, left_out: frozenset[str] = frozenset()) -> Any:
    if is_dataclass(value):
        return {
            f.name: _plain(getattr(value, f.name))
            for f in fields(value)
            if f.name not in left_out and (f.name, getattr(value, f.name)) not in _CAME_LATER
        }
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, time) else value


_DECIDES_NOTHING: Final = frozenset(
    {"pack_id", "firm", "program", "confidence", "conflict", "assumptions", "gaps", "sources"}
)
_CAME_LATER: Final = frozenset(
    {("forbids_opposite_positions", False)}
)  # so that the hashes of before stay as they were
_STAGE_WORDS: Final = {
    Stage.EVALUATION: frozenset({"all", "evaluation", "challenge"}),
    Stage.FUNDED: frozenset({"all", "funded", "funded_standard", "reward", "payout"}),
}
