"""Bars from CSV files: with a header, without one, and as the terminal exports them. What is wrong with a file is said, line by line."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from trading.errors import InvalidBars
from trading.model.bars import Bars, find_impossible, may_open_at
from trading.model.timeframe import Timeframe

Row = tuple[float, float, float, float, float, float, float]

COLUMNS = ("time", "open", "high", "low", "close", "volume", "spread_points")
_NAMES = {
    "time": "time",
    "date": "time",
    "datetime": "time",
    "timestamp": "time",
    "open": "open",
    "high": "high",
    "low": "low",
    "close": "close",
    "volume": "volume",
    "tickvol": "volume",
    "tick_volume": "volume",
    "spread": "spread_points",
}
# More than this share of unusable lines, and the file is not what it claims to be.
_WORST_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class CsvBars:
    """Bars of a file in its own timeframe, and sentences about what was left out or moved."""

    bars: Bars
    findings: list[str]


def read_csv_bars(path: Path) -> CsvBars:
    """
    Read a file of bars, times in UTC (an offset in the text is honoured).

    Lines that are no bars, repeated times and impossible bars are left out, a file out of order is sorted; each is a finding.

    :raises InvalidBars: where the file holds no bars, more than 1 % of it is unusable, or it has no timeframe we know.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = _split(file)
        rows, unreadable = _parse(lines)
    table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    findings = [_say(unreadable, "could not be read as bars")] if unreadable else []
    table, more = _tidy(table)
    findings += more
    left_out = len(unreadable) + len(rows) - len(table)
    if len(table) < 2:
        raise InvalidBars(f"{path.name} holds no two usable bars", extra={"findings": findings})
    if left_out > _WORST_SHARE * (len(rows) + len(unreadable)):
        raise InvalidBars(
            f"{path.name}: {left_out} lines are unusable: {'; '.join(findings)}", extra={"findings": findings}
        )
    timeframe = find_timeframe(table[:, 0].astype(np.int64))
    table, misplaced = _drop_misplaced(table, timeframe)
    findings += misplaced
    time, open_, high, low, close, volume, spread_points = table.T
    return CsvBars(Bars(timeframe, time, open_, high, low, close, volume, spread_points), findings)  # type: ignore[arg-type]


def find_timeframe(times_s: np.ndarray) -> Timeframe:
    """
    Return the timeframe whose length is the most frequent step between bars.

    :raises InvalidBars: where that step is no timeframe.
    """
    step = Counter(np.diff(times_s).tolist()).most_common(1)[0][0]
    for timeframe in Timeframe:
        if timeframe.seconds == step:
            return timeframe
    raise InvalidBars(f"bars are mostly {step:g} seconds apart, which is no timeframe: {', '.join(Timeframe)}")


def _split(file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    lines = iter(file)
    first = next(lines, "")
    delimiter = max("\t;,", key=first.count)
    reader = csv.reader([first], delimiter=delimiter), csv.reader(lines, delimiter=delimiter)
    number = 0
    for part in reader:
        for cells in part:
            number += 1
            if cells:
                yield number, [cell.strip() for cell in cells]


def _parse(lines: Iterator[tuple[int, list[str]]]) -> tuple[list[Row], list[int]]:
    rows: list[Row] = []
    unreadable: list[int] = []
    places: dict[str, int] | None = None
    clock: int | None = None
    for number, cells in lines:
        if places is None:
            places, clock = _read_header(cells)
            if _is_header(cells):
                continue
        try:
            rows.append(_read_row(cells, places, clock))
        except (ValueError, IndexError, KeyError):
            unreadable.append(number)
    return rows, unreadable


def _is_header(cells: list[str]) -> bool:
    return any(re.search("[A-Za-z]{3}", cell) for cell in cells)


def _read_header(cells: list[str]) -> tuple[dict[str, int], int | None]:
    """Return where each column is, and where the time of day is if it has a column of its own."""
    if not _is_header(cells):
        split = len(cells) > 6 and ":" in cells[1] and ":" not in cells[0]
        first = 2 if split else 1
        named = [name for name in COLUMNS[1:] if first + COLUMNS.index(name) - 1 < len(cells)]
        return {"time": 0, **{name: first + place for place, name in enumerate(named)}}, 1 if split else None
    names = [cell.strip('<>" ').lower() for cell in cells]
    clock = names.index("time") if "time" in names and "date" in names else None
    places = {_NAMES[name]: place for place, name in enumerate(names) if name in _NAMES and place != clock}
    # The terminal's export has both: <TICKVOL> counts ticks, <VOL> is the exchange's and mostly 0.
    missing = [name for name in COLUMNS[:5] if name not in places]
    if missing:
        raise InvalidBars(
            f"the header lacks {', '.join(missing)}; it needs time, open, high, low, close", extra={"missing": missing}
        )
    return places, clock


def _read_row(cells: list[str], places: dict[str, int], clock: int | None) -> Row:
    text = cells[places["time"]]
    time_s = _read_time(f"{text} {cells[clock]}" if clock is not None else text)
    prices = (float(cells[places[name]]) for name in COLUMNS[1:5])
    rest = (float(cells[places[name]]) if name in places else 0.0 for name in COLUMNS[5:])
    open_, high, low, close = prices
    volume, spread_points = rest
    return time_s, open_, high, low, close, volume, spread_points


def _read_time(text: str) -> float:
    if text.isdigit():
        seconds = int(text)
        return float(seconds // 1000 if seconds > 10**11 else seconds)
    at = datetime.fromisoformat(text.replace(".", "-", 2) if re.match(r"\d{4}\.", text) else text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _tidy(table: np.ndarray) -> tuple[np.ndarray, list[str]]:
    findings = []
    backwards = np.flatnonzero(np.diff(table[:, 0]) < 0)
    if len(backwards):
        findings.append(
            f"{len(backwards)} bars are older than the one before, first bar {backwards[0] + 2}: sorted by time"
        )
        table = table[np.argsort(table[:, 0], kind="stable")]
    keep = np.ones(len(table), dtype=np.bool_)
    faults: dict[str, list[int]] = {}
    time, open_, high, low, close = (table[:, place] for place in range(5))
    for index, what in find_impossible(time.astype(np.int64), open_, high, low, close):
        keep[index] = False
        faults.setdefault(what, []).append(index)
    findings += [_say_bars(table, indexes, what) for what, indexes in faults.items()]
    return table[keep], findings


def _drop_misplaced(table: np.ndarray, timeframe: Timeframe) -> tuple[np.ndarray, list[str]]:
    off = ~may_open_at(table[:, 0].astype(np.int64), timeframe)
    if not off.any():
        return table, []
    if off.mean() > _WORST_SHARE:
        raise InvalidBars(f"{int(off.sum())} bars do not open where a {timeframe} bar opens (in UTC)")
    return table[~off], [_say_bars(table, np.flatnonzero(off).tolist(), f"does not open where a {timeframe} bar opens")]


def _say(lines: list[int], what: str) -> str:
    return f"{len(lines)} lines {what}, first line {lines[0]}: left out"


def _say_bars(table: np.ndarray, indexes: list[int], what: str) -> str:
    first = datetime.fromtimestamp(float(table[indexes[0], 0]), UTC)
    return f"{len(indexes)} bars: {what}, first {first:%Y-%m-%d %H:%M}: left out"
