"""What a text of bars looks like: its encoding, delimiter, columns and the form of its times, found from its beginning."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trading.data.errors import DataBinary, DataEmpty, DataEncoding, DatesAmbiguous, LayoutUnknown

HEAD_BYTES = 65_536
"""How much of a file is looked at."""

PARQUET_MAGIC = b"PAR1"
"""How a Parquet file begins."""

PRICES = ("open", "high", "low", "close")
NEEDED = ("time", *PRICES)
COLUMNS = (*NEEDED, "volume", "spread")
_SAMPLE_LINES = 200
_SHOWN_LINES = 8
_DELIMITERS = "\t;,|"

_NAMES = {
    "time": ("time", "date", "datetime", "timestamp", "date time", "date/time", "gmt time", "local time", "open time",
             "opentime", "open_time", "unix", "unix timestamp", "ts", "utc", "etc/utc"),
    "open": ("open", "o", "bid open", "bidopen", "open price"),
    "high": ("high", "h", "bid high", "bidhigh", "high price"),
    "low": ("low", "l", "bid low", "bidlow", "low price"),
    "close": ("close", "c", "bid close", "bidclose", "close price", "last"),
    # The terminal's export has both: <TICKVOL> counts ticks, <VOL> is the exchange's and mostly 0.
    "volume": ("tickvol", "tick_volume", "tick volume", "tickvolume", "ticks", "volume", "vol", "v", "volume base"),
    "spread": ("spread", "spread_points"),
}  # fmt: skip


class TimeForm(StrEnum):
    """How times are written."""

    YEAR_FIRST = "year_first"  # 2026-06-24 14:54, 2026.06.24, 20260624 145400
    DAY_FIRST = "day_first"  # 24.06.2026 14:54
    MONTH_FIRST = "month_first"  # 06/24/2026 14:54
    EPOCH_S = "epoch_s"
    EPOCH_MS = "epoch_ms"


@dataclass(frozen=True, slots=True)
class Layout:
    """
    Where each column of a text stands and how its times are written.

    ``places`` gives the column's position, from 0; ``clock`` is that of a time of day beside a date, or None. ``zoned`` says that
    every time carries its own offset. ``vendor`` names the exporter where the form gives it away, ``zone`` the clock that exporter
    uses, where it is known.
    """

    encoding: str
    delimiter: str
    first_line: int
    width: int
    places: Mapping[str, int]
    clock: int | None
    time_form: TimeForm
    zoned: bool
    decimal_comma: bool
    header: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    vendor: str = ""
    zone: str = ""

    def describe(self) -> dict[str, Any]:
        """Return the layout as JSON values, for showing and for giving it back."""
        return {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "header": list(self.header),
            "columns": {**self.places, **({"clock": self.clock} if self.clock is not None else {})},
            "time_form": str(self.time_form),
            "zoned": self.zoned,
            "vendor": self.vendor,
            "zone": self.zone,
            "sample": [list(row) for row in self.sample[:_SHOWN_LINES]],
        }


def find_layout(head: bytes, given: Mapping[str, Any] | None = None) -> Layout:
    """
    Return the layout of a text that begins with ``head`` (some `HEAD_BYTES` of it).

    :param given: what a person says of it, stronger than what is found: ``columns`` (name → header name or position from 0; also
        ``clock``), ``time_form``, ``delimiter``.
    :raises DataEmpty: where there is nothing.
    :raises DataBinary: where it is no text.
    :raises DataEncoding: where it is neither UTF-8 nor UTF-16.
    :raises LayoutUnknown: where columns or times are not recognised; ``extra`` holds what was seen.
    :raises DatesAmbiguous: where day and month cannot be told apart.

    >>> find_layout(b"time,open,high,low,close\\n2026-06-24 14:54,1.1,1.2,1.0,1.1\\n").places
    {'time': 0, 'open': 1, 'high': 2, 'low': 3, 'close': 4}
    """
    wanted = dict(given or {})
    encoding, text = _decode(head)
    lines = text.splitlines()
    if len(head) >= HEAD_BYTES:
        lines = lines[:-1]  # the last one may be half a line
    skipped = next((i for i, line in enumerate(lines) if line.strip() and not line.lower().startswith("sep=")), None)
    if skipped is None:
        raise DataEmpty("the file is empty: it needs lines of time, open, high, low, close")
    lines = lines[skipped : skipped + _SAMPLE_LINES]
    delimiter = _find_delimiter(lines, wanted.get("delimiter"))
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter) if row]
    header = tuple(cell.strip('<>" ').lower() for cell in rows[0]) if _is_header(rows[0]) else ()
    data = rows[1:] if header else rows
    if not data:
        raise DataEmpty("the file has a header and no bars", extra={"header": list(header)})
    seen = {"delimiter": delimiter, "header": list(header), "sample": data[:_SHOWN_LINES]}
    places, clock = _place_columns(header, data, wanted.get("columns"), seen)
    width = Counter(len(row) for row in data).most_common(1)[0][0]
    usable = [row for row in data if len(row) == width and width > max(places.values())]
    if not usable:
        raise LayoutUnknown("the rows have fewer columns than the header names", field="columns", extra=seen)
    times = [row[places["time"]] for row in usable]
    form = _find_time_form(times, wanted.get("time_form"), seen)
    vendor, zone = _find_vendor(header, times, clock, delimiter)
    return Layout(
        encoding=encoding,
        delimiter=delimiter,
        first_line=skipped + (1 if header else 0),
        width=width,
        places=places,
        clock=clock,
        time_form=form,
        zoned=_is_zoned([f"{row[places['time']]} {row[clock]}" if clock is not None else row[places["time"]] for row in usable]),
        decimal_comma=delimiter != "," and any("," in row[places["close"]] for row in usable),
        header=header,
        sample=tuple(tuple(row) for row in data[:_SHOWN_LINES]),
        vendor=vendor,
        zone=zone,
    )  # fmt: skip


def _decode(head: bytes) -> tuple[str, str]:
    if not head:
        raise DataEmpty("the file is empty")
    _refuse_known_binary(head)
    for mark, name in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return name, head[2 : len(head) // 2 * 2].decode(name, errors="replace")
    even, odd = head[0:4096:2].count(0), head[1:4096:2].count(0)
    half = len(head[:4096]) // 2
    if half and max(even, odd) > 0.7 * half and min(even, odd) < 0.1 * half:
        name = "utf-16-le" if odd > even else "utf-16-be"
        return name, head[: len(head) // 2 * 2].decode(name, errors="replace")
    if b"\x00" in head:
        raise DataBinary("the file is no text of bars: it holds zero bytes")
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4 or len(head) < HEAD_BYTES:
            message = f"byte {error.start} of the file is no UTF-8: save it as UTF-8 or UTF-16"
            raise DataEncoding(message, extra={"byte": error.start}) from None
        text = head[: error.start].decode("utf-8")
    if sum(ord(letter) < 32 and letter not in "\r\n\t\f" for letter in text[:4096]):
        raise DataBinary("the file is no text of bars: it holds control bytes")
    return "utf-8", text.removeprefix("\ufeff")


def _refuse_known_binary(head: bytes) -> None:
    kinds = (
        (b"PK\x03\x04", "a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"),
        (b"\x1f\x8b", "a gzip archive: unpack it first"),
        (b"BZh", "a bzip2 archive: unpack it first"),
        (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
        (b"\xfd7zXZ", "an xz archive: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
        (b"Rar!", "a rar archive: unpack it first"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet: save it as CSV"),
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "a picture"),
    )
    for mark, what in kinds:
        if head.startswith(mark):
            raise DataBinary(f"the file is {what}", extra={"kind": what.split(":")[0]})


def _find_delimiter(lines: Sequence[str], given: Any) -> str:
    if given is not None:
        if given not in tuple(_DELIMITERS):
            raise LayoutUnknown("the delimiter must be a tab, a semicolon, a comma or a bar", field="delimiter")
        return str(given)
    some = lines[:20]
    # A decimal comma is more frequent than the delimiter: among those that split into five columns, the order decides.
    fitting = [mark for mark in _DELIMITERS if sum(line.count(mark) >= 4 for line in some) * 2 > len(some)]
    if not fitting:
        shown = [line[:120] for line in some[:_SHOWN_LINES]]
        message = "the lines do not split into time, open, high, low, close by tab, semicolon, comma or bar"
        raise LayoutUnknown(message, extra={"sample": [[line] for line in shown]})
    return fitting[0]


def _is_header(cells: Sequence[str]) -> bool:
    """A row of bars has five numbers or more; a header has letters instead."""
    numbers = sum(bool(re.fullmatch(r"[-+]?\d[\d.,:/ T-]*", cell)) for cell in cells)
    return numbers < 2 and any(re.search("[A-Za-z]", cell) for cell in cells)


def _place_columns(
    header: tuple[str, ...], data: Sequence[Sequence[str]], given: Any, seen: dict[str, Any]
) -> tuple[dict[str, int], int | None]:
    if given:
        return _place_given(header, data, given, seen)
    if not header:
        return _place_by_order(data[0])
    clock = header.index("time") if "time" in header and "date" in header else None
    places: dict[str, int] = {}
    for name, aliases in _NAMES.items():
        found = next(
            (header.index(alias) for alias in aliases if alias in header and header.index(alias) != clock), None
        )
        if found is not None:
            places[name] = found
    missing = [name for name in NEEDED if name not in places]
    if missing:
        message = f"the header lacks {', '.join(missing)}: name the columns of time, open, high, low, close"
        raise LayoutUnknown(message, field="columns", extra={"missing": missing, **seen})
    return places, clock


def _place_by_order(cells: Sequence[str]) -> tuple[dict[str, int], int | None]:
    """Without a header: date, a time of day if the second column is one, then open, high, low, close and what follows."""
    split = len(cells) > 5 and bool(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", cells[1]))
    first = 2 if split else 1
    places = {"time": 0, **{name: first + place for place, name in enumerate(PRICES)}}
    if len(cells) > first + 4:
        places["volume"] = first + 4
    return places, 1 if split else None


def _place_given(
    header: tuple[str, ...], data: Sequence[Sequence[str]], given: Any, seen: dict[str, Any]
) -> tuple[dict[str, int], int | None]:
    if not isinstance(given, Mapping) or set(given) - {*COLUMNS, "clock"}:
        names = ", ".join((*COLUMNS, "clock"))
        raise LayoutUnknown(f"columns must name some of {names}", field="columns", extra={"allowed": names, **seen})
    places = {
        name: _find_place(header, len(data[0]), name, wanted, seen)
        for name, wanted in given.items()
        if wanted is not None
    }
    missing = [name for name in NEEDED if name not in places]
    if missing:
        raise LayoutUnknown(f"columns must also name {', '.join(missing)}", field="columns", extra=seen)
    if len(set(places.values())) < len(places):
        raise LayoutUnknown("one column cannot be two things", field="columns", extra=seen)
    clock = places.pop("clock", None)
    return places, clock


def _find_place(header: tuple[str, ...], width: int, name: str, wanted: Any, seen: dict[str, Any]) -> int:
    if isinstance(wanted, str) and wanted.strip('<>" ').lower() in header:
        return header.index(wanted.strip('<>" ').lower())
    if isinstance(wanted, int) and not isinstance(wanted, bool) and 0 <= wanted < max(width, len(header)):
        return wanted
    raise LayoutUnknown(f"there is no column {str(wanted)[:40]!r}", field=f"columns.{name}", extra=seen)


def _find_time_form(times: Sequence[str], given: Any, seen: dict[str, Any]) -> TimeForm:
    if given:
        try:
            return TimeForm(str(given))
        except ValueError:
            allowed = ", ".join(TimeForm)
            raise LayoutUnknown(f"time_form must be one of {allowed}", field="time_form", extra=seen) from None
    form = Counter(_guess_form(text) for text in times).most_common(1)[0][0]
    if form == "":
        message = f"times such as {times[0][:40]!r} are not understood: use 2026-06-24 14:54 or epoch seconds"
        raise LayoutUnknown(message, field="columns.time", extra=seen)
    return _tell_day_from_month(times, seen) if form == "parts" else TimeForm(form)


def _guess_form(text: str) -> str:
    if re.match(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}", text) or re.fullmatch(r"(19|20)\d{6}([ T]?\d{4}(\d{2})?)?", text):
        return TimeForm.YEAR_FIRST
    if re.fullmatch(r"\d{9,10}(\.\d+)?", text):
        return TimeForm.EPOCH_S
    if re.fullmatch(r"\d{12,13}", text):
        return TimeForm.EPOCH_MS
    return "parts" if re.match(r"\d{1,2}[-./]\d{1,2}[-./]\d{4}", text) else ""


def _tell_day_from_month(times: Sequence[str], seen: dict[str, Any]) -> TimeForm:
    firsts, seconds = set(), set()
    for text in times:
        if found := re.match(r"(\d{1,2})[-./](\d{1,2})[-./]\d{4}", text):
            firsts.add(int(found[1]))
            seconds.add(int(found[2]))
    if max(firsts) > 12:
        return TimeForm.DAY_FIRST
    if max(seconds) > 12:
        return TimeForm.MONTH_FIRST
    # The part that moves is the day: a file of bars goes through days before it goes through months.
    if len(firsts) != len(seconds) and max(len(firsts), len(seconds)) > 2:
        return TimeForm.DAY_FIRST if len(firsts) > len(seconds) else TimeForm.MONTH_FIRST
    if all(re.match(r"\d\d\.\d\d\.", text) for text in times):
        return TimeForm.DAY_FIRST  # dots are written day first everywhere
    message = f"is {times[0][:10]} day first or month first? Say time_form: day_first or month_first"
    raise DatesAmbiguous(message, field="time_form", extra=seen)


def _is_zoned(times: Sequence[str]) -> bool:
    pattern = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|UTC|(GMT)?[+-]\d{2}:?\d{2})$")
    return all(pattern.search(text) for text in times)


def _find_vendor(header: tuple[str, ...], times: Sequence[str], clock: int | None, delimiter: str) -> tuple[str, str]:
    if {"tickvol", "date"} <= set(header):
        return "MetaTrader 5 export", ""
    if {"gmt time", "local time"} & set(header):
        return "Dukascopy", "UTC" if "gmt time" in header else ""
    if not header and delimiter == ";" and re.fullmatch(r"\d{8} \d{6}", times[0]):
        return "HistData", "-05:00"
    if not header and clock == 1 and re.fullmatch(r"\d{4}\.\d\d\.\d\d", times[0]):
        return "MetaTrader history or HistData", ""
    return "", ""
