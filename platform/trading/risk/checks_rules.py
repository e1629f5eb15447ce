"""What firms ask beyond losses: correlation, currencies, other accounts, consistency, news, the week's end, days traded."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Final

from trading.risk.case import Case, Figures, Skipped
from trading.risk.limits import ENFORCE
from trading.risk.pairs import ZERO, currency_legs, effective_correlation
from trading.risk.sessions import flat_instant, weekend_at
from trading.risk.verdict import Denied

NO_LIMIT: Final = "no limit set"
NOTED_CORRELATION: Final = Decimal("0.60")


def check_correlation(case: Case) -> Figures:
    """The asked symbol with each that is held: the closest one counts, by direction."""
    state, asked = case.state, case.asked
    closest, most = "", case.limits.max_correlation
    highest = Decimal(-1)
    for held, side in state.held_sides.items():
        found = effective_correlation(asked.symbol, asked.side, held, side, state.correlations)
        if found > highest:
            closest, highest = held, found
    if most is None:
        raise Skipped(NO_LIMIT)
    figures: Figures = {"with": closest or None, "highest": highest if closest else None, "limit": most}
    if closest and not highest <= most:
        known = closest == asked.symbol or closest in state.correlations
        how = f"is {highest}" if known else "is not known and counts as 1"
        message = f"The correlation with {closest}, which is held, {how}; {most} is allowed."
        raise Denied("CORRELATION_LIMIT", message, **figures)
    if closest and highest >= NOTED_CORRELATION:
        case.note(f"CORRELATED: {highest} with {closest}, which is held ({most} is allowed).")
    return figures


def check_currency(case: Case) -> Figures:
    """Net money at risk in each currency of the symbol; what nobody can assign counts against each."""
    limits, state, asked, terms = case.limits, case.state, case.asked, case.terms
    if limits.max_currency_risk_fraction is None:
        raise Skipped(NO_LIMIT)
    most, risk = limits.max_currency_risk_fraction * case.risk_base, case.sizing.risk_at_lots
    if not (terms.currency_base and terms.currency_profit):
        widest = max((abs(held) for held in state.currency_risk.values()), default=ZERO)
        worst = {"": (widest, widest + risk)}
    else:
        legs = currency_legs(asked.side, terms.currency_base, terms.currency_profit, risk)
        held_in = {name: state.currency_risk.get(name, ZERO) for name in legs}
        worst = {name: (abs(held_in[name]), abs(held_in[name] + leg)) for name, leg in legs.items()}
    for name, (before, after) in worst.items():
        total = after + state.currency_unknown
        if after > before and not total <= most:
            raise Denied(
                "CURRENCY_RISK",
                f"Trades in {name or 'an unknown currency'} would risk {total:.2f} of {most:.2f} allowed.",
                currency=name,
                total=total,
                limit=most,
            )
    return {"total": max((after for _, after in worst.values()), default=ZERO) + state.currency_unknown, "limit": most}


def check_opposite(case: Case) -> Figures:
    """One instrument long here and short on another account: what some firms call hedging between accounts."""
    if not case.state.opposite and not case.limits.forbid_opposite_positions:
        raise Skipped(NO_LIMIT)
    if case.state.opposite:
        message = f"{case.state.opposite}; opposite positions between accounts are forbidden."
        raise Denied("OPPOSITE_POSITION", message)
    return {}


def check_consistency(case: Case) -> Figures:
    """The best day's share of the profit: with a target the day ends when it has brought its share, else it is only said."""
    limits, state = case.limits, case.state
    if limits.consistency_fraction is None:
        raise Skipped(NO_LIMIT)
    total = state.total_profit + state.day_profit
    best = max(state.best_day, state.day_profit)
    if limits.profit_target_fraction is None:
        most = limits.consistency_fraction * max(total, ZERO)
        if best > most:
            case.note(f"CONSISTENCY: the best day brought {best:.2f}; {most:.2f} of {total:.2f} may come from one day.")
        return {"best": best, "limit": most}
    most = limits.consistency_fraction * max(total, limits.profit_target_fraction * state.initial_balance)
    if state.day_profit > ZERO and not state.day_profit < most:
        raise Denied(
            "CONSISTENCY_LIMIT",
            f"The day has brought {state.day_profit:.2f}; one day may bring {most:.2f}.",
            day=state.day_profit,
            limit=most,
        )
    return {"day": state.day_profit, "best": best, "limit": most}


def check_news(case: Case) -> Figures:
    """Nothing is opened around a high-impact release in one of the symbol's currencies."""
    limits, state = case.limits, case.state
    if limits.news_before_s is None and limits.news_after_s is None:
        raise Skipped(NO_LIMIT)
    if not state.news_covered:
        message = "The calendar of news does not reach this far: import it, or let this limit only watch."
        raise Denied("NEWS_CALENDAR_MISSING", message)
    if state.news_at is None:
        return {}
    ahead_s = (state.news_at - case.market_at).total_seconds()
    if -(limits.news_after_s or 0) <= ahead_s <= (limits.news_before_s or 0):
        when = f"in {ahead_s:.0f} s" if ahead_s > 0 else f"{-ahead_s:.0f} s ago"
        raise Denied("NEWS_WINDOW", f"{state.news_what}, {when}: nothing is opened around it.", ahead_s=ahead_s)
    return {"ahead_s": ahead_s}


def check_weekend(case: Case) -> Figures:
    """Where nothing may be held over the weekend, nothing is opened shortly before it either."""
    if case.limits.weekend_holding:
        raise Skipped(NO_LIMIT)
    closes_at, opens_at = weekend_at(case.market_at)
    from_at = closes_at - timedelta(seconds=case.limits.flat_guard_s)
    if from_at <= case.market_at < opens_at:
        message = f"The week ends at {closes_at:%Y-%m-%d %H:%M} UTC and nothing may be held over the weekend."
        raise Denied("WEEKEND_CLOSE", message, closes_at=closes_at)
    return {"closes_at": closes_at}


def check_flat_by(case: Case) -> Figures:
    """Where everything is closed by an hour, nothing is opened shortly before it, nor until the day ends."""
    limits, day_ends_at = case.limits, case.state.day_ends_at
    if limits.flat_by is None:
        raise Skipped(NO_LIMIT)
    if day_ends_at is None:
        raise Denied("NO_TRADING_DAY", "The account has no trading day yet.")
    flat_at = flat_instant(limits.flat_by, day_ends_at)
    if not case.market_at < flat_at - timedelta(seconds=limits.flat_guard_s):
        raise Denied("FLAT_BY_TIME", f"Everything is closed by {limits.flat_by}, every day.", flat_at=flat_at)
    return {"flat_at": flat_at}


def check_min_days(case: Case) -> Figures:
    """Days traded so far: said, and never a reason to deny."""
    least, traded = case.limits.min_trading_days, case.state.days_traded
    if not least or case.limits.mode != ENFORCE:
        raise Skipped(NO_LIMIT)
    if traded < least:
        case.note(f"MIN_DAYS: {traded} of {least} trading days so far.")
    return {"days": traded, "least": least}
