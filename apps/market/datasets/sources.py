"""Where an import's columns come from: the uploaded file, the bars that agents sent, an exchange."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from django.core.files.storage import default_storage

from apps.common.ids import parse_public_id
from apps.market.datasets import exchange
from apps.market.models import Bar, DatasetImport, DatasetSource
from trading.data.columns import Columns
from trading.data.errors import DataEmpty
from trading.data.examine import Examined, Policy, examine
from trading.data.files import read_bars
from trading.data.layout import PARQUET_MAGIC
from trading.model.timeframe import Timeframe

Progress = Callable[[float], None]
_BLOCK = 20_000
MOST_CANDLES = 1_000_000
"""A thousand pages of an exchange: with its rate limit, half an hour."""


def read_source(job: DatasetImport, on_progress: Progress) -> Examined:
    """
    Return what an import asked for, examined.

    :param on_progress: told the fraction that is read [0..1]; what it raises ends the reading.
    :raises TradingError: where there are no such bars, or they are faulty.
    :raises FileNotFoundError: where the uploaded file is gone.
    """
    if job.source == DatasetSource.UPLOAD:
        return _read_upload(job, on_progress)
    columns = _read_sent(job, on_progress) if job.source == DatasetSource.TERMINAL else _read_exchange(job, on_progress)
    return examine(columns, policy=Policy.REFUSE, timeframe=Timeframe(job.request["timeframe"]))


def _read_upload(job: DatasetImport, on_progress: Progress) -> Examined:
    request = job.request
    asked = {"zone": request["zone"], "policy": Policy(request["policy"])}
    timeframe = Timeframe(request["timeframe"]) if request.get("timeframe") else None

    def progress(done_bytes: int) -> None:
        on_progress(min(done_bytes / max(job.upload_bytes, 1), 1.0))

    opened: Any = default_storage.open(job.upload, "rb")
    with opened as file:
        is_parquet = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
        file.seek(0)
        if is_parquet:
            from trading.data.parquet import read_parquet_columns  # loads pyarrow

            return examine(read_parquet_columns(file, on_progress=progress), **asked, timeframe=timeframe)
        return read_bars(file, layout=request.get("layout"), **asked, timeframe=timeframe, on_progress=progress)


def _read_sent(job: DatasetImport, on_progress: Progress) -> Columns:
    account_id = parse_public_id("acc", job.request["account_id"])
    rows = Bar.objects.filter(
        account_id=account_id, account__team_id=job.team_id, symbol=job.symbol, timeframe=job.request["timeframe"]
    ).order_by("opens_at")
    total, blocks, block = rows.count(), list[Any](), list[Any]()
    wanted: Any = rows.values_list("opens_at", "open", "high", "low", "close", "volume", "spread_points")
    for row in wanted.iterator(chunk_size=_BLOCK):
        block.append((row[0].timestamp(), *map(float, row[1:])))
        if len(block) == _BLOCK:
            blocks.append(np.array(block))
            block = []
            on_progress(len(blocks) * _BLOCK / total)
    if block:
        blocks.append(np.array(block))
    if not blocks:
        raise DataEmpty(f"no agent has sent {job.request['timeframe']} bars of {job.symbol}")
    return to_columns(np.concatenate(blocks))


def _read_exchange(job: DatasetImport, on_progress: Progress) -> Columns:
    request = job.request
    start, end = datetime.fromisoformat(request["start"]), datetime.fromisoformat(request["end"])
    client = exchange.connect(request["exchange"])
    rows = exchange.fetch_candles(
        client,
        job.symbol,
        Timeframe(request["timeframe"]),
        start=start,
        end=end,
        on_progress=on_progress,
        most_bars=MOST_CANDLES,
    )
    return to_columns(rows)


def to_columns(rows: Any) -> Columns:
    """Return rows of ``time_s, open, high, low, close, volume[, spread]`` as columns in UTC."""
    time_s = rows[:, 0].astype(np.int64)
    spread = rows[:, 6] if rows.shape[1] > 6 else np.zeros(len(rows))
    open_, high, low, close, volume = (rows[:, place] for place in range(1, 6))
    return Columns(time_s, open_, high, low, close, volume, spread.astype(np.int64), zoned=True)
