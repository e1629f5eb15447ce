"""The schedule's doors to common services."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.common import services
from apps.common.clock import read_at


@shared_task  # type: ignore[untyped-decorator]
def prune(**_: Any) -> dict[str, int]:
    """Delete what is kept for a time only."""
    return services.prune(at=read_at())
