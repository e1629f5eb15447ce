"""Many documents over the same bars: a summary of each, every one as `run` would come to it, shared out among the processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.backtest.costs import Costs
from trading.backtest.pairs import SUMMARY_COLUMNS, Pair, find_family, part_pairs, read_pair, run_part
from trading.backtest.run import Job, make_job, read_result
from trading.engine.crosses import NOT_SURE
from trading.engine.sources import prepare
from trading.model.bars import Bars
from trading.model.instrument import Instrument

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Summaries:
    """One row per document, in the order given; money in the account's currency."""

    trades: IntArray
    won: IntArray
    net_profit: FloatArray
    gross_profit: FloatArray
    gross_loss: FloatArray
    max_drawdown: FloatArray
    """Of the balance, trade by trade: the fall between two closes of bars is not in it."""
    final_balance: FloatArray


_AT_A_TIME = 50
_MARK_NOTHING: FloatArray = np.zeros(0)


def run_grid(
    bars: Bars,
    documents: Sequence[Mapping[str, Any]],
    instrument: Instrument,
    costs: Costs,
    balance: Decimal,
    *,
    threads: int | None = None,
    until: Callable[[], bool] = lambda: False,
    **options: Any,
) -> Summaries:
    """
    Run every document and return what became of each: the trades are those of single runs.

    :param threads: how many runs go at the same time; by default one per processor. Compiled runs leave Python alone meanwhile.
    :param until: asked now and then; once it says True, the rest are not run and their rows stay zero.
    :param options: what else `run` takes.
    :raises TradingError: as `run`, for the first document that cannot be run.
    """
    rows = np.zeros((len(documents), SUMMARY_COLUMNS))
    workers = threads or os.cpu_count() or 1

    def make(document: Mapping[str, Any]) -> Job:
        frame = options.get("timeframe") or bars.timeframe
        prepared = prepare(document, instrument, frame, settings=options.get("settings"))
        return make_job(bars, prepared, costs, balance, plain=False, **_without(options, "timeframe", "settings"))

    families, single = _sort(documents, make)
    tasks: list[Callable[[], None]] = [
        partial(_run_pairs, job, part, documents, make, rows)
        for job, pairs in families
        for part in part_pairs(pairs, len(bars), workers)
    ]
    parts = (single[start : start + _AT_A_TIME] for start in range(0, len(single), _AT_A_TIME))
    tasks += [partial(_run_single, part, rows) for part in parts]
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(lambda task: None if until() else task(), tasks):
            pass
    return _read(rows)


def _without(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}


def _sort(
    documents: Sequence[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], Job]
) -> tuple[list[tuple[Job, list[Pair]]], list[tuple[int, Job]]]:
    """Return the documents that go together, a job and the pairs to run it with; and the others, each with its place."""
    families: dict[str, tuple[Job, list[Pair]]] = {}
    single: list[tuple[int, Job]] = []
    for place, document in enumerate(documents):
        family = find_family(document)
        if family is None or family not in families:
            job = make(document)
            if family is None or not job.is_short:
                single.append((place, job))
                continue
            families[family] = (job, [])
        job, pairs = families[family]
        pair = read_pair(document, place)
        if max(pair.first, pair.second) < len(job.bars):
            pairs.append(pair)
        else:
            single.append((place, make(document)))
    return list(families.values()), single


def _run_pairs(
    job: Job,
    pairs: Sequence[Pair],
    documents: Sequence[Mapping[str, Any]],
    make: Callable[[Mapping[str, Any]], Job],
    rows: FloatArray,
) -> None:
    found = run_part(job, pairs)
    rows[[pair.place for pair in pairs]] = found
    _run_single([(pair.place, make(documents[pair.place])) for pair in pairs if rows[pair.place, 0] == NOT_SURE], rows)


def _run_single(jobs: Sequence[tuple[int, Job]], rows: FloatArray) -> None:
    for place, job in jobs:
        result = read_result(job, job.run_long(_MARK_NOTHING))
        rows[place] = _summarise(result.trades.columns().pnl, job.balance, result.final_balance)


def _summarise(pnl: FloatArray, balance: float, final: float) -> tuple[float, ...]:
    curve = np.concatenate(([balance], balance + np.cumsum(pnl)))
    won, lost = pnl[pnl > 0], pnl[pnl < 0]
    fall = float((np.maximum.accumulate(curve) - curve).max())
    return len(pnl), len(won), final - balance, float(won.sum()), float(lost.sum()), fall, final


def _read(rows: FloatArray) -> Summaries:
    return Summaries(
        trades=rows[:, 0].astype(np.int64),
        won=rows[:, 1].astype(np.int64),
        net_profit=np.round(rows[:, 2], 2),
        gross_profit=np.round(rows[:, 3], 2),
        gross_loss=np.round(rows[:, 4], 2),
        max_drawdown=np.round(rows[:, 5], 2),
        final_balance=rows[:, 6],
    )
