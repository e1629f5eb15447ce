"""One part of a study. Each kind has its own computation; all read the bars and costs of the run they hang on."""

from __future__ import annotations

from collections.abc import Callable

from apps.backtests.compute.challenge import hold_against_pack
from apps.backtests.compute.monte_carlo import draw_again
from apps.backtests.compute.portfolio import run_together
from apps.backtests.compute.search import gather, run_part
from apps.backtests.compute.walk_forward import join, walk_window
from apps.backtests.models import Chunk, ChunkStage, StudyKind
from apps.backtests.services.finishing import ChunkOutcome

Checkpoint = Callable[[float], None]
Computation = Callable[[Chunk, Checkpoint], ChunkOutcome]
COMPUTATIONS: dict[tuple[str, str], Computation] = {
    (StudyKind.CHALLENGE, ChunkStage.GATHER): hold_against_pack,
    (StudyKind.MONTE_CARLO, ChunkStage.GATHER): draw_again,
    (StudyKind.PORTFOLIO, ChunkStage.GATHER): run_together,
    (StudyKind.SWEEP, ChunkStage.WORK): run_part,
    (StudyKind.SWEEP, ChunkStage.GATHER): gather,
    (StudyKind.OPTUNA, ChunkStage.WORK): run_part,
    (StudyKind.OPTUNA, ChunkStage.GATHER): gather,
    (StudyKind.WALK_FORWARD, ChunkStage.WORK): walk_window,
    (StudyKind.WALK_FORWARD, ChunkStage.GATHER): join,
}


def compute(chunk: Chunk, checkpoint: Checkpoint) -> ChunkOutcome:
    """
    Return what a part of a study comes to.

    :raises TradingError: where it cannot be computed.
    """
    return COMPUTATIONS[chunk.study.kind, chunk.stage](chunk, checkpoint)
