"""A recorded market: the bars of a CSV file, in the order of the file."""

import csv
import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simulator.market import sessions
from simulator.market.source import BaseBars
from simulator.market.symbols import SymbolTerms
from simulator.market.timeframes import SECONDS
from simulator.market.zone import ServerZone

_WARMUP_BARS = 2000
_WARMUP_SHARE = 0.2


class ReplayError(ValueError):
    """A file that can not be replayed; the text says which line, and why."""


@dataclass(slots=True)
class Recording:
    """The bars of a file, and the lines that were left out because no market could have made them."""

    bars: BaseBars
    base_s: int
    left_out: list[str] = field(default_factory=list)


def name_symbol(path: Path) -> str:
    """
    Return the symbol that a file is named for.

    >>> name_symbol(Path("EURUSD_M1_2020Q3.csv"))
    'EURUSD'
    """
    return path.stem.split("_")[0].split("-")[0]


def read_recording(path: Path, zone: ServerZone) -> Recording:
    """
    Read a CSV file: with a header ``time,open,high,low,close,volume``, without one, or a terminal's own export.

    Its times are the server's clock. A line that does not rise in time, or whose high or low denies its open or close,
    is left out and told.

    :raises ReplayError: if a line can not be read or fewer than ten bars are left.
    """
    rows, left_out, last = [], [], -1
    for number, row in _read_rows(path):
        problem = _find_problem(row, last)
        if problem:
            left_out.append(f"line {number}: {problem}")
            continue
        last = row[0]
        rows.append(row)
    if len(rows) < 10:
        raise ReplayError(f"{path.name}: {len(rows)} bars are too few to replay")
    server = np.array([row[0] for row in rows], dtype=np.int64)
    utc = np.array([int(zone.to_utc(moment)) for moment in server], dtype=np.int64)
    prices = [np.array([row[column] for row in rows], dtype=np.float64) for column in range(1, 5)]
    counts = [np.array([row[column] for row in rows], dtype=np.int64) for column in (5, 6)]
    return Recording(BaseBars(utc, *prices, *counts), _find_base(server), left_out)


def _find_problem(row: tuple[int, float, float, float, float, int, int], last: int) -> str | None:
    time_s, opened, high, low, closed = row[:5]
    if time_s <= last:
        return "does not rise in time"
    if not all(math.isfinite(price) for price in (opened, high, low, closed)):
        return "a price is no number"
    if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high:
        return "high or low denies open or close"
    return None


def _find_base(server: np.ndarray) -> int:
    # the commonest distance: gaps are fewer than neighbours
    gaps, counts = np.unique(np.diff(server), return_counts=True)
    base_s = int(gaps[counts.argmax()])
    if base_s not in SECONDS.values():
        raise ReplayError(f"bars {base_s} s apart are of no timeframe of the terminal")
    return base_s


def _read_rows(path: Path) -> Iterator[tuple[int, tuple[int, float, float, float, float, int, int]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()
        file.seek(0)
        delimiter = "\t" if "\t" in first else ";" if ";" in first else ","
        columns: dict[str, int] | None = None
        for number, cells in enumerate(csv.reader(file, delimiter=delimiter), start=1):
            if not cells or not cells[0].strip():
                continue
            if columns is None:
                columns = _read_columns(cells)
                if not columns.keys() >= {"open", "high", "low", "close"} or not columns.keys() & {"time", "date"}:
                    raise ReplayError(f"{path.name} line {number}: neither a bar nor a header of bars")
                if not cells[0][:1].isdigit():
                    continue
            try:
                yield number, _read_row(cells, columns)
            except (ValueError, IndexError) as error:
                raise ReplayError(f"{path.name} line {number}: {error}") from error


def _read_columns(cells: list[str]) -> dict[str, int]:
    if cells[0][:1].isdigit():
        return {name: index for index, name in enumerate(("time", "open", "high", "low", "close", "volume"))}
    names = [cell.strip().strip("<>").lower() for cell in cells]
    columns = {name: index for index, name in enumerate(names)}
    for name in ("tick_volume", "tickvol"):  # ticks rather than the traded volume beside them
        columns["volume"] = columns.get(name, columns.get("volume", -1))
    return columns


def _read_row(cells: list[str], columns: dict[str, int]) -> tuple[int, float, float, float, float, int, int]:
    if "date" in columns:
        moment = f"{cells[columns['date']]} {cells[columns['time']] if 'time' in columns else '00:00'}"
    else:
        moment = cells[columns["time"]]
    prices = [float(cells[columns[name]]) for name in ("open", "high", "low", "close")]
    volume = _read_count(cells, columns.get("volume", -1))
    spread = _read_count(cells, columns.get("spread", -1))
    return _read_time(moment.strip()), prices[0], prices[1], prices[2], prices[3], volume, spread


def _read_count(cells: list[str], column: int) -> int:
    return max(int(float(cells[column])), 0) if 0 <= column < len(cells) else 0


def _read_time(text: str) -> int:
    # a terminal's own export writes dates with dots
    moment = datetime.fromisoformat(text[:10].replace(".", "-") + text[10:])
    return int(moment.replace(tzinfo=UTC).timestamp())


class ReplayedMarket:
    """A `simulator.market.source.Source` of one symbol that begins and ends with its file."""

    def __init__(self, terms: SymbolTerms, recording: Recording, *, spread_points: int) -> None:
        self._terms = terms
        bars = recording.bars
        # a file without spreads gets the given one on every bar
        spread = np.where(bars.spread > 0, bars.spread, spread_points)
        self._bars = BaseBars(bars.utc, bars.open, bars.high, bars.low, bars.close, bars.volume, spread)
        self.base_s = recording.base_s
        self.ends_at: float | None = float(bars.utc[-1] + recording.base_s)
        self.first_week = sessions.find_week(bars.utc[0])

    @property
    def starts_at(self) -> float:
        """When trading begins: before it lies enough history for a strategy to warm up [UTC s]."""
        count = len(self._bars)
        return float(self._bars.utc[min(_WARMUP_BARS, int(count * _WARMUP_SHARE))])

    def list_terms(self) -> list[SymbolTerms]:
        """Return the terms of the one symbol."""
        return [self._terms]

    def load(self, symbol: str, week: int) -> BaseBars:
        """Return the bars of one week."""
        begin = sessions.find_week_start(week)
        times = self._bars.utc
        start, stop = bisect_left(times, begin), bisect_left(times, begin + sessions.WEEK_S)
        return self._bars.slice(start, stop)
