"""What an account's standing means: the level people see, a limit that is approached or broken, and the cliff at the reset."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from apps.common.outbox import tell
from apps.risk.models import RiskEvent, Severity
from apps.risk.services.events import write_event
from apps.risk.services.facts import AccountFacts
from apps.risk.services.latches import latch_row
from trading.risk.forecast import Forecast, forecast_reset
from trading.risk.levels import STEPS, KeptLevel, RiskLevel, Standing, follow_level, stand
from trading.risk.limits import ENFORCE, HARD

CLIFF_AHEAD = timedelta(hours=1)
"""So long before the day turns people are told that it would open breached; by the market's clock."""


def stand_now(facts: AccountFacts) -> Standing | None:
    """Return where the account stands against its floors; None before its first day."""
    risk, snapshot = facts.risk, facts.snapshot
    if snapshot is None or risk.day_balance_base is None or risk.day_equity_base is None:
        return None
    return stand(
        facts.limits,
        initial_balance=facts.account.initial_balance,
        day_balance=risk.day_balance_base,
        day_equity=risk.day_equity_base,
        peak=facts.peak(),
        equity=snapshot.equity,
    )


def needs_look(facts: AccountFacts, standing: Standing) -> bool:
    """Say whether a level may change or a step be reached: nothing is shown yet, and less than half of a limit is in play."""
    return facts.risk.level != RiskLevel.SAFE or standing.worst_used(count_at_risk(facts)) >= STEPS[0]


def count_at_risk(facts: AccountFacts) -> Decimal:
    """Return what open positions, waiting orders and unresolved reservations may still lose."""
    worst: Decimal = facts.exposure.worst_loss + facts.risk.reserved
    return worst


def judge_standing(facts: AccountFacts, at: datetime, market_at: datetime) -> None:
    """Follow the account's standing under its lock: level, steps, breaches, cliff. The risk row is changed but not saved."""
    standing, risk = stand_now(facts), facts.risk
    if standing is None or risk.day is None:
        return
    _follow_level(facts, standing, at, market_at)
    _tell_cliff(facts, standing, at, market_at)
    parts = (
        ("daily", standing.daily_used, standing.daily_loss, standing.daily_limit),
        ("total", standing.total_used, standing.total_loss, standing.total_limit),
    )
    for name, used, loss, limit in parts:
        reached = [step for step in STEPS if used >= step]
        if reached:
            _tell_step(facts, name, reached[-1], loss, limit, at, market_at)
        if used > 1:
            _break_limit(facts, name, loss, limit, at, market_at)


def _follow_level(facts: AccountFacts, standing: Standing, at: datetime, market_at: datetime) -> None:
    risk, shown = facts.risk, RiskLevel(facts.risk.level)
    # A level of the day before is not kept: the reset has lifted what it rested on, and that is no flicker.
    is_old = risk.level_at is not None and risk.day_starts_at is not None and risk.level_at < risk.day_starts_at
    after = follow_level(
        KeptLevel() if is_old else KeptLevel(shown, risk.level_calm_since),
        standing.used,
        worst_fraction=standing.worst_used(count_at_risk(facts)),
        halted_fraction=facts.limits.halted_fraction,
        market_at=market_at,
    )
    risk.level, risk.level_calm_since = after.level.value, after.calm_since
    if is_old or after.level is not shown:
        risk.level_at = market_at
    if after.level is shown:
        return
    account = facts.account
    write_event(
        account,
        "RISK_LEVEL_CHANGED",
        Severity.INFO,  # the steps of a limit, told beside it, call people
        f"{account.code}: {shown} to {after.level} ({standing.used:.0%} of a limit used)",
        at=at,
        market_at=market_at,
        metrics={
            "from": shown.value,
            "to": after.level.value,
            "light": after.level.light,
            "used_pct": float(round(standing.used * 100, 4)),
        },
    )
    tell(
        team_id=account.team_id,
        account_id=account.pk,
        kind="account.level",
        data={"account_id": account.public_id, "risk_level": after.level.value, "light": after.level.light},
    )


