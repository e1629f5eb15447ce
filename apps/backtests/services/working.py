"""What a compute worker does: take the next work, compute it, write exactly one result. Nothing is computed in a transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.db import OperationalError, close_old_connections, connection, transaction

from apps.backtests.models import Chunk, Leased, Run, WorkStatus
from apps.backtests.services import leases
from apps.backtests.services.asking import WORK_TASK, tell_run
from apps.backtests.services.finishing import begin_study, fail_chunk, finish_chunk, finish_run, tell_progress
from apps.backtests.services.leases import Checkpoint
from apps.common.clock import read_at
from apps.common.codes import Code
from apps.common.errors import PlatformError
from apps.common.nudges import after_commit
from trading.errors import TradingError

log = structlog.get_logger(__name__)

BEAT_EVERY_S = 10.0


def work_next() -> bool:
    """Do the next waiting backtest or part of a study; return whether there was one."""
    at = read_at()
    run = leases.claim(Run.objects.all(), at)
    if run is not None:
        _work_on(run, compute_run)
        return True
    chunk = leases.claim(Chunk.objects.filter(is_ready=True).select_related("study__run"), at)
    if chunk is not None:
        _work_on(chunk, compute_chunk)
        return True
    return False


def nudge_waiting() -> bool:
    """Nudge a worker where something waits that nobody was told of, or whose worker died; return whether there was."""
    at = read_at()
    ready = Chunk.objects.filter(is_ready=True)
    waits = leases.list_claimable(Run.objects.all(), at).exists() or leases.list_claimable(ready, at).exists()
    if waits:
        with transaction.atomic():
            after_commit(WORK_TASK)
    return waits


def compute_run(run: Run, checkpoint: Checkpoint) -> None:
    """
    Compute a claimed backtest and write its result.

    :raises LeaseLost: where it was cancelled, or somebody else has it.
    """
    # The engine, and where it compiles numba, lives in this process only.
    from apps.backtests.compute.one import compute

    begun_s = time.monotonic()
    computed = compute(run, checkpoint)
    finish_run(run, computed, took_s=time.monotonic() - begun_s, at=read_at())


def compute_chunk(chunk: Chunk, checkpoint: Checkpoint) -> None:
    """
    Compute a claimed part of a study and write its result.

    :raises LeaseLost: where the study was cancelled, or somebody else has it.
    """
    from apps.backtests.compute.studies import compute

    begin_study(chunk, read_at())
    finish_chunk(chunk, compute(chunk, checkpoint), at=read_at())


def _work_on(row: Any, compute: Callable[[Any, Checkpoint], None]) -> None:
    """Compute a claimed row; whatever goes wrong becomes its problem, and never the worker's."""
    structlog.contextvars.bind_contextvars(work=row.public_id)
    try:
        if leases.is_worn_out(row):
            _fail(row, "WORKER_LOST", f"{leases.MOST_ATTEMPTS} workers ended over it without a result.")
            return
        with _beating(row):
            compute(row, leases.make_checkpoint(row, tell_progress))
    except leases.LeaseLost:
        log.info("WORK_DROPPED", work=row.public_id)
    except (TradingError, PlatformError) as error:
        _fail(row, error.code, error.message, error.field, error.extra)
    except OperationalError:
        raise  # the database is away: the lease runs out, and the next worker has it
    except Exception as error:
        log.exception("WORK_BROKE", work=row.public_id)
        if isinstance(error, MemoryError):
            _fail(row, "TOO_LARGE", "There is not enough memory for this: take fewer bars or points.")
        else:
            _fail(row, str(Code.INTERNAL), "Something broke on our side. It has been logged.")
    finally:
        structlog.contextvars.unbind_contextvars("work")


@contextmanager
def _beating(row: Leased) -> Iterator[None]:
    """Hold the lease while one long call computes and cannot say anything itself."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_EVERY_S):
            try:
                leases.renew(row, read_at())
            except leases.LeaseLost:
                break
            except OperationalError:
                close_old_connections()  # it is tried again; the lease is longer than a few beats
        connection.close()

    thread = threading.Thread(target=beat, name=f"lease-{row.public_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _fail(row: Any, code: str, message: str, field: str | None = None, extra: Any = None) -> None:
    problem: dict[str, Any] = {"code": str(code), "message": message}
    if field:
        problem["field"] = field
    if extra:
        problem["extra"] = extra
    try:
        if isinstance(row, Chunk):
            fail_chunk(row, problem, at=read_at())
            return
        with leases.settling(row, read_at(), WorkStatus.FAILED, problem=problem):
            row.status = WorkStatus.FAILED
            tell_run(row)
    except leases.LeaseLost:
        log.info("WORK_DROPPED", work=row.public_id)
