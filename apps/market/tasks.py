"""The schedule's doors to the market."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.common.clock import read_at
from apps.market import services


@shared_task  # type: ignore[untyped-decorator]
def prune_bars(**_: Any) -> int:
    """Delete old M1 bars."""
    return services.prune_bars(at=read_at())
