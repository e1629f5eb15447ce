"""The schedule's doors to accounts."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from apps.accounts.services import keeping
from apps.common.clock import read_at


@shared_task  # type: ignore[untyped-decorator]
def thin_equity(**_: Any) -> int:
    """Thin the equity curve's old points."""
    return keeping.thin_equity(at=read_at())
