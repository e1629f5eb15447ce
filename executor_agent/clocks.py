"""The agent's two own clocks, handed to whoever needs them. The market's clock comes from the terminal."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clocks(Protocol):
    """Wall clock and monotonic clock; tests hand in their own."""

    def at(self) -> datetime:
        """Return the wall clock, aware UTC."""
        ...

    def mono(self) -> float:
        """Return the monotonic clock [s]; validity is counted on it."""
        ...


class SystemClocks:
    """The machine's clocks."""

    def at(self) -> datetime:
        """Return the wall clock, aware UTC."""
        return datetime.now(UTC)

    def mono(self) -> float:
        """Return the monotonic clock [s]."""
        return time.monotonic()
