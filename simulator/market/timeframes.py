"""The twenty-one timeframes of the terminal: their codes, and where their bars open on the server's clock."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import numpy as np

from simulator.terminal.surface import CONSTANTS
from trading.model.moments import moment_at

_UNIT_S = {"M": 60, "H": 3600, "D": 86400, "W": 604800}
# 1970-01-04 was the first Sunday; weeks open on Sunday 00:00.
_FIRST_SUNDAY_S = 3 * 86400
MN1: Final = CONSTANTS["TIMEFRAME_MN1"]
W1: Final = CONSTANTS["TIMEFRAME_W1"]


def _read_seconds(name: str) -> int:
    short = name.removeprefix("TIMEFRAME_")
    return 30 * 86400 if short == "MN1" else _UNIT_S[short[0]] * int(short[1:])


SECONDS: Final[Mapping[int, int]] = {
    code: _read_seconds(name) for name, code in CONSTANTS.items() if name.startswith("TIMEFRAME_")
}
"""Length of a bar by timeframe code [s]; a month counts as thirty days."""


def is_built_from(timeframe: int, base_s: int) -> bool:
    """Say whether bars of ``timeframe`` can be added up from bars of ``base_s`` seconds."""
    return timeframe in SECONDS and (timeframe == MN1 or SECONDS[timeframe] % base_s == 0)


def find_bar_open(timeframe: int, server_s: np.ndarray) -> np.ndarray:
    """Return for each moment on the server's clock when the bar that holds it opened."""
    if timeframe == MN1:
        months = np.asarray(server_s, dtype="datetime64[s]").astype("datetime64[M]")
        return np.asarray(months.astype("datetime64[s]").astype(np.int64))
    anchor = _FIRST_SUNDAY_S if timeframe == W1 else 0
    length = SECONDS[timeframe]
    return np.asarray(server_s - (server_s - anchor) % length)


def find_one_bar_open(timeframe: int, server_s: int) -> int:
    """Return `find_bar_open` of a single moment."""
    if timeframe == MN1:
        moment = moment_at(server_s)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp())
    anchor = _FIRST_SUNDAY_S if timeframe == W1 else 0
    return server_s - (server_s - anchor) % SECONDS[timeframe]
