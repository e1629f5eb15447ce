"""One part of a study. Each kind has its own computation; all read the bars and costs of the run they hang on."""

from __future__ import annotations

from collections.abc import Callable

from apps.backtests.compute.challenge import hold_against_pack
from apps.backtests.models import Chunk, StudyKind
from apps.backtests.services.finishing import ChunkOutcome

Checkpoint = Callable[[float], None]
COMPUTATIONS: dict[str, Callable[[Chunk, Checkpoint], ChunkOutcome]] = {
    StudyKind.CHALLENGE: hold_against_pack,
}


def compute(chunk: Chunk, checkpoint: Checkpoint) -> ChunkOutcome:
    """
    Return what a part of a study comes to.

    :raises TradingError: where it cannot be computed.
    """
    return COMPUTATIONS[chunk.study.kind](chunk, checkpoint)
