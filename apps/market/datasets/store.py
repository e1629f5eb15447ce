"""Keeping datasets: the file first, then the row; never the row without its file."""

from __future__ import annotations

import re
import tempfile
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import ProtectedError

from apps.common.errors import Conflict
from apps.common.outbox import tell
from apps.market.models import Dataset
from apps.teams.models import AuditEntry
from trading.data.examine import Examined
from trading.data.quality import coverage

# No handle: addresses such as /data/new mean something else.
_WORDS_OF_ADDRESSES = {"new", "imports", "from-terminal", "from-exchange"}


def store_dataset(
    *, team_id: UUID, actor: str, name: str, symbol: str, source: str, origin: dict[str, Any], examined: Examined
) -> Dataset:
    """
    Keep examined bars as a dataset, or return the team's dataset that holds exactly these.

    The file is written before the transaction; under a lock on its name, the row follows.
    """
    from trading.data.parquet import hash_bars, write_parquet  # loads pyarrow

    bars = examined.bars
    content_hash = hash_bars(bars, symbol)
    path = f"datasets/{team_id.hex}/{content_hash}.parquet"
    with tempfile.TemporaryFile() as made:
        write_parquet(bars, made, symbol=symbol)
        size_bytes = made.tell()
        while True:
            if not default_storage.exists(path):
                made.seek(0)
                default_storage.save(path, File(made))
            with transaction.atomic():
                _lock(path)
                if not default_storage.exists(path):  # a deletion came between: write it again
                    continue
                known = Dataset.objects.filter(team_id=team_id, content_hash=content_hash).first()
                if known is not None:
                    return known
                dataset = Dataset.objects.create(
                    team_id=team_id,
                    handle=_free_handle(team_id, name),
                    name=name,
                    symbol=symbol,
                    timeframe=str(bars.timeframe),
                    source=source,
                    origin=origin,
                    first_at=_moment(int(bars.time[0])),
                    last_at=_moment(int(bars.time[-1])),
                    bar_count=len(bars),
                    content_hash=content_hash,
                    file=path,
                    size_bytes=size_bytes,
                    findings=[finding.describe() for finding in examined.findings],
                    coverage=coverage(bars),
                    created_by=actor,
                )
                _note(dataset, "dataset.created", actor)
                return dataset


@transaction.atomic
def rename_dataset(*, dataset_id: UUID, actor: str, name: str) -> Dataset:
    """Give a dataset another name; its handle and its bars stay."""
    dataset = Dataset.objects.select_for_update(no_key=True).get(pk=dataset_id)
    dataset.name = name
    dataset.save(update_fields=["name"])
    _note(dataset, "dataset.renamed", actor)
    return dataset


@transaction.atomic
def delete_dataset(*, dataset_id: UUID, actor: str) -> None:
    """
    Delete a dataset that nothing refers to, and its file.

    :raises Conflict: DATASET_IN_USE where a backtest was run on it.
    """
    dataset = Dataset.objects.select_for_update().get(pk=dataset_id)
    path = dataset.file
    _note(dataset, "dataset.deleted", actor)
    try:
        with transaction.atomic():
            dataset.delete()
    except ProtectedError as error:
        used = len(error.protected_objects)
        message = f"{dataset.name} is used by {used} result{'' if used == 1 else 's'}; delete those first."
        raise Conflict("DATASET_IN_USE", message, "dataset", {"used_by": used}) from error
    transaction.on_commit(lambda: _forget_file(path))


def _forget_file(path: str) -> None:
    with transaction.atomic():
        _lock(path)
        if not Dataset.objects.filter(file=path).exists():
            default_storage.delete(path)


def _lock(path: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [path])


def _free_handle(team_id: UUID, name: str) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48] or "dataset"
    base = base if len(base) > 1 else f"{base}-dataset"
    taken = set(Dataset.objects.filter(team_id=team_id, handle__startswith=base).values_list("handle", flat=True))
    taken |= _WORDS_OF_ADDRESSES
    if base not in taken:
        return base
    return next(handle for n in range(2, len(taken) + 3) if (handle := f"{base}-{n}") not in taken)


def _note(dataset: Dataset, kind: str, actor: str) -> None:
    AuditEntry.objects.create(team_id=dataset.team_id, actor=actor, action=kind, target=dataset.public_id)
    data = {"dataset_id": dataset.public_id, "handle": dataset.handle, "name": dataset.name}
    tell(team_id=dataset.team_id, kind=kind, data=data)


def _moment(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
