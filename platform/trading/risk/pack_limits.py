"""An account under a rule pack: the limits that come out, what nothing enforces, and what a newer version changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any, Final

from trading.risk.limits import (
    STATIC,
    TRAILING_CLOSED,
    TRAILING_EOD,
    TRAILING_INTRADAY,
    Limits,
    default_limits,
)
from trading.risk.packs import News, PerTrade, Phase, RulePack, Weekend, holds_in

# A peak that is measured more often stands at least as high, and its floor with it.
_BY_STRICTNESS: Final = (STATIC, TRAILING_EOD, TRAILING_CLOSED, TRAILING_INTRADAY)
_PROHIBITED: Final = "prohibit"
"""How a pack's news rule begins where it forbids trading itself, and not only a kind of order or a part of the profit."""


def limits_under(pack: RulePack, phase: Phase, *, initial: Decimal, own: Limits) -> Limits:
    """
    Return what holds for an account in a phase of a pack: the strictest of the firm, the account and RiskMind's matrix.

    Kind and base of the daily rule are the firm's, and the account's own fractions are read on them. The floor of the total rule
    follows whichever peak stands higher. Where the firm has no rule, the account's own stands.

    :param initial: the account's initial balance [account currency], the size that was bought.
    :param own: the limits the account has by itself.
    :raises IncompletePack: if the pack leaves a figure open, or the firm sells no account of that size.
    """
    firm, matrix = pack.limits(phase, initial=initial, own=own), matrix_ceiling(initial)
    trade = _per_trade(pack, phase)
    per_trade = (trade.max_risk_fraction if trade else None, own.max_risk_per_trade_fraction, matrix.per_trade)
    return replace(
        firm,
        daily_loss_fraction=min(firm.daily_loss_fraction, own.daily_loss_fraction, matrix.daily),
        total_drawdown_fraction=min(firm.total_drawdown_fraction, own.total_drawdown_fraction),
        max_risk_per_trade_fraction=min(part for part in per_trade if part is not None),
        max_daily_risk_fraction=min(own.max_daily_risk_fraction or matrix.daily, matrix.daily),
        drawdown_mode=max(firm.drawdown_mode, own.drawdown_mode, key=_BY_STRICTNESS.index),
        drawdown_locks_at_initial=_locks(firm, own),
        **_of_firms_only(pack, phase, initial=initial, own=own),
    )


def _per_trade(pack: RulePack, phase: Phase) -> PerTrade | None:
    return pack.per_trade if pack.per_trade and holds_in(pack.per_trade.phases, phase) else None


def _of_firms_only(pack: RulePack, phase: Phase, *, initial: Decimal, own: Limits) -> dict[str, Any]:
    """Return what firms ask beyond losses, each the stricter of the firm's and the account's own."""
    trade, rule, news = _per_trade(pack, phase), pack.consistency_in(phase), forbidden_news(pack, phase)
    target = phase.target.of(initial, size=initial) / initial if phase.target else None
    return {
        "max_open_risk_fraction": _least(trade.max_open_risk_fraction if trade else None, own.max_open_risk_fraction),
        "consistency_fraction": _least(rule.best_day_fraction if rule else None, own.consistency_fraction),
        "profit_target_fraction": target if target is not None else own.profit_target_fraction,
        "min_trading_days": _most(phase.min_trading_days or None, own.min_trading_days),
        "news_before_s": _most(news.before_s if news else None, own.news_before_s),
        "news_after_s": _most(news.after_s if news else None, own.news_after_s),
        "weekend_holding": own.weekend_holding and pack.weekend.may_hold(phase.stage) is not False,
        "flat_by": f"{pack.flat_by.time:%H:%M} {pack.flat_by.zone}" if pack.flat_by else own.flat_by,
        "forbid_opposite_positions": own.forbid_opposite_positions or pack.forbids_opposite_positions,
    }


def forbidden_news(pack: RulePack, phase: Phase) -> News | None:
    """Return the news rule of a phase where it says when nothing is opened; other kinds no approval can hold anybody to."""
    news = pack.news_in(phase)
    timed = news is not None and (news.before_s is not None or news.after_s is not None)
    return news if news and timed and news.action.startswith(_PROHIBITED) else None


def _least(*parts: Decimal | None) -> Decimal | None:
    return min((part for part in parts if part is not None), default=None)


def _most(*parts: int | None) -> int | None:
    return max((part for part in parts if part is not None), default=None)


