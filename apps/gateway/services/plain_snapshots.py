"""
Snapshots of many agents in which nothing happened: the same money, positions, stops and orders as before, no deal that is
not booked. All but a few are so. Together they cost the statements of one; the others go the whole way (`snapshots`).

Both ways store and answer the same. Rows that somebody else holds are never waited for, so a batch can neither hold up nor
be held up by a neighbour's account; such a snapshot goes the whole way too, which waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import AccountRisk, AccountSnapshot
from apps.accounts.services import Seen, keeps_book, lock_idle_snapshots, store_same_books
from apps.assignments.services import Observation, apply_all_observed
from apps.executors.models import Executor
from apps.executors.services.flat import list_awaiting_proof
from apps.executors.services.leases import Holding, read_lease, renew_leases
from apps.executors.services.logs import is_log_wanted
from apps.executors.services.presence import lock_idle, note_many_seen
from apps.gateway.services.desired import read_halt
from apps.gateway.services.risk_side import settle_many
from apps.market.services import store_all_quotes
from apps.trades.selectors import get_deals_cursors_ms
from apps.trades.services.checking import list_due
from apps.trades.services.deals import list_with_fresh
from trading.protocol import SnapshotAnswer, SnapshotMessage


@dataclass(frozen=True)
class View:
    """A snapshot, who sent it (with account and risk row), and when it came."""

    executor: Executor
    message: SnapshotMessage
    came_at: datetime

    @property
    def account_id(self) -> UUID:
        return self.executor.account_id

    def seen(self) -> Seen:
        return Seen(self.executor.account, self.executor.pk, self.message, self.came_at)


def take_plain_snapshots(views: Sequence[View | None], at: datetime) -> list[SnapshotAnswer | None]:
    """Take in the plain ones among the snapshots and answer them; None for those that go the whole way."""
    first: dict[UUID, View] = {}  # two of one account: the second comes after the first
    for view in views:
        if view is not None and _may_be_plain(view):
            first.setdefault(view.account_id, view)
    if not first:
        return [None] * len(views)
    risks = renew_leases([_holding(view) for view in first.values()], at=at)
    stored = _store([view for view in first.values() if view.account_id in risks], at)
    plain = [view for view in first.values() if view.account_id in stored]
    actions = settle_many(
        [(view.executor.account, stored[view.account_id][0], risks[view.account_id]) for view in plain], at
    )
    risks |= AccountRisk.objects.in_bulk([view.account_id for view in plain])  # settled, or halted meanwhile
    cursors = get_deals_cursors_ms([view.executor.account for view in plain], at)
    answers = {
        id(view): _answer(view, risks[view.account_id], stored[view.account_id][1], cursors, actions, at)
        for view in plain
    }
    return [answers.get(id(view)) for view in views]


def _may_be_plain(view: View) -> bool:
    risk = view.executor.account.risk
    held = (view.executor.pk, view.message.instance_id, view.message.fence)
    return view.message.complete and held == (risk.lease_executor_id, risk.lease_instance, risk.fence)


def _holding(view: View) -> Holding:
    return Holding(view.executor, view.message.instance_id, view.message.fence)


@transaction.atomic
def _store(views: Sequence[View], at: datetime) -> dict[UUID, tuple[AccountSnapshot, Executor]]:
    """Store those that are plain, all in one transaction; return the stored snapshot and the executor's row by account."""
    executors = lock_idle(view.executor.pk for view in views)
    before = lock_idle_snapshots(view.account_id for view in views)
    found = [
        view for view in views if view.executor.pk in executors and keeps_book(view.seen(), before.get(view.account_id))
    ]
    plain = _leave_out_due(found, at)
    if not plain:
        return {}
    rows = store_same_books([view.seen() for view in plain])
    note_many_seen([(executors[view.executor.pk], view.message.health) for view in plain], at=at)
    store_all_quotes({view.account_id: view.message.quotes for view in plain}, at=at)
    apply_all_observed([_observe(view) for view in plain], at=at)
    return {view.account_id: (rows[view.account_id], executors[view.executor.pk]) for view in plain}


def _leave_out_due(views: Sequence[View], at: datetime) -> list[View]:
    fresh = list_with_fresh({view.account_id: view.message.deals for view in views})
    due = list_due({view.account_id: view.message.account.balance for view in views}, at)
    flat = list_awaiting_proof(view.executor.pk for view in views)
    return [view for view in views if view.account_id not in fresh | due and view.executor.pk not in flat]


def _observe(view: View) -> Observation:
    message = view.message
    held, ordered = Counter(one.magic for one in message.positions), Counter(one.magic for one in message.orders)
    return Observation(view.executor.pk, message.assignments, held, ordered)


def _answer(
    view: View,
    risk: AccountRisk,
    executor: Executor,
    cursors: dict[UUID, int],
    actions: dict[UUID, list[dict[str, Any]]],
    at: datetime,
) -> SnapshotAnswer:
    return SnapshotAnswer(
        server_time=at,
        lease=read_lease(risk, executor=executor, instance_id=view.message.instance_id, at=at),
        halt=read_halt(risk),
        desired_version=executor.desired_version,
        deals_since_ms=cursors[view.account_id],
        actions=actions.get(view.account_id, []),
        log_wanted=is_log_wanted(executor, at),
    )
