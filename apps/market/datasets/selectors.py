"""Datasets and their imports as callers name them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from apps.common.codes import Code
from apps.common.errors import NotFound
from apps.common.ids import MalformedId, parse_public_id
from apps.common.refs import match_reference
from apps.market.models import Bar, Dataset, DatasetImport, ImportStatus

LIVE = (ImportStatus.QUEUED, ImportStatus.READING)


def find_dataset(team_id: UUID, reference: str) -> Dataset | None:
    """Return the team's dataset of that id or handle, or None."""
    return Dataset.objects.filter(match_reference(Dataset.PREFIX, reference, "handle"), team_id=team_id).first()


def get_dataset(team_id: UUID, reference: str) -> Dataset:
    """
    Return the team's dataset of that id or handle.

    :raises NotFound: also where it is another team's.
    """
    dataset = find_dataset(team_id, reference)
    if dataset is None:
        raise NotFound(Code.NOT_FOUND, f"No dataset {reference[:80]!r} in this team.", "dataset")
    return dataset


def list_datasets(team_id: UUID, *, symbol: str = "", timeframe: str = "", search: str = "") -> QuerySet[Dataset]:
    """Return the team's datasets, filtered by symbol, timeframe and text; the lists are not read with them."""
    rows = Dataset.objects.filter(team_id=team_id).defer("coverage")
    if symbol:
        rows = rows.filter(symbol__iexact=symbol)
    if timeframe:
        rows = rows.filter(timeframe=timeframe.upper())
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(handle__icontains=search) | Q(symbol__icontains=search))
    return rows


def get_import(team_id: UUID, reference: str) -> DatasetImport:
    """
    Return the team's import of that id.

    :raises NotFound: also where it is another team's.
    """
    try:
        key = parse_public_id(DatasetImport.PREFIX, reference)
    except MalformedId:
        key = None
    job = DatasetImport.objects.filter(team_id=team_id, pk=key).select_related("dataset").first() if key else None
    if job is None:
        raise NotFound(Code.NOT_FOUND, f"No import {reference[:80]!r} in this team.", "dataset_import")
    return job


def list_imports(team_id: UUID, *, status: str = "") -> QuerySet[DatasetImport]:
    """Return the team's imports, filtered by status."""
    rows = DatasetImport.objects.filter(team_id=team_id).select_related("dataset")
    return rows.filter(status=status.upper()) if status else rows


def list_open_imports(team_id: UUID) -> QuerySet[DatasetImport]:
    """Return the imports a person may still do something about: waiting, reading, failed; newest first."""
    return list_imports(team_id).exclude(status__in=[ImportStatus.DONE, ImportStatus.CANCELLED]).order_by("-created_at")


def list_charted(account_ids: list[UUID]) -> list[tuple[UUID, str, str, int]]:
    """Return ``(account, symbol, timeframe, bars)`` of everything agents have sent bars of."""
    rows = Bar.objects.filter(account_id__in=account_ids).values_list("account_id", "symbol", "timeframe")
    return list(rows.annotate(bars=Count("id")).order_by("account_id", "symbol", "timeframe"))
