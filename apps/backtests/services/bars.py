"""The bars a backtest runs over: read once, kept as a file, the same ever after."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import numpy as np

from apps.backtests import storage
from apps.backtests.limits import MOST_STORED_BARS
from apps.backtests.models import Run
from apps.backtests.selectors import read_bar_rows
from apps.market.datasets.reading import load_bars
from apps.market.models import Dataset
from trading.errors import InvalidBars
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe


class RunBars(NamedTuple):
    """Bars, those of the other symbols the strategy looks at, and what is to be known of them."""

    bars: Bars
    findings: list[str]
    others: Mapping[str, Bars] = {}


class Piece(NamedTuple):
    """Bars to be read: of a dataset, or what agents of an account sent."""

    dataset: Dataset | None
    account_id: UUID | None
    symbol: str
    timeframe: str


def load_own_bars(run: Run) -> Bars:
    """
    Return the bars of a backtest's own symbol.

    :raises InvalidBars: where there are none (any more).
    """
    if run.data_file:
        return storage.load_bars(run.data_file, run.bars_timeframe)
    return _read(run, Piece(run.dataset, run.account_id, run.symbol, run.bars_timeframe))[0]


def load_run_bars(run: Run) -> RunBars:
    """
    Return the bars of a backtest: those it was computed from, where it was computed before.

    :raises InvalidBars: where there are none (any more).
    """
    beside = list(run.beside.select_related("dataset"))
    if run.data_file:
        name = run.data_file
        others = {row.symbol: storage.load_beside(name, row.number, row.bars_timeframe) for row in beside}
        return RunBars(storage.load_bars(name, run.bars_timeframe), list(run.findings), others)
    bars, findings = _read(run, Piece(run.dataset, run.account_id, run.symbol, run.bars_timeframe))
    others = {}
    for row in beside:
        others[row.symbol], more = _read(run, Piece(row.dataset, row.account_id, row.bars_symbol, row.bars_timeframe))
        findings += more
    return RunBars(bars, findings, others)


def _read(run: Run, piece: Piece) -> tuple[Bars, list[str]]:
    return _read_dataset(run, piece.dataset) if piece.dataset else _read_stored(run, piece)


def _read_dataset(run: Run, dataset: Dataset) -> tuple[Bars, list[str]]:
    bars = load_bars(dataset, start=run.starts_at, end=run.ends_at + timedelta(seconds=1) if run.ends_at else None)
    if not len(bars):
        raise InvalidBars(f"{dataset.name} has no bars in this period")
    return bars, [f"In {dataset.name}: {finding['message']}" for finding in dataset.findings]


def _read_stored(run: Run, piece: Piece) -> tuple[Bars, list[str]]:
    if piece.account_id is None or run.ends_at is None:
        raise InvalidBars("it is not said which bars to run over")
    period = {"until": run.ends_at, "since": run.starts_at, "most": MOST_STORED_BARS}
    rows = list(read_bar_rows(piece.account_id, piece.symbol, piece.timeframe, **period))  # type: ignore[arg-type]
    if not rows:
        raise InvalidBars(
            f"the bars of {piece.symbol} it was to run over are not stored any more: bars of one minute are kept for 90 days"
        )
    rows.reverse()
    table = np.array([(row[0].timestamp(), *map(float, row[1:])) for row in rows], dtype=np.float64)
    time, open_, high, low, close, volume, spread = table.T
    bars = Bars(Timeframe(piece.timeframe), time, open_, high, low, close, volume, spread)
    findings = []
    if len(rows) == MOST_STORED_BARS:
        findings.append(f"There are more bars of {piece.symbol}; the newest {MOST_STORED_BARS:,} were taken.")
    return bars, findings
