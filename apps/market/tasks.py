"""The schedule's and the queue's doors to the market."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import shared_task

from apps.common.clock import read_at
from apps.market import services
from apps.market.correlation import correlate_symbol


@shared_task  # type: ignore[untyped-decorator]
def prune_bars(**_: Any) -> int:
    """Delete old M1 bars."""
    return services.prune_bars(at=read_at())


@shared_task  # type: ignore[untyped-decorator]
def correlate(*, account_id: str, symbol: str, **_: Any) -> int:
    """Work out anew how a symbol moves with the account's others; return how many pairs are known."""
    return correlate_symbol(account_id=UUID(account_id), symbol=symbol)


@shared_task  # type: ignore[untyped-decorator]
def import_dataset(*, import_id: str, **_: Any) -> str:
    """Read what a dataset's import asks for."""
    from apps.market.datasets.importing import run_import  # pyarrow is loaded by the process that reads

    return run_import(import_id=UUID(import_id), at=read_at())


@shared_task  # type: ignore[untyped-decorator]
def fetch_dataset(*, import_id: str, **_: Any) -> str:
    """Fetch what a dataset's import asks an exchange for."""
    from apps.market.datasets.importing import run_import

    return run_import(import_id=UUID(import_id), at=read_at())


@shared_task  # type: ignore[untyped-decorator]
def requeue_imports(**_: Any) -> int:
    """Queue again what a lost message or a killed worker left behind."""
    from apps.market.datasets.importing import requeue_silent

    return requeue_silent(at=read_at())
