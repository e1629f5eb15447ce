"""Files of backtests in Django's storage, named by the hash of their content: equal content is one file."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from numpy.typing import NDArray

from trading.model.bars import Bars
from trading.model.timeframe import Timeframe


class FileGone(Exception):
    """A file was deleted between being written and being named by a row."""


FOLDER = "backtests"
BAR_COLUMNS = ("time", "open", "high", "low", "close", "volume", "spread_points")


def hash_arrays(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return a hash of names, types and values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def keep_arrays(team_id: UUID, arrays: Mapping[str, NDArray[Any]]) -> str:
    """
    Keep a team's arrays as one compressed file and return its name; what is there already is not written again.

    The row with the name follows in a transaction that calls `hold_names`.
    """
    name = f"{FOLDER}/{team_id.hex}/{hash_arrays(arrays)}.npz"
    if not default_storage.exists(name):
        raw = io.BytesIO()
        np.savez_compressed(raw, **arrays)  # type: ignore[arg-type]
        default_storage.save(name, ContentFile(raw.getvalue()))
    return name


def hold_names(names: Iterable[str]) -> None:
    """
    Hold files' names until the transaction ends: whoever deletes the last row with a name waits for ours.

    :raises FileGone: where one was deleted after it was kept; keep it again.
    """
    for name in sorted(names):
        lock_name(name)
        if not default_storage.exists(name):
            raise FileGone(name)


def lock_name(name: str) -> None:
    """Hold a file's name until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def load_arrays(name: str, *wanted: str) -> dict[str, NDArray[Any]]:
    """
    Return arrays of a kept file; only those wanted are unpacked, all where none is named.

    :raises FileNotFoundError: where the file is gone.
    """
    with default_storage.open(name, "rb") as file, np.load(file, allow_pickle=False) as kept:
        return {each: kept[each] for each in wanted or kept.files}


def drop_file(name: str) -> None:
    """Delete a kept file; nothing happens where it is gone."""
    default_storage.delete(name)


def bars_to_arrays(bars: Bars, beside: Sequence[Bars] = ()) -> dict[str, NDArray[Any]]:
    """Return bars as arrays to keep, with those of other symbols beside them."""
    arrays = {column: np.asarray(getattr(bars, column)) for column in BAR_COLUMNS}
    for number, other in enumerate(beside):
        arrays |= {f"{number}.{column}": np.asarray(getattr(other, column)) for column in BAR_COLUMNS}
    return arrays


def load_bars(name: str, timeframe: str) -> Bars:
    """Return bars of a kept file."""
    return Bars(timeframe=Timeframe(timeframe), **load_arrays(name, *BAR_COLUMNS))


def load_beside(name: str, number: int, timeframe: str) -> Bars:
    """Return bars of another symbol in a kept file."""
    arrays = load_arrays(name, *(f"{number}.{column}" for column in BAR_COLUMNS))
    return Bars(timeframe=Timeframe(timeframe), **{column: arrays[f"{number}.{column}"] for column in BAR_COLUMNS})
