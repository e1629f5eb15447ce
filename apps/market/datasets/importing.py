"""Working an import: claimed by one worker, seen to live, ended once."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F

from apps.common.clock import read_at
from apps.market.datasets.asking import end_import, wake_worker
from apps.market.datasets.selectors import LIVE
from apps.market.datasets.sources import read_source
from apps.market.datasets.store import store_dataset
from apps.market.models import Dataset, DatasetImport, ImportStatus
from trading.errors import TradingError

SILENT = timedelta(minutes=3)
LOST = timedelta(minutes=1)
KEEP_DRAFTS = timedelta(days=2)
MOST_ATTEMPTS = 3
log = structlog.get_logger(__name__)


class _Ended(Exception):
    """Somebody cancelled the import, or another worker has it now."""


def run_import(*, import_id: UUID, at: datetime) -> str:
    """
    Read what the import asks for and keep it as a dataset; return the import's status afterwards.

    Only one worker has an import: it is claimed by compare-and-set and held by its attempt's number. What is wrong with the
    data ends it as FAILED with code and findings; a bug too, and stays loud.
    """
    mine = DatasetImport.objects.filter(pk=import_id, status=ImportStatus.QUEUED)
    if not mine.update(status=ImportStatus.READING, attempt=F("attempt") + 1, seen_at=at):
        return str(DatasetImport.objects.values_list("status", flat=True).get(pk=import_id))
    job = DatasetImport.objects.get(pk=import_id)
    try:
        examined = read_source(job, lambda fraction: _report(job, fraction))
        _report(job, 1.0)
        dataset = store_dataset(
            team_id=job.team_id,
            actor=job.created_by,
            name=job.name,
            symbol=job.symbol,
            source=job.source,
            origin=job.request,
            examined=examined,
        )
    except _Ended:
        return _end(job, ImportStatus.CANCELLED)
    except TradingError as error:
        return _fail(job, error.as_dict())
    except FileNotFoundError:
        return _fail(job, {"code": "DATA_FILE_LOST", "message": "The uploaded file is gone; upload it again."})
    except Exception:
        _fail(job, {"code": "INTERNAL", "message": "Reading broke on our side; it has been logged."})
        raise
    return _end(job, ImportStatus.DONE, dataset)


def requeue_silent(*, at: datetime) -> int:
    """
    Queue again what a lost message or a killed worker left behind, let old drafts go, and return how many were touched.

    After three attempts an import is FAILED: what kills its worker would kill the next one too.
    """
    touched = 0
    silent = DatasetImport.objects.filter(status=ImportStatus.READING, seen_at__lt=at - SILENT)
    for job_id in silent.values_list("pk", flat=True):
        touched += _take_back(job_id, at)
    waiting = DatasetImport.objects.filter(status=ImportStatus.QUEUED, created_at__lt=at - LOST)
    for job in waiting.order_by("created_at")[:20]:
        wake_worker(job)
        touched += 1
    drafts = DatasetImport.objects.filter(
        status__in=[ImportStatus.DRAFT, ImportStatus.FAILED], created_at__lt=at - KEEP_DRAFTS
    ).exclude(upload="")
    for job in drafts:
        with transaction.atomic():
            locked = DatasetImport.objects.select_for_update().get(pk=job.pk)
            if locked.status not in LIVE and locked.upload:
                end_import(locked, ImportStatus.CANCELLED if locked.status == ImportStatus.DRAFT else locked.status, at)
                touched += 1
    return touched


@transaction.atomic
def _take_back(job_id: UUID, at: datetime) -> int:
    job = DatasetImport.objects.select_for_update().get(pk=job_id)
    if job.status != ImportStatus.READING or job.seen_at is None or job.seen_at >= at - SILENT:
        return 0
    if job.is_cancelled:
        end_import(job, ImportStatus.CANCELLED, at)
    elif job.attempt >= MOST_ATTEMPTS:
        job.problem = {
            "code": "IMPORT_INTERRUPTED",
            "message": f"Its worker died {MOST_ATTEMPTS} times while reading it.",
        }
        end_import(job, ImportStatus.FAILED, at, keep_upload=True)
    else:
        job.status = ImportStatus.QUEUED
        job.save(update_fields=["status"])
        wake_worker(job)
    return 1


def _report(job: DatasetImport, fraction: float) -> None:
    """Say that the worker lives and how far it is; end where the import is no longer its own, or shall end."""
    mine = DatasetImport.objects.filter(pk=job.pk, status=ImportStatus.READING, attempt=job.attempt, is_cancelled=False)
    progress = Decimal(f"{fraction:.4f}")
    if not mine.update(progress_fraction=progress, seen_at=read_at()):
        raise _Ended
    job.progress_fraction = progress


@transaction.atomic
def _end(job: DatasetImport, status: str, dataset: Dataset | None = None) -> str:
    locked = _lock_mine(job)
    if locked is None:
        return str(DatasetImport.objects.values_list("status", flat=True).get(pk=job.pk))
    if dataset is not None:
        locked.dataset, locked.findings, locked.progress_fraction = dataset, dataset.findings, Decimal(1)
    end_import(locked, status, read_at())
    return status


@transaction.atomic
def _fail(job: DatasetImport, problem: dict[str, object]) -> str:
    locked = _lock_mine(job)
    if locked is not None:
        extra = problem.get("extra")
        locked.findings = extra.pop("findings", []) if isinstance(extra, dict) else []
        locked.problem = problem
        # The file stays, so that a person can choose another policy, zone or layout.
        end_import(locked, ImportStatus.FAILED, read_at(), keep_upload=True)
        log.info("IMPORT_FAILED", import_id=job.public_id, code=problem["code"])
    return str(ImportStatus.FAILED)


def _lock_mine(job: DatasetImport) -> DatasetImport | None:
    rows = DatasetImport.objects.select_for_update(no_key=True)
    return rows.filter(pk=job.pk, status=ImportStatus.READING, attempt=job.attempt).first()
