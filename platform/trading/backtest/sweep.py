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

from trading.backtest.costs import Costs
from trading.backtest.run import run
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


_COLUMNS = 7


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
    :param until: asked before each run; once it says True, the rest are not run and their rows stay zero.
    :param options: what else `run` takes.
    :raises TradingError: as `run`, for the first document that cannot be run.
    """
    rows = np.zeros((len(documents), _COLUMNS))

    def work(place: int) -> None:
        if not until():
            result = run(bars, documents[place], instrument, costs, balance, plain=False, **options)
            rows[place] = _summarise(result.trades.columns().pnl, float(balance), result.final_balance)

    if not documents:
        return _read(rows)
    # The first one alone: it puts the bars on ticks and makes the machine code that the others share.
    work(0)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        for _ in pool.map(work, range(1, len(documents))):
            pass
    return _read(rows)


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
