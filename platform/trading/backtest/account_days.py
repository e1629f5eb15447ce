"""Bars grouped by the trading days of an account, in its zone, with its reset."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.risk.days import MIDNIGHT, day_at, day_of

IntArray = NDArray[np.int64]


class AccountDays(NamedTuple):
    """Days that have bars, oldest first. A bar belongs to the day it closes in; one that closes at the reset, to the day that ends."""

    ordinals: IntArray
    """Dates as ``date.toordinal()``: differences count calendar days, weekends too."""
    first_bar: IntArray
    last_bar: IntArray

    def date(self, number: int) -> date:
        """Return the date of a day."""
        return date.fromordinal(int(self.ordinals[number]))


def group_by_day(closes_s: IntArray, zone: str, resets: time = MIDNIGHT) -> AccountDays:
    """
    Return the trading days of bars.

    :param closes_s: when each bar closed [epoch seconds, rising].

    >>> hours = np.array([datetime(2026, 3, 28, 22, tzinfo=UTC).timestamp()]) + 3600 * np.arange(26)
    >>> days = group_by_day(hours.astype(np.int64), "Europe/Prague")    # 29 March has 23 hours
    >>> [(days.date(n).day, int(days.last_bar[n] - days.first_bar[n]) + 1) for n in range(len(days.ordinals))]
    [(28, 2), (29, 23), (30, 1)]
    """
    if not len(closes_s):
        empty = np.zeros(0, dtype=np.int64)
        return AccountDays(empty, empty, empty)
    first, last = (
        day_at(datetime.fromtimestamp(int(moment) - 1, UTC), zone, resets).day for moment in closes_s[[0, -1]]
    )
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    starts = np.array([int(day_of(day, zone, resets).starts_at.timestamp()) for day in dates], dtype=np.int64)
    number = np.searchsorted(starts, closes_s - 1, side="right") - 1
    first_bar = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1]))).astype(np.int64)
    ordinals = number[first_bar] + first.toordinal()
    return AccountDays(ordinals, first_bar, np.append(first_bar[1:], len(closes_s)) - 1)