def _locks(firm: Limits, own: Limits) -> bool:
    # A floor that stands still cannot lock, so only those that trail have a say; one that goes on trailing is stricter.
    trailing = [each for each in (firm, own) if each.drawdown_mode != STATIC]
    return bool(trailing) and all(each.drawdown_locks_at_initial for each in trailing)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The upper end of RiskMind's matrix for a size of account: risk of one trade, and of a day."""

    per_trade: Decimal
    daily: Decimal


def matrix_ceiling(account_size: Decimal) -> Ceiling:
    """
    Return the most RiskMind's matrix allows an account under a firm's rules (TRD §3.1); its lower end is the default.

    >>> matrix_ceiling(Decimal(100_000))
    Ceiling(per_trade=Decimal('0.005'), daily=Decimal('0.025'))
    """
    daily = default_limits(mode="PROP_FIRM", account_size=account_size).daily_loss_fraction
    return Ceiling(per_trade=Decimal("0.005") if account_size >= 100_000 else Decimal("0.01"), daily=daily)


def list_unenforced(pack: RulePack, phase: Phase) -> list[str]:
    """Return what the firm demands in a phase and no check of an approval can hold anybody to, in sentences."""
    return [*_of_the_phase(pack, phase), *_of_every_day(pack, phase)]


def _of_the_phase(pack: RulePack, phase: Phase) -> Iterator[str]:
    if phase.target is not None:
        share = phase.target.fraction
        yield f"Profit target: {_percent(share)}." if share is not None else "Profit target: money by account size."
    if phase.min_trading_days:
        yield f"At least {phase.min_trading_days} trading days."
    if phase.min_profitable_days:
        least = _percent(phase.profitable_day_fraction)
        yield f"At least {phase.min_profitable_days} days that close with {least} of the initial balance in profit."
    days = [days for days in (phase.time_limit_days, pack.time_limit_days) if days]
    if days:
        yield f"Time limit: {min(days)} days."
    if pack.inactivity_days:
        yield f"The account ends after {pack.inactivity_days} days without a trade."
    rule = pack.consistency_in(phase)
    if rule and phase.target is None:
        yield f"Consistency: no day may bring more than {_percent(rule.best_day_fraction)} of the total profit."


def _of_every_day(pack: RulePack, phase: Phase) -> Iterator[str]:
    news = pack.news_in(phase)
    if news and not forbidden_news(pack, phase):
        around = f" from {news.before_s or 0} s before to {news.after_s or 0} s after" if news.before_s else ""
        yield f"News{around}: {news.action.replace('_', ' ')}{f' ({news.scope})' if news.scope else ''}."
    if pack.weekend.may_hold(phase.stage) is False:
        yield "No position may stay open over the weekend: nothing is opened shortly before, closing is up to you."
    if pack.weekend == Weekend():
        yield "Whether positions may stay open over the weekend is not stated."
    if pack.flat_by:
        when = f"{pack.flat_by.time:%H:%M} {pack.flat_by.zone}"
        yield f"Everything is closed by {when} every day: nothing is opened from then on, closing is up to you."


def _percent(fraction: Decimal) -> str:
    return f"{(fraction * 100).normalize():f} %"


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; None where it is absent."""

    path: str
    before: Any
    after: Any


def compare_documents(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """
    Return every value in which two JSON documents differ, by path; an absent value and null are the same.

    >>> compare_documents({"daily_loss": {"pct": 5}}, {"daily_loss": {"pct": 4}, "conflict": None})
    [Change(path='daily_loss.pct', before=5, after=4)]
    """
    old, new = dict(_leaves(before)), dict(_leaves(after))
    return [
        Change(path, old.get(path), new.get(path))
        for path in dict.fromkeys([*old, *new])
        if old.get(path) != new.get(path)
    ]


def compare_limits(before: Limits, after: Limits) -> list[Change]:
    """Return the limits that differ, under the names of the limit document."""
    pairs = ((field.name, getattr(before, field.name), getattr(after, field.name)) for field in fields(Limits))
    return [Change(*pair) for pair in pairs if pair[1] != pair[2]]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        inner: Sequence[tuple[str, Any]] = [(str(name), item) for name, item in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        inner = [(str(number), item) for number, item in enumerate(value)]
    else:
        yield path, value
        return
    for name, item in inner:
        yield from _leaves(item, f"{path}.{name}" if path else name)
