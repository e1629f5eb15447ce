"""The compute queue's door. A message is a nudge: which work is next is read from the rows."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.backtests.services import working


@shared_task  # type: ignore[untyped-decorator]
def work(**_: Any) -> int:
    """Work until nothing waits; return how much was done."""
    done = 0
    while working.work_next():
        done += 1
    return done


@shared_task  # type: ignore[untyped-decorator]
def look_for_work(**_: Any) -> bool:
    """Nudge the workers where something waits, or where a worker died."""
    return working.nudge_waiting()
