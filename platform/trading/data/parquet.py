"""Bars in Parquet: a column each, zstd, row groups small enough to read a part of many years."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trading.data.columns import MOST_BARS, Columns
from trading.data.errors import DataBinary, DataEmpty, DataTooLarge, LayoutUnknown
from trading.data.layout import COLUMNS, NEEDED
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

_GROUP_ROWS = 131_072
_SCHEMA = pa.schema(
    [
        pa.field("time", pa.timestamp("ms", tz="UTC"), nullable=False),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("open", "high", "low", "close", "volume")),
        pa.field("spread", pa.int32(), nullable=False),
    ]
)


def hash_bars(bars: Bars, symbol: str) -> str:
    """Return the hash that tells two contents apart: symbol, timeframe, and every number of every bar."""
    digest = hashlib.sha256(f"{symbol}|{bars.timeframe}|".encode())
    for column in (bars.time, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.spread_points):
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def write_parquet(bars: Bars, file: BinaryIO, *, symbol: str) -> None:
    """Write bars with their symbol and timeframe; what `read_parquet` reads back is equal to the last bit."""
    schema = _SCHEMA.with_metadata({"symbol": symbol, "timeframe": str(bars.timeframe)})
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for start in range(0, len(bars), _GROUP_ROWS):
            writer.write_table(_table(bars.part(start, start + _GROUP_ROWS), schema))


def read_parquet(file: BinaryIO, *, start_s: int | None = None, end_s: int | None = None) -> Bars:
    """
    Read bars written by `write_parquet`, those that open in ``start_s <= time < end_s``; row groups outside are not touched.

    :raises DataBinary: where the file is no Parquet of ours.
    """
    parquet = _open(file)
    timeframe = (parquet.schema_arrow.metadata or {}).get(b"timeframe", b"").decode()
    if not timeframe:
        raise DataBinary("the Parquet file names no timeframe")
    groups = [
        number
        for number in range(parquet.num_row_groups)
        if _touches(parquet.metadata.row_group(number), start_s, end_s)
    ]
    table = parquet.read_row_groups(groups, columns=_SCHEMA.names) if groups else _SCHEMA.empty_table()
    time_s = table["time"].cast(pa.int64()).to_numpy() // 1000
    bars = Bars(Timeframe.parse(timeframe), time_s, *(table[name].to_numpy() for name in _SCHEMA.names[1:]))
    first = 0 if start_s is None else int(np.searchsorted(bars.time, start_s))
    last = len(bars) if end_s is None else int(np.searchsorted(bars.time, end_s))
    return bars if (first, last) == (0, len(bars)) else bars.part(first, last)


def read_parquet_columns(
    file: BinaryIO, *, on_progress: Callable[[int], None] | None = None, most_bars: int = MOST_BARS
) -> Columns:
    """
    Read anybody's Parquet of bars as it stands: columns ``time, open, high, low, close`` and, where present, ``volume, spread``.

    Times are timestamps (UTC where they carry a zone, else of the file's own clock) or epoch seconds or milliseconds.

    :raises DataBinary: where it is no Parquet.
    :raises LayoutUnknown: where a column is missing or of a kind that is none of these.
    :raises DataTooLarge: for more than ``most_bars``.
    :raises DataEmpty: where it has no rows.
    """
    parquet = _open(file)
    schema = parquet.schema_arrow
    names = {
        name.lower().replace("spread_points", "spread").replace("timestamp", "time"): name for name in schema.names
    }
    missing = [name for name in NEEDED if name not in names]
    if missing:
        raise LayoutUnknown(
            f"the Parquet file lacks {', '.join(missing)}", extra={"missing": missing, "header": schema.names}
        )
    if parquet.metadata.num_rows > most_bars:
        raise DataTooLarge(f"the file has more than {most_bars:,} bars: cut it in parts", extra={"limit": most_bars})
    if not parquet.metadata.num_rows:
        raise DataEmpty("the file has no rows")
    wanted = [names[name] for name in COLUMNS if name in names]
    read, done = [], 0
    for number in range(parquet.num_row_groups):
        read.append(parquet.read_row_group(number, columns=wanted))
        done += parquet.metadata.row_group(number).total_byte_size
        if on_progress:
            on_progress(done)
    table = pa.concat_tables(read)
    time_s, zoned = _read_times(table[names["time"]])
    try:
        prices = [table[names[name]].cast(pa.float64()).to_numpy() for name in NEEDED[1:]]
        volume, spread = (_read_count(table, names.get(name)) for name in ("volume", "spread"))
    except pa.ArrowInvalid as error:
        raise LayoutUnknown(f"a column of the Parquet file holds no numbers: {str(error)[:120]}") from None
    open_, high, low, close = prices
    return Columns(time_s, open_, high, low, close, volume, spread.astype(np.int64), zoned)


def _open(file: BinaryIO) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataBinary(f"the file is no Parquet that can be read: {str(error)[:120]}") from None


def _table(bars: Bars, schema: pa.Schema) -> pa.Table:
    columns: list[Any] = [pa.array(bars.time * 1000).cast(schema.field("time").type)]
    columns += [pa.array(column) for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
    columns.append(pa.array(bars.spread_points.astype(np.int32)))
    return pa.Table.from_arrays(columns, schema=schema)


def _touches(group: Any, start_s: int | None, end_s: int | None) -> bool:
    statistics = group.column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    first_s, last_s = statistics.min.timestamp(), statistics.max.timestamp()
    return not ((start_s is not None and last_s < start_s) or (end_s is not None and first_s >= end_s))


def _read_times(column: Any) -> tuple[Any, bool]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        seconds = column.cast(pa.timestamp("s", tz=kind.tz), safe=False).cast(pa.int64())
        return seconds.fill_null(0).to_numpy(), kind.tz is not None
    if pa.types.is_integer(kind):
        values = column.fill_null(0).to_numpy().astype(np.int64)
        return values // 1000 if len(values) and values[0] > 10**11 else values, True
    raise LayoutUnknown(f"the column of times holds {kind}: it needs timestamps or epoch seconds", field="columns.time")


def _read_count(table: pa.Table, name: str | None) -> Any:
    if name is None:
        return np.zeros(table.num_rows)
    values = table[name].cast(pa.float64()).fill_null(0).to_numpy()
    return np.where(np.isfinite(values) & (values >= 0), values, 0.0)
