"""
What a fill truly risks: from its own price and stop, told by a report or shown by a view. More than the planned ratio is
closed; the overrun counts against the day at once, and a bot that does it again and again goes into quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from apps.accounts.models import AccountRisk, LimitSet
from apps.bots.models import Bot
from apps.common.bulk import update_rows
from apps.common.prepared import ONE, Prepared, ask_together, one_round_trip
from apps.market.models import SymbolSpecification
from apps.risk.models import Approval, FlagAction, FlagKind, Reservation, Severity
from apps.risk.services.breakers import count_slippage
from apps.risk.services.events import write_event
from apps.risk.services.fact_rows import OPEN_RESERVATIONS, SPECIFICATIONS
from apps.risk.services.facts import AccountFacts, read_terms
from apps.risk.services.flags import raise_flag
from apps.risk.services.locking import ACCOUNTS
from apps.trades.services.orders import OutcomeTold
from trading.risk.limits import Limits, parse_limits
from trading.risk.sizing import BUY, SizingRefused, loss_per_lot

ZERO = Decimal(0)
NO_ACTION: dict[str, Any] = {"action": "none"}
_COLUMN = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill of an approval's order; `price` and `stop_loss` are its own."""

    position_id: int
    lots: Decimal
    price: Decimal | None
    stop_loss: Decimal
    market_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reported:
    """An approval of which something is reported, as it stands under its account's lock."""

    risk: AccountRisk  # locked
    approval: Approval  # with account and bot
    spec: SymbolSpecification | None
    limits: dict[str, Any]  # the document in force


_RISKS = Prepared(lambda: AccountRisk.objects.select_for_update(no_key=True).filter(account_id__any=ONE))
_APPROVALS = Prepared(lambda: Approval.objects.filter(pk__any=ONE))
_BOTS = Prepared(lambda: Bot.objects.filter(pk__any=ONE))
_LIMITS = Prepared(lambda: LimitSet.objects.filter(account_id__any=ONE, in_force=True).values_list("document"))


def lock_reported(approval: Approval) -> Reported:
    """Lock the account's risk row, and read what a report on the approval needs after that."""
    account = [approval.account_id]
    (risk,), (row,), (row.account,), (row.bot,), specs, ((limits,),) = ask_together(
        _RISKS(account),
        _APPROVALS([approval.pk]),
        ACCOUNTS(account),
        _BOTS([approval.bot_id]),
        SPECIFICATIONS(account, [approval.symbol]),
        _LIMITS(account),
    )
    return Reported(risk, row, specs[0] if specs else None, limits)


def take_fill(reported: Reported, told: OutcomeTold, stop_loss: Decimal | None, at: datetime) -> dict[str, Any]:
    """Take in a reported fill under the locked risk row; return what the agent shall do about it."""
    risk, approval = reported.risk, reported.approval
    lots = told.filled_lots or approval.adjusted_lots
    fill = Fill(told.position_id or 0, lots, told.price, stop_loss or approval.stop_loss, told.market_at)
    actual = find_actual_risk(approval, fill, reported.spec)
    approval.position_id = told.position_id or approval.position_id
    if actual is not None:
        _charge_overrun(risk, approval, actual)
        approval.actual_risk = actual
    if approval.reservation in OPEN_RESERVATIONS:
        # The true risk counts at once where it is larger; a partial fill's rest is not coming any more.
        reserved = max(actual, ZERO) if actual is not None else approval.reserved
        risk.reserved = max(ZERO, risk.reserved - approval.reserved) + reserved
        approval.reserved, approval.reservation = reserved, Reservation.HELD
    with one_round_trip():
        update_rows([risk], ("reserved", "risked_today"))
        update_rows([approval], ("position_id", "actual_risk", "reserved", "reservation"))
    limits = parse_limits(reported.limits)
    if actual is None or not fill.position_id or not _has_slipped(risk, approval, fill, actual, limits, at):
        return NO_ACTION
    return {"action": "close", "ticket": fill.position_id, "lots": float(lots)}


