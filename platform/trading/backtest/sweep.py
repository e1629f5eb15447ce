"""Many documents over the same bars: a summary of each, every one as `run` would come to it, shared out among the processors."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading import jit
from trading.backtest.costs import Costs
from trading.backtest.run import Job, find_spread, make_job, read_result
from trading.engine.book import TRADE_FLOATS, TRADE_INTS
from trading.engine.crosses import NOT_SURE, run_many
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


_COLUMNS, _AT_A_TIME = 7, 50
_MARK_NOTHING: FloatArray = np.zeros(0)
_NO_PARTIALS: Any = None


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
    rows = np.zeros((len(documents), _COLUMNS))
    workers = threads or os.cpu_count() or 1
    jobs: list[Job] = []
    batches: dict[tuple[Any, ...], list[int]] = {}
    for place, document in enumerate(documents):
        frame = options.get("timeframe") or bars.timeframe
        prepared = prepare(document, instrument, frame, settings=options.get("settings"))
        job = make_job(bars, prepared, costs, balance, plain=False, **_without(options, "timeframe", "settings"))
        jobs.append(job)
        # Those that differ by their averages alone go through one call.
        key = (*prepared.params._replace(partials=_NO_PARTIALS), job.is_short)
        batches.setdefault(tuple(key) if job.is_short else (place,), []).append(place)
    pieces = [places[start::workers] for places in batches.values() for start in range(workers)]
    with ThreadPoolExecutor(workers) as pool:
        done = pool.map(lambda places: _work(jobs, places, rows, until), [piece for piece in pieces if piece])
        for _ in done:
            pass
    return _read(rows)


def _without(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in names}


def _work(jobs: Sequence[Job], places: list[int], rows: FloatArray, until: Callable[[], bool]) -> None:
    for start in range(0, len(places), _AT_A_TIME):
        piece = places[start : start + _AT_A_TIME]
        if until():
            return
        first = jobs[piece[0]]
        if first.is_short:
            rows[piece] = _run_short(first, [jobs[place] for place in piece])
        for place in piece:
            if not first.is_short or rows[place, 0] == NOT_SURE:
                job = jobs[place]
                result = read_result(job, job.run_long(_MARK_NOTHING))
                rows[place] = _summarise(result.trades.columns().pnl, job.balance, result.final_balance)


def _run_short(first: Job, jobs: Sequence[Job]) -> FloatArray:
    programs = [program for job in jobs if (program := job.prepared.program) is not None]
    periods = np.array([(p.first_period, p.second_period, p.first_signal_bar) for p in programs], dtype=np.int64)
    out = np.zeros((len(periods), _COLUMNS))
    bars, prepared = first.bars, first.prepared
    room = len(bars) // 2 + 2
    jit.compiled(run_many)(
        prepared.params, first.costs.charges(prepared.instrument), periods, bars.open, bars.high, bars.low, bars.close,
        find_spread(bars, prepared.instrument, first.costs), first.first_bar, first.pessimistic, first.balance,
        np.empty((room, TRADE_INTS), dtype=np.int64), np.empty((room, TRADE_FLOATS)), np.zeros(16, dtype=np.int64), out,
    )  # fmt: skip
    return out


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
