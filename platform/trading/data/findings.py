"""What is noteworthy about bars: said in words, with a code, a count and the first places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHOWN = 10


class Kind(StrEnum):
    """What a finding is about."""

    UNREADABLE_ROWS = "UNREADABLE_ROWS"
    REVERSED = "REVERSED"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    REPEATED_TIMES = "REPEATED_TIMES"
    IMPOSSIBLE_PRICES = "IMPOSSIBLE_PRICES"
    IMPOSSIBLE_RANGE = "IMPOSSIBLE_RANGE"
    MISPLACED = "MISPLACED"
    SKIPPED_HOUR = "SKIPPED_HOUR"
    REPEATED_HOUR = "REPEATED_HOUR"
    GAPS = "GAPS"
    WEEKEND_BARS = "WEEKEND_BARS"
    ZONE_DOUBTFUL = "ZONE_DOUBTFUL"
    OUTLIERS = "OUTLIERS"
    NO_VOLUME = "NO_VOLUME"


class Level(StrEnum):
    """FAULT: not a bar, or not in its place. DOUBT: a person should look. NOTE: good to know."""

    FAULT = "FAULT"
    DOUBT = "DOUBT"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing that is so, how often, and where first.

    ``rows`` counts from 1 in the file; ``at`` are opening times [epoch seconds, UTC]; ``done`` says what was done about it
    (``left out``, ``sorted``, ``first kept``, ``turned round``), empty where the bars stand as they came.
    """

    kind: Kind
    level: Level
    count: int
    message: str
    rows: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)
    done: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "kind": str(self.kind),
            "level": str(self.level),
            "count": self.count,
            "message": self.message,
            "rows": self.rows,
            "at": [say_time(moment).replace(" ", "T") + ":00.000Z" for moment in self.at],
            "done": self.done,
            **({"extra": self.extra} if self.extra else {}),
        }

    @property
    def sentence(self) -> str:
        """The finding in one line, with what was done."""
        return f"{self.message}: {self.done}" if self.done else self.message


def say_time(time_s: int) -> str:
    """
    Return a moment for people.

    >>> say_time(1_600_000_020)
    '2020-09-13 12:27'
    """
    return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M}"


def first_of(values: NDArray[np.int64] | Sequence[int]) -> list[int]:
    """Return the first few as plain numbers."""
    return [int(value) for value in values[:SHOWN]]


def counted(count: int, what: str, plural: str | None = None) -> str:
    """
    Return a count with its noun.

    >>> counted(1, "bar"), counted(2300, "bar")
    ('1 bar', '2,300 bars')
    """
    return f"{count:,} {what if count == 1 else plural or what + 's'}"
