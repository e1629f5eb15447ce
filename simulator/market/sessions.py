"""When a symbol trades, on the clock of New York + 7 h: the week runs from Monday 00:00 to Friday 24:00."""

import numpy as np

from simulator.market.symbols import COIN, METAL
from simulator.market.zone import SERVER_NY_PLUS_7, ServerZone

WEEK_S = 604_800
# Saturday 1970-01-03 00:00 UTC: every market but the coins is closed when a week of bars begins.
WEEK_ANCHOR_S = 2 * 86400
_MINUTE_S = 60
_EXCHANGE_CLOCK = ServerZone(SERVER_NY_PLUS_7)
_FX_BREAK_MINUTES = 5
_METAL_BREAK_MINUTES = 60


def find_week(utc_s: float) -> int:
    """Return the number of the week of bars that holds a UTC moment."""
    return int((utc_s - WEEK_ANCHOR_S) // WEEK_S)


def find_week_start(week: int) -> int:
    """Return the UTC moment at which a week of bars begins."""
    return WEEK_ANCHOR_S + week * WEEK_S


def list_exchange_minutes(week: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each minute of the week in UTC seconds, and as seconds of the exchange clock."""
    start = find_week_start(week)
    minutes = np.arange(start, start + WEEK_S, _MINUTE_S, dtype=np.int64)
    return minutes, _EXCHANGE_CLOCK.to_server_array(minutes)


def find_open_minutes(session: str, exchange_s: np.ndarray) -> np.ndarray:
    """Return a mask of those minutes of the exchange clock at which a session class trades."""
    if session == COIN:
        return np.ones(len(exchange_s), dtype=bool)
    weekday = (exchange_s // 86400 + 3) % 7  # Monday is 0
    minute_of_day = exchange_s % 86400 // _MINUTE_S
    pause = _METAL_BREAK_MINUTES if session == METAL else _FX_BREAK_MINUTES
    return (weekday < 5) & (minute_of_day >= pause)
