"""Reading datasets: bars for a run, a few of them for a page, all of them as a file."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from django.core.files.storage import default_storage

from apps.common.codes import Code
from apps.common.errors import Impossible, Unavailable
from apps.market.models import Dataset
from trading.data.files import write_csv
from trading.errors import TradingError
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

MOST_CSV_BARS = 2_000_000


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
    from trading.data.parquet import read_parquet  # loads pyarrow

    start_s, end_s = _seconds(start, "start"), _seconds(end, "end")
    try:
        wanted = _read_timeframe(timeframe or dataset.timeframe)
        with _open(dataset) as file:
            return read_parquet(file, start_s=start_s, end_s=end_s).resample(wanted)
    except TradingError as error:
        raise Impossible(error.code, error.message, error.field, error.extra) from error


def load_page(
    dataset: Dataset, *, timeframe: str | None, start: datetime | None, end: datetime | None, limit: int
) -> Bars:
    """
    Return at least ``limit + 1`` bars from ``start`` on, if there are as many, reading no more of the file than that takes.

    :raises Impossible, Unavailable: as `load_bars`.
    """
    frame = _read_timeframe(timeframe or dataset.timeframe)
    begin = start or dataset.first_at
    # Markets close: twice the span of that many bars, and four days, hold them almost always; else all of the rest is read.
    near = begin + timedelta(seconds=2 * frame.seconds * (limit + 2), days=4)
    bars = load_bars(dataset, timeframe=frame, start=begin, end=min(near, end) if end else near)
    is_all = len(bars) > limit or (near >= end if end else near > dataset.last_at)
    return bars if is_all else load_bars(dataset, timeframe=frame, start=begin, end=end)


def open_export(dataset: Dataset, kind: str) -> BinaryIO:
    """
    Return the dataset as an open file at its beginning: ``csv`` or ``parquet``.

    :raises Impossible: FIELD_INVALID for another kind; EXPORT_TOO_LARGE for a CSV of more than two million bars.
    :raises Unavailable: DATA_FILE_LOST where the storage no longer has the file.
    """
    if kind == "parquet":
        return _open(dataset)
    if kind != "csv":
        raise Impossible(Code.FIELD_INVALID, "kind must be csv or parquet.", "kind", {"allowed": ["csv", "parquet"]})
    if dataset.bar_count > MOST_CSV_BARS:
        message = f"A CSV holds at most {MOST_CSV_BARS:,} bars; take Parquet, or some of the bars."
        raise Impossible("EXPORT_TOO_LARGE", message, "kind", {"limit": MOST_CSV_BARS})
    # The answer closes it when it has been sent.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    write_csv(load_bars(dataset), cast(BinaryIO, file))
    file.seek(0)
    return cast(BinaryIO, file)


def _read_timeframe(text: str | Timeframe) -> Timeframe:
    try:
        return Timeframe.parse(text)
    except TradingError as error:
        raise Impossible(error.code, error.message, "timeframe", error.extra) from error


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
