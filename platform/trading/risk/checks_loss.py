"""
What may be lost: exposure, size, day, drawdown, trade, positions, cluster.

Comparisons are written as what must hold (`not total <= most`): what is not a number then fails.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from trading.risk.case import Case, Figures, Skipped
from trading.risk.levels import daily_limit, day_reference
from trading.risk.verdict import Denied


def check_exposure(case: Case) -> Figures:
    """What is open must be known before anything is added, whatever the limits' mode."""
    exposure = case.state.exposure
    if exposure.problem:
        raise Denied(exposure.problem, exposure.message)
    return {"open": exposure.worst_loss, "reserved": case.state.reserved, "positions": exposure.count}


def check_daily_loss(case: Case) -> Figures:
    state, standing = case.state, case.standing
    if state.day is None or state.day_ends_at is None:
        raise Denied("NO_TRADING_DAY", "The account has no trading day yet.")
    worst = standing.daily_loss + case.committed + case.sizing.risk_at_lots
    figures: Figures = {
        "loss": standing.daily_loss,
        "committed": case.committed,
        "this": case.sizing.risk_at_lots,
        "limit": standing.daily_limit,
    }
    if not (standing.daily_used < case.limits.halted_fraction and worst <= standing.daily_limit):
        raise Denied(
            "DAILY_LOSS_LIMIT",
            f"The day's loss could reach {worst:.2f} of {standing.daily_limit:.2f} allowed.",
            **figures,
        )
    _check_next_day(case, figures)
    return figures


def _check_next_day(case: Case, figures: Figures) -> None:
    # A loss that floats over the reset counts against the new day's floor, which may lie higher than today's.
    state, limits = case.state, case.limits
    assert state.day_ends_at is not None
    if state.day_ends_at - case.market_at > timedelta(seconds=limits.reset_guard_s):
        return
    reference = day_reference(limits, balance=state.balance, equity=state.equity)
    floor = reference - daily_limit(limits, reference=reference, initial_balance=state.initial_balance)
    worst = state.equity - case.committed - case.sizing.risk_at_lots
    if not worst >= floor:
        raise Denied(
            "DAILY_LOSS_NEXT_DAY",
            f"The day turns soon; equity could fall to {worst:.2f}, below the next day's floor of {floor:.2f}.",
            **figures,
            next_floor=floor,
        )


def check_drawdown(case: Case) -> Figures:
    standing = case.standing
    worst = standing.total_loss + case.committed + case.sizing.risk_at_lots
    figures: Figures = {"loss": standing.total_loss, "worst": worst, "limit": standing.total_limit}
    if not (standing.total_used < case.limits.halted_fraction and worst <= standing.total_limit):
        raise Denied(
            "DRAWDOWN_LIMIT",
            f"The total drawdown could reach {worst:.2f} of {standing.total_limit:.2f} allowed.",
            **figures,
        )
    return figures


def check_per_trade(case: Case) -> Figures:
    most, risk = case.limits.max_risk_per_trade_fraction * case.risk_base, case.sizing.risk_at_lots
    slack = case.terms.volume_step * case.sizing.loss_per_lot / 1_000_000
    if not risk <= most + slack:
        raise Denied("RISK_PER_TRADE", f"The trade would risk {risk:.2f} of {most:.2f} allowed.", risk=risk, limit=most)
    return {"risk": risk, "limit": most}


def check_daily_risk(case: Case) -> Figures:
    if case.limits.max_daily_risk_fraction is None:
        raise Skipped("no limit set")
    most = case.limits.max_daily_risk_fraction * case.risk_base
    total = case.state.risked_today + case.sizing.risk_at_lots
    if not total <= most:
        raise Denied(
            "DAILY_RISK_LIMIT",
            f"The day's trades would risk {total:.2f} of {most:.2f} allowed.",
            total=total,
            limit=most,
        )
    return {"total": total, "limit": most}


def check_open_risk(case: Case) -> Figures:
    """All that is open and this trade, to their stops."""
    if case.limits.max_open_risk_fraction is None:
        raise Skipped("no limit set")
    most = case.limits.max_open_risk_fraction * min(case.state.initial_balance, case.risk_base)
    total = case.committed + case.sizing.risk_at_lots
    if not total <= most:
        message = f"All open trades would risk {total:.2f} of {most:.2f} allowed."
        raise Denied("OPEN_RISK_LIMIT", message, total=total, limit=most)
    return {"total": total, "limit": most}


def check_position_size(case: Case) -> Figures:
    """Where this limit holds it has shrunk the lots already; where it only watches, it says what would not fit."""
    margin, most = case.terms.margin_per_lot, case.position_margin
    if most is None:
        raise Skipped("no limit set")
    if not margin:
        raise Skipped("the broker does not tell a lot's margin")
    binds = margin * case.sizing.lots
    if not binds <= most:
        message = f"The position would bind {binds:.2f} of {most:.2f} allowed."
        raise Denied("POSITION_SIZE", message, margin=binds, limit=most)
    return {"margin": binds, "limit": most}


def check_positions(case: Case) -> Figures:
    most, count = case.limits.max_open_positions, case.state.exposure.count + case.state.held
    if most is None:
        raise Skipped("no limit set")
    if not count + 1 <= most:
        have = "1 position is open or on its way" if count == 1 else f"{count} positions are open or on their way"
        raise Denied(
            "MAX_POSITIONS", f"{have}; {most} {'is' if most == 1 else 'are'} allowed.", count=count, limit=most
        )
    return {"count": count, "limit": most}


def check_cluster(case: Case) -> Figures:
    """The same symbol counts whole; another symbol by its correlation, and whole (1.0) where that is not known."""
    if case.limits.max_cluster_risk_fraction is None:
        raise Skipped("no limit set")
    state, total = case.state, case.sizing.risk_at_lots
    for held in (state.exposure.by_symbol, state.reserved_by_symbol):
        for symbol, risk in held.items():
            same = symbol == case.asked.symbol
            total += risk if same else risk * abs(state.correlations.get(symbol, Decimal(1)))
    most = case.limits.max_cluster_risk_fraction * case.risk_base
    if not total <= most:
        raise Denied(
            "CLUSTER_RISK", f"Correlated trades would risk {total:.2f} of {most:.2f} allowed.", total=total, limit=most
        )
    return {"total": total, "limit": most}


def check_sizing(case: Case) -> Figures:
    sizing = case.sizing
    return {"lots": sizing.lots, "raw": sizing.raw_lots, "loss_per_lot": sizing.loss_per_lot}