def check_shown_fill(facts: AccountFacts, approval: Approval, row: Mapping[str, Any], at: datetime) -> None:
    """
    Look at the fill of a position that a view shows and nobody has reported (risk row locked, changed but not saved).

    Its stop may have been moved since: the planned one counts, or the one that stands where that is further off.
    """
    if approval.actual_risk is not None:
        return
    stop = Decimal(str(row["stop_loss"])) if row.get("stop_loss") else approval.stop_loss
    further = min(stop, approval.stop_loss) if approval.side == BUY else max(stop, approval.stop_loss)
    lots, price = Decimal(str(row["volume_lots"])), Decimal(str(row["entry_price"]))
    fill = Fill(int(row["position_id"]), lots, price, further, facts.risk.market_at)
    spec = SymbolSpecification.objects.filter(account_id=approval.account_id, symbol=approval.symbol).first()
    actual = find_actual_risk(approval, fill, spec)
    if actual is None:
        return
    _charge_overrun(facts.risk, approval, actual)
    Approval.objects.filter(pk=approval.pk).update(actual_risk=actual)
    approval.actual_risk = actual
    _has_slipped(facts.risk, approval, fill, actual, facts.limits, at)


def find_actual_risk(approval: Approval, fill: Fill, spec: SymbolSpecification | None) -> Decimal | None:
    """Return what the filled volume loses at its stop from the true price; None where that cannot be worked out."""
    if spec is None or fill.price is None or fill.price <= 0 or fill.lots <= 0:
        return None
    sign = 1 if approval.side == BUY else -1
    if (fill.price - fill.stop_loss) * sign <= 0:
        return ZERO  # filled beyond its own stop: the broker closes it; nothing is at risk from here
    try:
        terms = read_terms(spec.document, approval.account.currency)
        _, _, loss = loss_per_lot(terms, entry_price=fill.price, stop_loss=fill.stop_loss)
    except (SizingRefused, KeyError, ValueError, ArithmeticError):
        return None
    return (loss * fill.lots).quantize(_COLUMN, ROUND_UP)


def _charge_overrun(risk: AccountRisk, approval: Approval, actual: Decimal) -> None:
    """Count what is at risk beyond the plan against the day, once: a repeat finds it counted."""
    before = max(approval.risk_amount, approval.actual_risk or ZERO)
    if approval.day == risk.day:
        risk.risked_today += max(ZERO, actual - before)


def _has_slipped(
    risk: AccountRisk, approval: Approval, fill: Fill, actual: Decimal, limits: Limits, at: datetime
) -> bool:
    planned = approval.risk_amount * fill.lots / approval.adjusted_lots
    if actual <= planned * limits.max_slippage_ratio:
        return False
    flag = raise_flag(
        account=approval.account,
        kind=FlagKind.SLIPPAGE,
        position_id=fill.position_id,
        symbol=approval.symbol,
        side=approval.side,
        volume_lots=fill.lots,
        bot_id=approval.bot_id,
        approval_id=approval.pk,
        planned_risk=planned.quantize(_COLUMN),
        actual_risk=actual,
        action=FlagAction.CLOSE,
        day=risk.day,
        at=at,
    )
    if flag is not None:
        _tell_slippage(approval, fill, planned, actual, at)
        count_slippage(approval.account, approval.bot_id, risk.day, limits, at)
    return True


def _tell_slippage(approval: Approval, fill: Fill, planned: Decimal, actual: Decimal, at: datetime) -> None:
    write_event(
        approval.account,
        "SLIPPAGE_EXCEEDED",
        Severity.CRITICAL,
        f"Position {fill.position_id} risks {actual:.2f}, {planned:.2f} were planned: it is closed.",
        at=at,
        market_at=fill.market_at,
        metrics={"planned_risk": f"{planned:.2f}", "actual_risk": f"{actual:.2f}", "position_id": fill.position_id},
        bot=approval.bot_id,
        once_key=f"slippage:{fill.position_id}",
    )