def forecast_day(facts: AccountFacts) -> Forecast | None:
    """Return how the account's next day would open if nothing changed; None before anybody has seen the account."""
    if facts.snapshot is None:
        return None
    return forecast_reset(
        facts.limits,
        initial_balance=facts.account.initial_balance,
        balance=facts.snapshot.balance,
        equity=facts.snapshot.equity,
        peak=facts.peak(),
        holdings=[one for one in facts.holdings if one.profit is not None],
        terms=facts.terms,
        at_risk=count_at_risk(facts),
    )


def cliff_key(facts: AccountFacts, standing: Standing, market_at: datetime) -> str:
    """Return the key of a cliff that is to be told now; an empty text where the next day opens well, is far, or was told of."""
    risk = facts.risk
    if risk.day_ends_at is None or not timedelta(0) < risk.day_ends_at - market_at <= CLIFF_AHEAD:
        return ""
    found = forecast_day(facts)
    key = f"{risk.day}:cliff"
    if found is None or not found.opening.is_breached or found.opening.floor <= _floor_now(standing):
        return ""  # nothing changes by the reset itself: the floor of today is already broken
    return "" if RiskEvent.objects.filter(account=facts.account, once_key=key).exists() else key


def _floor_now(standing: Standing) -> Decimal:
    return max(standing.daily_floor, standing.total_floor)


def _tell_cliff(facts: AccountFacts, standing: Standing, at: datetime, market_at: datetime) -> None:
    key = cliff_key(facts, standing, market_at)
    found = forecast_day(facts) if key else None
    if found is None:
        return
    lots = ", ".join(f"{cut.close_lots.normalize():f} lots of position {cut.position_id}" for cut in found.cuts)
    ends_at = facts.risk.day_ends_at
    until = f"{ends_at:%Y-%m-%d %H:%M} UTC" if ends_at else "the day turns"
    todo = (
        f"Close {lots} before {until}." if lots and found.is_enough else "Closing positions does not help: look at it."
    )
    write_event(
        facts.account,
        "RESET_CLIFF_AHEAD",
        Severity.CRITICAL,
        f"The next day would open {-found.opening.headroom:.2f} below its floor of {found.opening.floor:.2f}. {todo}",
        at=at,
        market_at=market_at,
        metrics={
            "floor": f"{found.opening.floor:.2f}",
            "equity": f"{found.opening.equity:.2f}",
            "day_ends_at": ends_at.isoformat() if ends_at else None,
            "cuts": [{"position_id": cut.position_id, "lots": f"{cut.close_lots.normalize():f}"} for cut in found.cuts],
        },
        once_key=key,
    )


def _tell_step(
    facts: AccountFacts, name: str, step: Decimal, loss: Decimal, limit: Decimal, at: datetime, market_at: datetime
) -> None:
    account, percent = facts.account, int(step * 100)
    base = account.initial_balance
    current, most = (round(value / base * 100, 4) for value in (loss, limit))
    write_event(
        account,
        f"{name.upper()}_LIMIT_APPROACHING",
        Severity.CRITICAL if step >= Decimal("0.85") else Severity.WARNING,
        f"{name.title()} loss limit at {loss / limit:.0%} ({current:.2f}% / {most:.2f}%)",
        at=at,
        market_at=market_at,
        metrics={"current_loss_pct": float(current), "limit_pct": float(most), "remaining_pct": float(most - current)},
        once_key=f"{facts.risk.day}:{name}:{percent}",
    )


def _break_limit(
    facts: AccountFacts, name: str, loss: Decimal, limit: Decimal, at: datetime, market_at: datetime
) -> None:
    risk, message = facts.risk, f"{name.title()} loss limit broken: {loss:.2f} of {limit:.2f}"
    told = write_event(
        facts.account,
        f"{name.upper()}_LIMIT_BROKEN",
        Severity.CRITICAL,
        message,
        at=at,
        market_at=market_at,
        metrics={"loss": f"{loss:.2f}", "limit": f"{limit:.2f}"},
        once_key=f"{risk.day}:{name}:broken",
    )
    if told is None or facts.limits.mode != ENFORCE:
        return  # once a day: what a person has lifted is not latched again by the same breach
    for_good = name == "total" or facts.limits.daily_kind == HARD
    latch_row(risk, "breach_latch" if for_good else "day_latch", message, at=at)
