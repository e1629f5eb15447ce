"""Columns of written times and numbers as arrays: fast where a column is clean, cell by cell where it is not."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trading.data.layout import TimeForm

# What no bar's time can be: the cell could not be read.
UNREADABLE_S = -(2**62)
_FIRST_S, _LAST_S = 31_536_000, 7_258_118_400  # 1971 to 2200
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|UTC|(?:GMT)?([+-])(\d{2}):?(\d{2}))?"
)
# Dates without separators: what the first cell looks like, and how each is rewritten.
_COMPACT = (
    (r"\d{8}", r"^\s*(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3"),
    (r"\d{8}[ T]?\d{6}", r"^\s*(\d{4})(\d{2})(\d{2})[ T]?(\d{2})(\d{2})(\d{2})$", r"\1-\2-\3 \4:\5:\6"),
    (r"\d{8}[ T]?\d{4}", r"^\s*(\d{4})(\d{2})(\d{2})[ T]?(\d{2})(\d{2})$", r"\1-\2-\3 \4:\5"),
    (r"\d{8}[ T]\d{1,2}:.*", r"^\s*(\d{4})(\d{2})(\d{2})", r"\1-\2-\3"),
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def read_times(texts: pa.Array, clocks: pa.Array | None, form: TimeForm, *, zoned: bool) -> NDArray[np.int64]:
    """Return epoch seconds of written times (in their own clock unless ``zoned``), `UNREADABLE_S` where a cell is no time."""
    joined = pc.binary_join_element_wise(texts, clocks, " ") if clocks is not None else texts
    if form in (TimeForm.EPOCH_S, TimeForm.EPOCH_MS):
        seconds = _read_epochs(joined, 1000 if form is TimeForm.EPOCH_MS else 1)
    else:
        iso = _to_iso(joined, form)
        try:
            # Milliseconds, because a fraction does not cast to whole seconds.
            moments = iso.cast(pa.timestamp("ms", tz="UTC" if zoned else None))
            seconds = moments.cast(pa.int64()).to_numpy(zero_copy_only=False) // 1000
        except pa.ArrowInvalid:
            seconds = np.array([_read_time(text, zoned=zoned) for text in iso.to_pylist()], dtype=np.int64)
    possible = (seconds > _FIRST_S) & (seconds < _LAST_S)
    return np.where(possible, seconds, UNREADABLE_S)


def read_numbers(texts: pa.Array, *, decimal_comma: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the numbers of a column and which cells are none; a written ``nan`` is a number that is not one."""
    if decimal_comma:
        texts = pc.replace_substring(texts, ",", ".")
    try:
        values = texts.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return values, np.zeros(len(values), dtype=np.bool_)
    except pa.ArrowInvalid:
        pass
    read = [_read_number(text) for text in texts.to_pylist()]
    values = np.array([np.nan if value is None else value for value in read], dtype=np.float64)
    return values, np.array([value is None for value in read], dtype=np.bool_)


def _read_epochs(texts: pa.Array, divisor: int) -> NDArray[np.int64]:
    values, bad = read_numbers(texts, decimal_comma=False)
    usable = ~bad & (np.abs(values) < 1e17)
    return np.where(usable, np.floor(np.where(usable, values, 0) / divisor), UNREADABLE_S).astype(np.int64)


def _to_iso(texts: pa.Array, form: TimeForm) -> pa.Array:
    first = next((text for text in texts.to_pylist()[:1] if text), "")
    if form is TimeForm.DAY_FIRST:
        return pc.replace_substring_regex(texts, r"^\s*(\d{1,2})[-./](\d{1,2})[-./](\d{4})", r"\3-\2-\1")
    if form is TimeForm.MONTH_FIRST:
        return pc.replace_substring_regex(texts, r"^\s*(\d{1,2})[-./](\d{1,2})[-./](\d{4})", r"\3-\1-\2")
    if re.match(r"\d{4}-\d\d-\d\d", first):
        return texts
    for shape, pattern, written in _COMPACT:
        if re.fullmatch(shape, first.strip()):
            return pc.replace_substring_regex(texts, pattern, written)
    return pc.replace_substring_regex(texts, r"^\s*(\d{4})[./](\d{1,2})[./](\d{1,2})", r"\1-\2-\3")


def _read_time(text: str | None, *, zoned: bool) -> int:
    found = _ISO.fullmatch((text or "").strip())
    if found is None or bool(found[7]) is not zoned:
        return UNREADABLE_S
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return UNREADABLE_S
    offset_s = int(found[9]) * 3600 + int(found[10]) * 60 if found[8] else 0
    return int(at.timestamp()) - (offset_s if found[8] == "+" else -offset_s)


def _read_number(text: str | None) -> float | None:
    text = (text or "").strip()
    if text.lower() in ("nan", "inf", "-inf"):
        return float(text)
    return float(text) if _NUMBER.fullmatch(text) else None
