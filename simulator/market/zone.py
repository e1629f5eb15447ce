"""The broker's wall clock: what a terminal shows is this clock, written as if it were UTC."""

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from trading.model.moments import moment_at

SERVER_NY_PLUS_7 = "SERVER_NY+7"
_HOUR_S = 3600


class UnknownZone(ValueError):
    """A server zone that is neither UTC, SERVER_NY+7 nor a name of the time zone database."""


class ServerZone:
    """
    Turns UTC seconds into server seconds and back.

    >>> zone = ServerZone("SERVER_NY+7")
    >>> zone.offset_s(1_700_000_000), zone.offset_s(1_690_000_000)    # winter, summer
    (7200, 10800)

    :raises UnknownZone: for a name it does not know.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._extra_s = 7 * _HOUR_S if name == SERVER_NY_PLUS_7 else 0
        try:
            self._zone = ZoneInfo("America/New_York" if name == SERVER_NY_PLUS_7 else name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise UnknownZone(f"unknown server zone {name!r}: use UTC, {SERVER_NY_PLUS_7} or an IANA name") from error
        self._offset_of_hour = lru_cache(maxsize=65536)(self._read_offset)

    def _read_offset(self, hour: int) -> int:
        moment = moment_at(hour * _HOUR_S).astimezone(self._zone)
        offset = moment.utcoffset()
        return int(offset.total_seconds() if offset else 0) + self._extra_s

    def offset_s(self, utc_s: float) -> int:
        """Return server clock minus UTC at that moment [s]."""
        return self._offset_of_hour(int(utc_s // _HOUR_S))

    def to_server(self, utc_s: float) -> float:
        """Return the server clock's reading at a UTC moment."""
        return utc_s + self.offset_s(utc_s)

    def to_utc(self, server_s: float) -> float:
        """Return the UTC moment of a server clock's reading; of a repeated hour the second pass."""
        guess = server_s - self.offset_s(server_s)
        return server_s - self.offset_s(guess)

    def to_server_array(self, utc_s: np.ndarray) -> np.ndarray:
        """Return `to_server` of every element."""
        hours, where = np.unique(utc_s // _HOUR_S, return_inverse=True)
        offsets = np.array([self._offset_of_hour(int(hour)) for hour in hours], dtype=np.int64)
        return utc_s + (offsets[where] if len(hours) else 0)
