"""The schedule's nudges for executors. What they do could happen at any time by itself; they only make it happen soon."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.common.clock import read_at
from apps.executors.services import commands, presence


@shared_task  # type: ignore[untyped-decorator]
def mark_silent(**_: Any) -> int:
    """Tell about executors that fell silent."""
    return presence.mark_silent(at=read_at())


@shared_task  # type: ignore[untyped-decorator]
def expire_commands(**_: Any) -> int:
    """End one-shot commands whose time is over."""
    return commands.expire_commands(at=read_at())
