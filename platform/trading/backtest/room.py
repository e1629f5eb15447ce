"""Memory a run writes into and gives back: kept by each thread, since new memory costs as much time as a short run takes."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.engine.book import TRADE_FLOATS, TRADE_INTS


class Room(NamedTuple):
    """A place per bar for signals (bar, side, the open after it), and the tables of trades; what stands in them is the last run's."""

    at: NDArray[np.int64]
    sides: NDArray[np.int8]
    quotes: NDArray[np.float64]
    trade_ints: NDArray[np.int64]
    trade_floats: NDArray[np.float64]


_kept = threading.local()


def take_room(bars: int) -> Room:
    """Return room for a run over so many bars; good until the thread's next run."""
    room: Room | None = getattr(_kept, "room", None)
    if room is None or len(room.at) < bars:
        # A signal opens one position at most, and every bar may signal. What is never written to costs no memory.
        room = Room(
            at=np.empty(bars, dtype=np.int64),
            sides=np.empty(bars, dtype=np.int8),
            quotes=np.empty(bars),
            trade_ints=np.empty((bars, TRADE_INTS), dtype=np.int64),
            trade_floats=np.empty((bars, TRADE_FLOATS)),
        )
        _kept.room = room
    return room
