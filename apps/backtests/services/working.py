"""What a compute worker does: take the next work, compute it, write exactly one result. Nothing is computed in a transaction."""

from __future__ import annotations

import time

from django.db import transaction

from apps.backtests.models import Chunk, Run, WorkStatus
from apps.backtests.services import leases
from apps.backtests.services.asking import WORK_TASK, tell_run
from apps.backtests.services.finishing import begin_study, fail_chunk, finish_chunk, finish_run, tell_progress
from apps.backtests.services.leases import Checkpoint
from apps.backtests.services.under_lease import Problem, work_on
from apps.common.clock import read_at
from apps.common.nudges import after_commit


def work_next() -> bool:
    """Do the next waiting backtest or part of a study; return whether there was one."""
    at = read_at()
    run = leases.claim(Run.objects.all(), at)
    if run is not None:
        work_on(run, compute_run, tell=tell_progress, fail=_fail)
        return True
    chunk = leases.claim(Chunk.objects.filter(is_ready=True).select_related("study__run"), at)
    if chunk is not None:
        work_on(chunk, compute_chunk, tell=tell_progress, fail=_fail)
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


def _fail(row: Run | Chunk, problem: Problem) -> None:
    if isinstance(row, Chunk):
        fail_chunk(row, problem, at=read_at())
        return
    with leases.settling(row, read_at(), WorkStatus.FAILED, problem=problem):
        row.status = WorkStatus.FAILED
        tell_run(row)
