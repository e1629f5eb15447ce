"""
What becomes of reserved risk. It counts until it is proven that it need not:

- REJECTED or NOT_SENT, said by the agent, is definitive: VOID.
- A complete snapshot that shows the position (or the order) takes it over: POSTED. Until such a snapshot the reservation
  counts although the fill was reported, so the money is never counted less than once.
- A complete snapshot taken after `valid_until` + 10 s without the tag proves that nothing was filled: VOID. Nothing else
  frees it: a timeout only makes it UNRESOLVED, which counts on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from apps.accounts.models import AccountRisk, AccountSnapshot
from apps.common.outbox import make_event, tell_all
from apps.risk.models import Approval, Reservation, Severity
from apps.risk.services.breakers import review_errors
from apps.risk.services.events import write_event
from apps.risk.services.fact_rows import OPEN_RESERVATIONS
from apps.risk.services.facts import AccountFacts
from apps.risk.services.fills import NO_ACTION, check_shown_fill, lock_reported, take_fill
from apps.risk.services.matching import is_match, is_tag
from apps.trades.models import OrderOutcome, Trade
from apps.trades.services.orders import OutcomeTold

ZERO = Decimal(0)
PROOF_AFTER = timedelta(seconds=10)
log = structlog.get_logger(__name__)


@transaction.atomic(savepoint=False)
def resolve_reservation(
    *, approval: Approval, told: OutcomeTold, stop_loss: Decimal | None, at: datetime
) -> dict[str, Any]:
    """
    Take in what became of an approval's order; return what the agent shall do: `action` none or close, `ticket`, `lots`.

    Repeats change nothing more. Actual risk beyond the limits' ratio of the planned (2 ×) closes the position.
    """
    reported = lock_reported(approval)
    risk, approval = reported.risk, reported.approval
    if told.outcome in (OrderOutcome.REJECTED, OrderOutcome.NOT_SENT):
        if approval.reservation in OPEN_RESERVATIONS and approval.position_id is None:
            free_reservations(risk, [Freed(approval, Reservation.VOID, told.outcome, None)], at)
            risk.save(update_fields=["reserved", "risked_today"])
        if told.outcome == OrderOutcome.REJECTED:
            review_errors(risk, approval.bot, at)
        return NO_ACTION
    if told.outcome not in (OrderOutcome.DONE, OrderOutcome.PARTIAL):
        return NO_ACTION
    return take_fill(reported, told, stop_loss, at)


class Freed(NamedTuple):
    """A reservation that counts no longer: what becomes of it, why, and the position that is known of it now."""

    approval: Approval
    outcome: str
    why: str
    position_id: int | None


def free_reservations(risk: AccountRisk, freed: list[Freed], at: datetime) -> None:
    """
    Take reservations out of what counts: the approvals are saved, the risk row changed but not saved.

    The risk row is locked, so nobody else frees what was open under that lock; many end in a few statements.
    """
    for (outcome, why, position_id), alike in _group(freed).items():
        rows = Approval.objects.filter(pk__in=[one.pk for one in alike], reservation__in=OPEN_RESERVATIONS)
        given: dict[str, Any] = {} if position_id is None else {"position_id": position_id}
        moved = rows.update(reservation=outcome, reserved=ZERO, resolved_at=at, resolved_by=why[:60], **given)
        if moved != len(alike):
            raise RuntimeError(f"{len(alike) - moved} reservations were freed without the account's lock")
    events = []
    for approval, outcome, why, position_id in freed:
        risk.reserved = max(ZERO, risk.reserved - approval.reserved)
        if outcome == Reservation.VOID and approval.day == risk.day:
            risk.risked_today = max(ZERO, risk.risked_today - approval.risk_amount)
        approval.reservation, approval.reserved, approval.position_id = outcome, ZERO, position_id
        log.info("RESERVATION_RESOLVED", approval_id=approval.public_id, outcome=str(outcome), by=why)
        data = {"approval_id": approval.public_id, "reservation": str(outcome), "by": why}
        account = approval.account
        kind = "approval.resolved"
        events.append(make_event(team_id=account.team_id, account_id=account.pk, kind=kind, data=data))
    tell_all(events, wake=True)


def _group(freed: list[Freed]) -> dict[tuple[str, str, int | None], list[Approval]]:
    """Return what one statement can free: a position that is new to an approval makes it its own."""
    groups: dict[tuple[str, str, int | None], list[Approval]] = {}
    for one in freed:
        new = one.position_id if one.position_id != one.approval.position_id else None
        groups.setdefault((one.outcome, one.why, new), []).append(one.approval)
    return groups


def load_held(account_id: UUID, snapshot: AccountSnapshot | None, at: datetime) -> list[Approval]:
    """
    Return the approvals with an open reservation that the account's view may end, or whose time is over; the oldest first.

    The others stay open whatever is looked at, and a burst leaves thousands of them: they would be looked at under the lock.
    """
    rows = Approval.objects.filter(account_id=account_id, reservation__in=OPEN_RESERVATIONS)
    over = Q(valid_until__lt=max(at, snapshot.taken_at if snapshot else at) - PROOF_AFTER)
    traded = Exists(Trade.objects.filter(approval_id=OuterRef("pk")))
    concerned = over | Q(position_id__isnull=False) | Q(traded) | _may_be_shown(snapshot)
    return list(rows.filter(concerned).select_related("account", "bot").order_by("at", "pk"))


def _may_be_shown(snapshot: AccountSnapshot | None) -> Q:
    """Return what finds at least the approvals of which `is_match` says that a position or order is theirs."""
    shown = (*snapshot.positions, *snapshot.orders) if snapshot is not None else ()
    comments = {str(one.get("comment", "")) for one in shown}
    found = Q(tag__in=comments - {""})
    for symbol, magic in {
        (one["symbol"], int(one["magic"])) for one in shown if not is_tag(str(one.get("comment", "")))
    }:
        found |= Q(symbol=symbol, bot__magic=magic)
    return found


def settle_reservations(facts: AccountFacts, held: list[Approval], at: datetime) -> list[Approval]:
    """
    Hold the open reservations against the account's last complete view; return those that stay open.

    The risk row is locked; it is changed but not saved.
    """
    snapshot = facts.snapshot
    if snapshot is None or not snapshot.complete:
        return held
    taken: set[int] = set()
    still: list[Approval] = []
    freed: list[Freed] = []
    closings = _closings_of(facts.account.pk, held)
    for approval in held:
        shown = _shown_by(approval, facts, taken)
        if shown is not None:
            position_id = int(shown.get("position_id", 0))
            taken.add(position_id)
            if "entry_price" in shown:
                check_shown_fill(facts, approval, shown, at)
            freed.append(Freed(approval, Reservation.POSTED, "SNAPSHOT", position_id or approval.position_id))
        elif (ended := _how_it_ended(approval, closings.get(approval.pk, []), snapshot)) is not None:
            freed.append(Freed(approval, *ended, approval.position_id))
        else:
            still.append(approval)
    free_reservations(facts.risk, freed, at)
    return still


def mark_unresolved(facts: AccountFacts, held: list[Approval], at: datetime) -> list[Approval]:
    """Call reservations whose validity is over UNRESOLVED: they go on counting, and people are told."""
    marked = []
    for approval in held:
        due = approval.valid_until is not None and at > approval.valid_until + PROOF_AFTER
        if approval.reservation == Reservation.HELD and due:
            Approval.objects.filter(pk=approval.pk, reservation=Reservation.HELD).update(
                reservation=Reservation.UNRESOLVED
            )
            approval.reservation = Reservation.UNRESOLVED
            marked.append(approval)
            write_event(
                facts.account,
                "RESERVATION_UNRESOLVED",
                Severity.WARNING,
                f"Nobody has told what became of the approval for {approval.adjusted_lots} {approval.symbol}.",
                at=at,
                metrics={"approval_id": approval.public_id, "reserved": str(approval.reserved)},
                bot=approval.bot_id,
                once_key=f"unresolved:{approval.public_id}",
            )
    return marked


def _shown_by(approval: Approval, facts: AccountFacts, taken: set[int]) -> dict[str, Any] | None:
    """Return the position that shows the approval, else the waiting order, or None where the view does not show it."""
    assert facts.snapshot is not None
    for one in facts.snapshot.positions:
        if int(one["position_id"]) not in taken and is_match(approval, one, opened_at_key="opened_at"):
            return dict(one)
    orders = facts.snapshot.orders
    return next((dict(one) for one in orders if is_match(approval, one, opened_at_key="placed_at")), None)


def _closings_of(account_id: UUID, held: list[Approval]) -> dict[UUID, list[datetime | None]]:
    """Return when the trades of each approval were closed (None: open), read once for all."""
    found: dict[UUID, list[datetime | None]] = {}
    trades = Trade.objects.filter(account_id=account_id, approval_id__in=[one.pk for one in held])
    for trade in trades.only("approval_id", "closed_at"):
        if trade.approval_id is not None:
            found.setdefault(trade.approval_id, []).append(trade.closed_at)
    return found


def _how_it_ended(
    approval: Approval, known: list[datetime | None], snapshot: AccountSnapshot
) -> tuple[str, str] | None:
    """
    Return how an approval ended that the view does not show, or None while that is not proven.

    :param known: when each of its trades was closed; None for one that is open.
    """
    if any(closed_at is None for closed_at in known):
        return None  # a fill between reading the positions and reading the deals: the next view has it
    if known and snapshot.taken_at >= approval.at:
        return Reservation.POSTED, "CLOSED_SINCE"
    if approval.valid_until is None or snapshot.taken_at <= approval.valid_until + PROOF_AFTER:
        return None
    return (Reservation.POSTED, "GONE") if approval.position_id else (Reservation.VOID, "NOT_IN_SNAPSHOT")
