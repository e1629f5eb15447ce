"""Timeframes: how long a bar lasts and where it may begin."""

from __future__ import annotations

from enum import StrEnum

from trading.errors import UnknownTimeframe

_SECONDS = {"M1": 60, "M5": 300, "M15": 900, "M30": 1800, "H1": 3600, "H4": 14400, "D1": 86400, "W1": 604800}

# The epoch began on a Thursday; the terminal's weeks begin on Sunday, three days later.
_FIRST_SUNDAY_S = 3 * 86400


class Timeframe(StrEnum):
    """
    The eight timeframes of Mikrobot.

    >>> Timeframe.parse("h1")
    <Timeframe.H1: 'H1'>
    >>> Timeframe.H4.seconds
    14400
    """

    M1 = "M1"
    M5 = "M5"
    M15 = "M15"
    M30 = "M30"
    H1 = "H1"
    H4 = "H4"
    D1 = "D1"
    W1 = "W1"

    @property
    def seconds(self) -> int:
        """How long one bar lasts [s]."""
        return _SECONDS[self.value]

    @classmethod
    def parse(cls, text: object) -> Timeframe:
        """
        Return the timeframe of that name, ignoring case.

        :raises UnknownTimeframe: for every other text; there is no default.
        """
        try:
            return cls(str(text).strip().upper())
        except ValueError:
            allowed = [str(frame) for frame in cls]
            message = f"unknown timeframe {text!r}: use one of {', '.join(allowed)}"
            raise UnknownTimeframe(message, field="timeframe", extra={"allowed": allowed}) from None

    def open_time(self, time_s: int) -> int:
        """
        Return the opening time of the bar that holds the moment ``time_s`` [epoch seconds].

        Weeks open on Sunday 00:00, as in the terminal.

        >>> Timeframe.M15.open_time(1_600_000_000)   # 2020-09-13 12:26:40, a Sunday
        1599999300
        >>> Timeframe.W1.open_time(1_600_000_000)    # 2020-09-13 00:00
        1599955200
        """
        offset = _FIRST_SUNDAY_S if self is Timeframe.W1 else 0
        return time_s - (time_s - offset) % self.seconds

    def close_time(self, open_time_s: int) -> int:
        """Return when a bar that opened at ``open_time_s`` is over [epoch seconds]; no part of the bar itself."""
        return open_time_s + self.seconds

    def is_aligned(self, time_s: int) -> bool:
        """Say whether a bar of this timeframe may open at ``time_s``."""
        return self.open_time(time_s) == time_s

    def may_open_at(self, time_s: int) -> bool:
        """
        Say whether a broker's bar of this timeframe may open at ``time_s`` [epoch seconds, UTC].

        Bars above H1 open by the broker's own clock, which is a whole number of quarters of an hour away from UTC.
        """
        return self.is_aligned(time_s) if self.seconds <= 3600 else time_s % 900 == 0

    def divides(self, coarser: Timeframe) -> bool:
        """Say whether bars of this timeframe can be added up to bars of ``coarser``."""
        return coarser.seconds % self.seconds == 0
