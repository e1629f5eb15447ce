"""Reading datasets: bars for a run, a few of them for a page, all of them as a file."""

from __future__ import annotations

import tempfile
from datetime import datetime
from typing import BinaryIO, cast

from django.core.files.storage import default_storage

from apps.common.codes import Code
from apps.common.errors import Impossible, Unavailable
from apps.market.models import Dataset
from trading.data.files import write_csv
from trading.data.parquet import read_parquet
from trading.errors import TradingError
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe


def load_bars(
    dataset: Dataset,
    *,
    timeframe: str | Timeframe | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Bars:
    """
    Return the dataset's bars that open in ``start <= time < end``, added up to a coarser timeframe where one is named.

    A coarse bar of which the dataset's end, or ``end``, cuts off a part is left out: a bar still forming is no bar.

    :raises Impossible: where the timeframe is unknown or finer than the dataset's, or a moment lacks its zone.
    :raises Unavailable: DATA_FILE_LOST where the storage no longer has the file.
    """
    start_s, end_s = _seconds(start, "start"), _seconds(end, "end")
    try:
        wanted = Timeframe.parse(timeframe) if timeframe is not None else Timeframe(dataset.timeframe)
        with _open(dataset) as file:
            return read_parquet(file, start_s=start_s, end_s=end_s).resample(wanted)
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error


def open_export(dataset: Dataset, kind: str) -> BinaryIO:
    """
    Return the dataset as an open file at its beginning: ``csv`` or ``parquet``.

    :raises Impossible: FIELD_INVALID for another kind.
    :raises Unavailable: DATA_FILE_LOST where the storage no longer has the file.
    """
    if kind == "parquet":
        return _open(dataset)
    if kind != "csv":
        raise Impossible(
            Code.FIELD_INVALID, "format must be csv or parquet.", "format", {"allowed": ["csv", "parquet"]}
        )
    # The answer closes it when it has been sent.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    write_csv(load_bars(dataset), cast(BinaryIO, file))
    file.seek(0)
    return cast(BinaryIO, file)


def _open(dataset: Dataset) -> BinaryIO:
    try:
        return cast(BinaryIO, default_storage.open(dataset.file, "rb"))
    except FileNotFoundError:
        message = f"The file of {dataset.handle} is not in the storage any more; import it again."
        raise Unavailable("DATA_FILE_LOST", message) from None


def _seconds(at: datetime | None, field: str) -> int | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise Impossible(Code.FIELD_INVALID, "The moment lacks its zone.", field)
    return int(at.timestamp())
