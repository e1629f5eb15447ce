"""The schedule's doors to the registry."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.bots import sessions
from apps.common.clock import read_at


@shared_task  # type: ignore[untyped-decorator]
def prune_sessions(**_: Any) -> int:
    """Delete sessions that are long over."""
    return sessions.prune_sessions(at=read_at())
