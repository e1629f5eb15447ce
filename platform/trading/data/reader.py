"""Reads a text of bars as it stands, block by block: no order is made, nothing is left out but what is no row of bars at all."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from trading.data.columns import MOST_BARS, Columns
from trading.data.errors import DataEmpty, DataTooLarge, LayoutUnknown
from trading.data.layout import PRICES, Layout
from trading.data.times import UNREADABLE_S, read_numbers, read_times

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK_BYTES = 4 * 1024 * 1024
_SHOWN_ROWS = 20
_MOST_SPREAD = 2**31 - 1


def read_columns(
    file: BinaryIO,
    layout: Layout,
    *,
    on_progress: Callable[[int], None] | None = None,
    most_bars: int = MOST_BARS,
) -> Columns:
    """
    Read all rows of a text of bars. Memory is that of the columns and of one block.

    :param on_progress: told after every block how many bytes have been read; what it raises ends the reading.
    :raises DataEmpty: where no row is a bar.
    :raises DataTooLarge: for more than ``most_bars``.
    :raises LayoutUnknown: where the text breaks off from its layout altogether.
    """
    counted = _Counted(file)
    wrong = _WrongRows()
    blocks: list[tuple[NDArray[Any], ...]] = []
    rows = kept = uncounted = 0
    for batch in _open(counted, layout, wrong):
        columns, good, without = _read_batch(batch, layout)
        uncounted += without
        wrong.note(rows + np.flatnonzero(~good))
        rows += batch.num_rows
        kept += int(good.sum())
        blocks.append(tuple(column[good] for column in columns))
        if kept > most_bars:
            raise DataTooLarge(
                f"the file has more than {most_bars:,} bars: cut it in parts", extra={"limit": most_bars}
            )
        if on_progress:
            on_progress(counted.bytes_read)
    if not kept:
        raise DataEmpty("no row of the file could be read as a bar", extra={"unreadable": wrong.count})
    time_s, open_, high, low, close, volume, spread = (_join(blocks, place) for place in range(7))
    return Columns(time_s, open_, high, low, close, volume, spread, layout.zoned, wrong.count, wrong.first, uncounted)


class _Counted:
    """A file that counts what was read of it, in the form the library reads from."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.bytes_read, self.closed = file, 0, False

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.bytes_read += len(block)
        return block

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True


class _Decoded(_Counted):
    """A file as clean UTF-8: what is no text in its encoding becomes a mark that no number has."""

    def __init__(self, inner: _Counted, encoding: str) -> None:
        self._inner, self.closed = inner, False
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def read(self, size: int = -1) -> bytes:
        block = self._inner.read(size)
        return self._decoder.decode(block, final=not block).encode()


class _WrongRows:
    """Counts rows that are no bars and keeps the first of them."""

    def __init__(self) -> None:
        self.count, self.first = 0, list[int]()

    def note(self, rows: IntArray) -> None:
        self.count += len(rows)
        self.first += [int(row) + 1 for row in rows[: _SHOWN_ROWS - len(self.first)]]

    def skip(self, row: Any) -> str:
        self.count += 1
        if row.number is not None and len(self.first) < _SHOWN_ROWS:
            self.first.append(int(row.number))
        return "skip"


def _open(file: _Counted, layout: Layout, wrong: _WrongRows) -> Iterator[pa.RecordBatch]:
    source = _Decoded(file, layout.encoding)
    names = [f"c{place}" for place in range(layout.width)]
    wanted = sorted({*layout.places.values(), *([layout.clock] if layout.clock is not None else [])})
    reading = pacsv.ReadOptions(
        use_threads=False, block_size=_BLOCK_BYTES, skip_rows=layout.first_line, column_names=names
    )
    parsing = pacsv.ParseOptions(delimiter=layout.delimiter, invalid_row_handler=wrong.skip)
    converting = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=[names[place] for place in wanted],
        strings_can_be_null=False,
        check_utf8=True,
    )
    try:
        yield from pacsv.open_csv(pa.PythonFile(source, mode="r"), reading, parsing, converting)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise DataEmpty("the file has a header and no bars") from None
        raise LayoutUnknown(f"the file cannot be read on: {str(error)[:200]}") from None


def _read_batch(batch: pa.RecordBatch, layout: Layout) -> tuple[tuple[NDArray[Any], ...], NDArray[np.bool_], int]:
    def cells(place: int) -> pa.Array:
        return batch.column(f"c{place}")

    clock = cells(layout.clock) if layout.clock is not None else None
    time_s = read_times(cells(layout.places["time"]), clock, layout.time_form, zoned=layout.zoned)
    good = time_s != UNREADABLE_S
    numbers = []
    for name in PRICES:
        values, bad = read_numbers(cells(layout.places[name]), decimal_comma=layout.decimal_comma)
        good &= ~bad
        numbers.append(values)
    volume, without_volume = _read_count(batch, layout, "volume")
    spread, without_spread = _read_count(batch, layout, "spread")
    columns = (time_s, *numbers, volume, np.minimum(spread, _MOST_SPREAD).astype(np.int64))
    return columns, good, without_volume + without_spread


def _read_count(batch: pa.RecordBatch, layout: Layout, name: str) -> tuple[FloatArray, int]:
    """Return a count per bar, 0 where the cell is none, and how often that is so; a column that is absent is no fault."""
    if name not in layout.places:
        return np.zeros(batch.num_rows), 0
    values, _ = read_numbers(batch.column(f"c{layout.places[name]}"), decimal_comma=layout.decimal_comma)
    countable = np.isfinite(values) & (values >= 0)
    return np.where(countable, values, 0.0), int((~countable).sum())


def _join(blocks: list[tuple[NDArray[Any], ...]], place: int) -> Any:
    joined = np.concatenate([block[place] for block in blocks])
    for number, block in enumerate(blocks):  # let each column's parts go as soon as it is joined
        blocks[number] = (*block[:place], joined[:0], *block[place + 1 :])
    return joined
