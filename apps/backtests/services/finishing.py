"""Writing results: exactly one for each run and each part of a study, together with the event that tells of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import Avg
from numpy.typing import NDArray

from apps.backtests import storage
from apps.backtests.engine_version import read_engine_version
from apps.backtests.models import OPEN, Chunk, ChunkStage, Leased, Run, Study, Trial, WorkStatus
from apps.backtests.services.asking import WORK_TASK, tell_run
from apps.backtests.services.bars import RunBars
from apps.backtests.services.leases import LeaseLost, settling
from apps.common.nudges import after_commit
from apps.common.outbox import tell
from apps.common.wire import to_plain


@dataclass(frozen=True, slots=True)
class Computed:
    """What a backtest came to. `reused` is a finished run of the team with exactly the same inputs; it has all the rest."""

    loaded: RunBars
    data_hash: str
    findings: list[str]
    costs: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    headline: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    reused: Run | None = None


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """What a part of a study came to: its own result, and the points it tried as `(number, point, values, score)`."""

    result: dict[str, Any]
    headline: dict[str, Any] = field(default_factory=dict)
    trials: list[tuple[int, dict[str, Any], dict[str, Any], float | None]] = field(default_factory=list)
    count: int = 1


def result_key(run: Run, data_hash: str, costs: dict[str, Any]) -> str:
    """Return the hash of everything a result follows from: equal keys, equal results."""
    inputs = [
        read_engine_version(), data_hash, run.document, run.symbol, run.timeframe, run.bars_timeframe, run.instrument,
        costs, f"{run.balance:f}", run.currency, run.pessimistic,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(to_plain(inputs), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def finish_run(run: Run, computed: Computed, *, took_s: float, at: datetime) -> None:
    """
    Write what a claimed backtest came to.

    :raises LeaseLost: where it was cancelled, or another worker has it; nothing is written then.
    """
    while True:
        try:
            _finish_run(run, computed, took_s=took_s, at=at)
            return
        except storage.FileGone:
            continue  # somebody deleted the last run with the same file just now


def _finish_run(run: Run, computed: Computed, *, took_s: float, at: datetime) -> None:
    bars, reused = computed.loaded.bars, computed.reused
    data_file = storage.keep_arrays(run.team_id, storage.bars_to_arrays(bars, list(computed.loaded.others.values())))
    columns_file = reused.columns_file if reused else storage.keep_arrays(run.team_id, computed.arrays)
    changes = {
        "data_file": data_file,
        "data_hash": computed.data_hash,
        "columns_file": columns_file,
        "costs": computed.costs,
        "engine_version": read_engine_version(),
        "result_key": result_key(run, computed.data_hash, computed.costs),
        "reused_from": reused,
        "first_bar_at": datetime.fromtimestamp(int(bars.time[0]), UTC),
        "last_bar_at": datetime.fromtimestamp(int(bars.time[-1]), UTC),
        "bar_count": len(bars),
        "took_s": round(took_s, 3),
        "headline": reused.headline if reused else computed.headline,
        "summary": reused.summary if reused else computed.summary,
        "findings": computed.findings,
    }
    with settling(run, at, WorkStatus.DONE, **changes):
        storage.hold_names({data_file, columns_file})
        run.status, run.progress_fraction = WorkStatus.DONE, 1
        tell_run(run)


def begin_study(chunk: Chunk, at: datetime) -> None:
    """Mark a study as running once the first of its parts is taken."""
    Study.objects.filter(pk=chunk.study_id, status=WorkStatus.QUEUED).update(status=WorkStatus.RUNNING, started_at=at)


def finish_chunk(chunk: Chunk, outcome: ChunkOutcome, *, at: datetime) -> None:
    """
    Write what a claimed part of a study came to, and make ready what builds on it; the last part ends the study.

    :raises LeaseLost: where the study was cancelled, or another worker has the part; nothing is written then.
    """
    kept = {} if chunk.stage == ChunkStage.GATHER else to_plain(outcome.result)
    with settling(chunk, at, WorkStatus.DONE, result=kept):
        study = Study.objects.select_for_update(no_key=True).get(pk=chunk.study_id)
        if not study.is_open:
            raise LeaseLost(chunk.public_id)
        Trial.objects.bulk_create(
            Trial(study=study, chunk=chunk, number=number, point=point, values=to_plain(values), score=score)
            for number, point, values, score in outcome.trials
        )
        study.work_done = min(study.work_total, study.work_done + outcome.count)
        if chunk.stage == ChunkStage.GATHER:
            study.status, study.finished_at = WorkStatus.DONE, at
            study.result, study.headline = to_plain(outcome.result), to_plain(outcome.headline)
            study.engine_version = read_engine_version()
        else:
            _make_ready(chunk)
        study.save()
        tell_study(study)
        after_commit(WORK_TASK)


def fail_chunk(chunk: Chunk, problem: dict[str, Any], *, at: datetime) -> None:
    """
    End a study because a part of it cannot be computed; what is done stays, and can be taken up again.

    :raises LeaseLost: where the study was cancelled, or another worker has the part.
    """
    with settling(chunk, at, WorkStatus.FAILED, problem=problem):
        study = Study.objects.select_for_update(no_key=True).get(pk=chunk.study_id)
        if not study.is_open:
            raise LeaseLost(chunk.public_id)
        study.chunks.filter(status__in=OPEN).update(status=WorkStatus.CANCELLED, lease_until=None)
        study.status, study.problem, study.finished_at = WorkStatus.FAILED, problem, at
        study.save(update_fields=["status", "problem", "finished_at"])
        tell_study(study)


def tell_progress(row: Leased) -> None:
    """Tell whoever looks how far the work is."""
    if isinstance(row, Run):
        tell_run(row)
    elif isinstance(row, Chunk):
        tell_study(row.study)


def tell_study(study: Study) -> None:
    """Tell whoever looks that a study changed."""
    data = {"study_id": study.public_id, "status": study.status, "progress_fraction": measure_progress(study)}
    tell(team_id=study.team_id, kind="study.changed", data=data)


def measure_progress(study: Study) -> float:
    """Return how far a study is [fraction]: the mean of its parts."""
    if study.status == WorkStatus.DONE:
        return 1.0
    return round(float(study.chunks.aggregate(mean=Avg("progress_fraction"))["mean"] or 0), 4)


def _make_ready(chunk: Chunk) -> None:
    """Make ready the part that comes after this one, and the gathering when all others are done."""
    parts = Chunk.objects.filter(study_id=chunk.study_id)
    parts.filter(stage=ChunkStage.WORK, number=chunk.number + 1).update(is_ready=True)
    if not parts.filter(stage=ChunkStage.WORK).exclude(status=WorkStatus.DONE).exists():
        parts.filter(stage=ChunkStage.GATHER).update(is_ready=True)
