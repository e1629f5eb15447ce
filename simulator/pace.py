"""How fast market time passes. Speed is an upper bound: time that the market had to wait is not made up for."""

import math
from dataclasses import dataclass
from typing import Final

CATCH_UP_SPEED: Final = 60.0
_LAG_S: Final = 2.0


@dataclass(slots=True)
class Pace:
    """
    The schedule of a market.

    ``speed`` is market seconds per wall second; ``None`` runs at ×60 until the market has caught up with the wall clock
    and at ×1 from there. A ``ceiling`` market never overtakes the wall clock, whatever its speed.
    """

    speed: float | None
    ceiling: bool
    target: float = 0.0
    _since: float = 0.0

    def find_speed(self, market_at: float, at: float) -> float:
        """Return the speed that holds now; ``at`` is the wall clock [UTC s]."""
        fastest = CATCH_UP_SPEED if self.speed is None else self.speed
        if self.ceiling and at - market_at < _LAG_S:
            return min(fastest, 1.0)
        return fastest

    def restart(self, market_at: float, wall: float) -> None:
        """Begin anew after the market stood still."""
        self.target, self._since = market_at, wall

    def shift(self, seconds: float) -> None:
        """Skip market time, as over closed hours."""
        self.target += seconds

    def allow(self, market_at: float, wall: float, at: float) -> float:
        """Return how far the market may go; ``wall`` is a monotonic clock, ``at`` the wall clock [UTC s]."""
        speed = self.find_speed(market_at, at)
        self.target = math.inf if math.isinf(speed) else max(self.target, market_at) + (wall - self._since) * speed
        self._since = wall
        if self.ceiling:
            self.target = min(self.target, max(at, market_at))
        return self.target

    def find_delay(self, market_at: float, moment: float, at: float) -> float:
        """Return the wall time until ``moment`` may be reached [s]."""
        speed = self.find_speed(market_at, at)
        return 0.0 if math.isinf(speed) or speed <= 0 else max(moment - self.target, 0.0) / speed
