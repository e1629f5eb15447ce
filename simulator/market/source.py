"""Where bars come from: one interface for the seeded market and for a replayed file."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulator.market.symbols import SymbolTerms


@dataclass(frozen=True, slots=True)
class BaseBars:
    """Bid bars of the finest step, oldest first; ``utc`` is when each opened [s]."""

    utc: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    spread: np.ndarray

    def __len__(self) -> int:
        return len(self.utc)

    def slice(self, start: int, stop: int) -> "BaseBars":
        """Return the bars from index ``start`` up to ``stop``."""
        return BaseBars(*(getattr(self, name)[start:stop] for name in self.__slots__))


class Source(Protocol):
    """The bars of a market by week (see `simulator.market.sessions`)."""

    base_s: int
    """Length of a base bar [s]."""
    ends_at: float | None
    """When the market ends for ever [UTC s]; ``None`` if it does not."""
    first_week: int
    """History begins here."""

    def list_terms(self) -> list[SymbolTerms]:
        """Return the terms of every symbol on offer."""

    def load(self, symbol: str, week: int) -> BaseBars:
        """Return the base bars of one week; none outside the market's life."""
