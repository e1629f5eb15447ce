"""The bars a backtest runs over: read once, kept as a file, the same ever after."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

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
    """Bars and what is to be known of them."""

    bars: Bars
    findings: list[str]


def load_run_bars(run: Run) -> RunBars:
    """
    Return the bars of a backtest: those it was computed from, where it was computed before.

    :raises InvalidBars: where there are none (any more).
    """
    if run.data_file:
        return RunBars(storage.load_bars(run.data_file, run.bars_timeframe), list(run.findings))
    return _read_dataset(run, run.dataset) if run.dataset else _read_stored(run)


def _read_dataset(run: Run, dataset: Dataset) -> RunBars:
    bars = load_bars(dataset, start=run.starts_at, end=run.ends_at + timedelta(seconds=1) if run.ends_at else None)
    if not len(bars):
        raise InvalidBars(f"{dataset.name} has no bars in this period")
    return RunBars(bars, [f"In {dataset.name}: {finding['message']}" for finding in dataset.findings])


def _read_stored(run: Run) -> RunBars:
    if run.account_id is None or run.ends_at is None:
        raise InvalidBars("it is not said which bars to run over")
    period = {"until": run.ends_at, "since": run.starts_at, "most": MOST_STORED_BARS}
    rows = list(read_bar_rows(run.account_id, run.symbol, run.bars_timeframe, **period))  # type: ignore[arg-type]
    if not rows:
        raise InvalidBars(
            "the bars it was to run over are not stored any more: bars of one minute are kept for 90 days"
        )
    rows.reverse()
    table = np.array([(row[0].timestamp(), *map(float, row[1:])) for row in rows], dtype=np.float64)
    time, open_, high, low, close, volume, spread = table.T
    bars = Bars(Timeframe(run.bars_timeframe), time, open_, high, low, close, volume, spread)
    findings = []
    if len(rows) == MOST_STORED_BARS:
        findings.append(f"There are more bars; the newest {MOST_STORED_BARS:,} were taken.")
    return RunBars(bars, findings)
