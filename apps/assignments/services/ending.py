"""Putting a strategy or an executor away: only once nothing of it is left unproven."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.assignments.selectors import count_not_stopped
from apps.executors.models import Executor
from apps.executors.services import registry
from apps.strategies import services as strategies
from apps.strategies.models import Strategy


@transaction.atomic
def change_strategy(*, strategy_id: UUID, actor: str, changes: dict[str, Any]) -> Strategy:
    """
    Change a strategy as `strategies.services.change_strategy` does; its status only where it is proven flat everywhere.

    :raises Conflict: STRATEGY_RUNNING.
    """
    live = count_not_stopped(strategy_id=strategy_id) if "status" in changes else 0
    return strategies.change_strategy(strategy_id=strategy_id, actor=actor, changes=changes, live_assignments=live)


@transaction.atomic
def retire_executor(*, executor_id: UUID, actor: str, at: datetime) -> Executor:
    """
    Retire an executor for good; its keys end with it.

    :raises Conflict: EXECUTOR_IN_USE while an assignment on it is not proven STOPPED.
    """

    def count_live() -> int:
        return count_not_stopped(executor_id=executor_id)

    return registry.retire_executor(executor_id=executor_id, actor=actor, at=at, count_live=count_live)
