"""
The judge: may this trade be opened, and how large? Pure; it fails closed.

The checks stand in order; the first that fails is the reason, the rest are skipped. What is not known is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from trading.risk import checks_access, checks_loss, checks_request, checks_rules
from trading.risk.case import Case, Figures, Skipped
from trading.risk.limits import ENFORCE, OFF, Limits
from trading.risk.sizing import SizingRefused
from trading.risk.verdict import (
    APPROVED,
    FAILED,
    JUDGE_ERROR,
    PASSED,
    SKIPPED,
    WARNED,
    ZERO,
    Asked,
    Check,
    Denied,
    RiskState,
    Verdict,
)

CHECKS: tuple[tuple[str, Callable[[Case], Figures]], ...] = (
    ("latches", checks_access.check_latches),
    ("bot", checks_access.check_bot),
    ("snapshot", checks_access.check_snapshot),
    ("lease", checks_access.check_lease),
    ("symbol", checks_request.check_symbol),
    ("numbers", checks_request.check_numbers),
    ("market", checks_request.check_market),
    ("spread", checks_request.check_spread),
    ("stop_distance", checks_request.check_stop_distance),
    ("exposure", checks_loss.check_exposure),
    ("sizing", checks_loss.check_sizing),
    ("position_size", checks_loss.check_position_size),
    ("daily_loss", checks_loss.check_daily_loss),
    ("drawdown", checks_loss.check_drawdown),
    ("per_trade", checks_loss.check_per_trade),
    ("daily_risk", checks_loss.check_daily_risk),
    ("open_risk", checks_loss.check_open_risk),
    ("positions", checks_loss.check_positions),
    ("cluster", checks_loss.check_cluster),
    ("correlation", checks_rules.check_correlation),
    ("currency", checks_rules.check_currency),
    ("opposite", checks_rules.check_opposite),
    ("consistency", checks_rules.check_consistency),
    ("news", checks_rules.check_news),
    ("weekend", checks_rules.check_weekend),
    ("flat_by", checks_rules.check_flat_by),
    ("min_days", checks_rules.check_min_days),
)


def judge(asked: Asked, state: RiskState, limits: Limits, at: datetime, market_at: datetime) -> Verdict:
    """
    Return whether the trade may be opened, and how large. Never raises: whatever goes wrong inside is a denial.

    :param at: wall clock of the database.
    :param market_at: the account's market clock.
    """
    try:
        return _judge(Case(asked, state, limits, at, market_at))
    except Exception as error:  # a fault of ours must never let a trade through
        return Verdict(
            approved=False,
            reason_code=JUDGE_ERROR,
            message="The request could not be judged, so it is denied.",
            checks=(Check("judge", FAILED, {"error": f"{type(error).__name__}: {error}"[:200]}),),
        )


def _judge(case: Case) -> Verdict:
    checks: list[Check] = []
    watched: list[Denied] = []
    modes = case.limits.check_modes()
    for name, check in CHECKS:
        result, denied = _run(name, modes.get(name, ENFORCE), check, case)
        checks.append(result)
        if denied is not None and result.status == FAILED:
            checks += [_skip(later) for later, _ in CHECKS[len(checks) :]]
            return _deny(denied, watched, checks)
        if denied is not None:
            watched.append(denied)
    return _approve(case, watched, checks)


@lru_cache(maxsize=512)  # half of a verdict's checks are skipped, in the same words as in the one before
def _skip(name: str, why: str = "") -> Check:
    return Check(name, SKIPPED, {"why": why} if why else {})


def _run(name: str, mode: str, check: Callable[[Case], Figures], case: Case) -> tuple[Check, Denied | None]:
    if mode == OFF:
        return _skip(name, "limits are off"), None
    failed = FAILED if mode == ENFORCE else WARNED
    try:
        return Check(name, PASSED, check(case)), None
    except Skipped as skipped:
        return _skip(name, str(skipped)), None
    except SizingRefused as refused:
        return Check(name, failed), Denied(refused.code, refused.message)
    except Denied as denied:
        return Check(name, failed, denied.figures), denied


def _deny(denied: Denied, watched: list[Denied], checks: list[Check]) -> Verdict:
    return Verdict(
        approved=False,
        reason_code=denied.code,
        message=denied.message,
        warnings=_warnings_of(watched),
        shadow_codes=_codes_of(watched),
        checks=tuple(checks),
    )


def _approve(case: Case, watched: list[Denied], checks: list[Check]) -> Verdict:
    sizing = case.sizing
    if not (ZERO < sizing.lots <= case.asked.requested_lots and sizing.risk_at_lots > ZERO):
        raise AssertionError(f"sized {sizing.lots} of {case.asked.requested_lots} lots")
    warnings = [*_warnings_of(watched), *case.notes]
    if sizing.lots < case.asked.requested_lots:
        caps = ", ".join(sizing.capped_by) or "risk per trade"
        warnings.append(f"LOTS_ADJUSTED: from {case.asked.requested_lots} to {sizing.lots} ({caps}).")
    return Verdict(
        approved=True,
        reason_code=APPROVED,
        message=None,
        lots=sizing.lots,
        risk_amount=sizing.risk_at_lots,
        risk_fraction=sizing.risk_at_lots / case.risk_base,
        sizing=sizing,
        warnings=tuple(warnings),
        shadow_codes=_codes_of(watched),
        checks=tuple(checks),
    )


def _warnings_of(watched: list[Denied]) -> tuple[str, ...]:
    return tuple(f"{denied.code}: {denied.message}" for denied in watched)


def _codes_of(watched: list[Denied]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(denied.code for denied in watched))
