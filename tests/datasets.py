"""Datasets for tests: made through the services, their files in the tests' own storage."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from apps.market.datasets.store import store_dataset
from apps.market.models import Dataset, DatasetImport
from apps.teams.models import Team
from trading.data.examine import Examined
from trading.data.quality import inspect
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

START = datetime(2026, 1, 5, tzinfo=UTC)


def make_bars(count: int = 500, timeframe: Timeframe = Timeframe.M5, *, price: float = 1.1, seed: int = 0) -> Bars:
    """Return a random walk of bars from Monday, 5 January 2026 on."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, 1e-4, count)))
    opened = np.append(price, close[:-1])
    high, low = np.maximum(opened, close) * 1.0001, np.minimum(opened, close) * 0.9999
    time_s = int(START.timestamp()) + timeframe.seconds * np.arange(count)
    return Bars(timeframe, time_s, opened, high, low, close, rng.integers(1, 99, count), np.full(count, 8))


def make_gappy_bars() -> Bars:
    """Return forty working days of five minutes, an hour of them missing in the middle."""
    bars = make_bars(40 * 288)
    weekday = (bars.time // 86_400 + 3) % 7
    kept = (weekday < 5) & ((bars.time < bars.time[5000]) | (bars.time >= bars.time[5012]))
    names = ("time", "open", "high", "low", "close", "volume", "spread_points")
    return Bars(bars.timeframe, *(getattr(bars, name)[kept] for name in names))


def make_dataset(
    team: Team, *, name: str = "EURUSD M5", symbol: str = "EURUSD", bars: Bars | None = None
) -> tuple[Dataset, DatasetImport]:
    """Return a dataset of the team and the import it came from."""
    bars = bars or make_bars()
    dataset = store_dataset(
        team_id=team.pk, actor="test", name=name, symbol=symbol, source="UPLOAD",
        origin={"file_name": "bars.csv", "zone": "UTC", "policy": "REFUSE"}, examined=Examined(bars, inspect(bars)),
    )  # fmt: skip
    job = DatasetImport.objects.create(
        team=team, name=name, symbol=symbol, source="UPLOAD", status="DONE", dataset=dataset, progress_fraction=1
    )
    return dataset, job
