"""One call from an open file to examined bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from trading.data.columns import MOST_BARS
from trading.data.examine import Examined, Policy, examine
from trading.data.layout import HEAD_BYTES, find_layout
from trading.model.bars import Bars
from trading.model.timeframe import Timeframe

_PART = 100_000


def read_bars(
    file: BinaryIO,
    *,
    layout: Mapping[str, Any] | None = None,
    zone: str = "UTC",
    policy: Policy = Policy.REFUSE,
    timeframe: Timeframe | None = None,
    on_progress: Callable[[int], None] | None = None,
    most_bars: int = MOST_BARS,
) -> Examined:
    """
    Read a seekable text of bars into `Bars`, with findings; see `find_layout`, `read_columns` and `examine` for the errors.

    The zone is the one given; what the form itself says of its clock (`Layout.zone`) is for asking the person.

    >>> import io
    >>> text = b"time,open,high,low,close\\n2026-06-24 14:54,1.1,1.2,1.0,1.1\\n2026-06-24 14:55,1.1,1.2,1.0,1.1\\n"
    >>> len(read_bars(io.BytesIO(text)).bars)
    2
    """
    from trading.data.reader import read_columns  # loads pyarrow

    found = find_layout(file.read(HEAD_BYTES), layout)
    file.seek(0)
    columns = read_columns(file, found, on_progress=on_progress, most_bars=most_bars)
    return examine(columns, zone=zone, policy=policy, timeframe=timeframe)


def write_csv(bars: Bars, file: BinaryIO) -> None:
    """Write bars as ``time,open,high,low,close,volume,spread``, times in UTC with their Z; `read_bars` reads them back equal."""
    file.write(b"time,open,high,low,close,volume,spread\n")
    for start in range(0, len(bars), _PART):
        part = bars.part(start, start + _PART)
        stamps = np.datetime_as_string(part.time.astype("datetime64[s]")).tolist()
        columns = (
            column.tolist() for column in (part.open, part.high, part.low, part.close, part.volume, part.spread_points)
        )
        lines = (
            f"{at}Z,{o!r},{h!r},{low!r},{c!r},{v:.15g},{s}\n"
            for at, o, h, low, c, v, s in zip(stamps, *columns, strict=True)
        )
        file.write("".join(lines).encode())
