"""A snapshot arrives: heartbeat, lease, truth, deals, proof — in this order, and then the risk settles on the new truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.accounts.models import Account, AccountRisk
from apps.accounts.services import Kept, store_snapshot
from apps.assignments.models import Observed
from apps.assignments.selectors import list_origins
from apps.assignments.services import apply_observed
from apps.executors.models import Executor
from apps.executors.selectors import get_desired_version
from apps.executors.services.flat import prove_flat
from apps.executors.services.leases import find_lease, renew_lease
from apps.executors.services.logs import is_log_wanted
from apps.executors.services.presence import note_seen
from apps.gateway.services.desired import read_halt
from apps.gateway.services.ledger import watch_ledger
from apps.gateway.services.risk_side import find_approvals, note_closed, settle
from apps.market.services import store_quotes
from apps.trades.selectors import get_deals_cursor_ms
from apps.trades.services.deals import apply_deals, find_fresh, follow_stops
from apps.trades.services.origins import Origins
from trading.protocol import AssignmentStatus, DealMessage, PositionMessage, SnapshotAnswer, SnapshotMessage


def take_snapshot(*, executor: Executor, message: SnapshotMessage, at: datetime) -> SnapshotAnswer:
    """
    Take in what an agent sees; answer with the lease, the halt, and what is to be done.

    The risk row is touched twice, alone both times: the lease before, the settling after. What the observer saw is one
    transaction between them, so truth, deals and proof of one snapshot are stored together or not at all.

    :raises Conflict: FENCED where this process does not hold the account.
    """
    account = executor.account
    lease = renew_lease(executor=executor, instance_id=message.instance_id, fence=message.fence, at=at)
    kept = _store(executor, account, message, at)
    actions = settle(account, at) if kept is Kept.STORED else []
    return SnapshotAnswer(
        server_time=at,
        lease=lease or find_lease(executor=executor, instance_id=message.instance_id, at=at),
        halt=read_halt(AccountRisk.objects.get(pk=account.pk)),
        desired_version=get_desired_version(executor.pk),
        deals_since_ms=get_deals_cursor_ms(account, at),
        actions=actions,
        log_wanted=is_log_wanted(executor, at),
    )


@transaction.atomic
def _store(executor: Executor, account: Account, message: SnapshotMessage, at: datetime) -> Kept:
    kept = store_snapshot(account=account, executor_id=executor.pk, message=message, at=at)
    if kept is not Kept.OLDER:
        note_seen(executor_id=executor.pk, health=message.health, at=at)
        store_quotes(account=account, quotes=message.quotes, at=at)
    if message.complete:
        # Deals are facts: they count from an older snapshot too. From an incomplete one they would leave a hole before them.
        positions = message.positions if kept is Kept.STORED else ()
        fresh = find_fresh(account, message.deals)
        _book(account, fresh, positions, at)
        if kept is Kept.STORED:
            watch_ledger(account=account, balance=message.account.balance, has_deals=bool(fresh), at=at)
    if kept is not Kept.OLDER:
        _prove(executor, message, kept, at)
    if kept is Kept.STORED:
        prove_flat(executor=executor, at=at)
    return kept


def _book(account: Account, fresh: Sequence[DealMessage], positions: Sequence[PositionMessage], at: datetime) -> None:
    if fresh:  # most snapshots bring no deal that is not booked yet
        bots = list_origins(account)
        origins = Origins(by_magic=bots, by_deal=find_approvals(account, fresh, bots))
        booked = apply_deals(account=account, deals=fresh, origins=origins, at=at)
        note_closed(account, booked.closed, at)
    follow_stops(account=account, positions=positions, at=at)


def _prove(executor: Executor, message: SnapshotMessage, kept: Kept, at: datetime) -> None:
    statuses: list[AssignmentStatus] = message.assignments
    if kept is Kept.INCOMPLETE:  # nobody can say "nothing is left" who could not look
        statuses = [status for status in statuses if status.observed != Observed.STOPPED]
    apply_observed(
        executor_id=executor.pk,
        statuses=statuses,
        held_magics=Counter(position.magic for position in message.positions),
        ordered_magics=Counter(order.magic for order in message.orders),
        at=at,
    )
