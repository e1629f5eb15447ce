"""
When a request that reduces risk may be tried again after the broker refused it.

A closed market, a frozen price or a busy broker are waited for, not hammered: after the second refusal the pauses
double up to half a minute. On a market
that stays closed nothing is asked any more before its quote has moved, or a minute has passed: not every terminal shows the opening.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from executor_agent.clocks import Clocks
from executor_agent.spool import Spool
from executor_agent.terminal.retcodes import MARKET_CLOSED, Verdict

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
CLOSED_MARKET_S = 60.0
_TRIES_BEFORE_WAITING = 4
_TOLD_AT_TRY = 3


@dataclass(frozen=True)
class Refusal:
    """The last refusal of a request: how often in a row, when [monotonic s], and at which quote."""

    tries: int
    retcode: int | None
    comment: str
    at_mono: float
    quoted_at: datetime | None

    @property
    def is_market_closed(self) -> bool:
        """Whether the broker said that the market is closed."""
        return self.retcode == MARKET_CLOSED


class Pacing:
    """Refusals by position and purpose; in memory, because a new process may ask once at once."""

    def __init__(self, clocks: Clocks, spool: Spool) -> None:
        self._clocks, self._spool = clocks, spool
        self._refusals: dict[tuple[str, int], Refusal] = {}

    def find(self, purpose: str, position_id: int) -> Refusal | None:
        """Return the refusal in force, None where the last try went well or there was none."""
        return self._refusals.get((purpose, position_id))

    def is_due(self, purpose: str, position_id: int, quoted_at: datetime | None) -> bool:
        """Say whether it may be asked now; ``quoted_at`` is the market time of the latest quote of its symbol."""
        refusal = self._refusals.get((purpose, position_id))
        if refusal is None:
            return True
        waited_s = self._clocks.mono() - refusal.at_mono
        if waited_s < min(FIRST_PAUSE_S * 2 ** max(refusal.tries - 2, 0), LONGEST_PAUSE_S):
            return False
        if not refusal.is_market_closed or refusal.tries <= _TRIES_BEFORE_WAITING:
            return True
        has_moved = quoted_at is None or refusal.quoted_at is None or quoted_at > refusal.quoted_at
        return has_moved or waited_s >= CLOSED_MARKET_S

    def note(
        self,
        purpose: str,
        position_id: int,
        verdict: Verdict,
        retcode: int | None,
        comment: str,
        quoted_at: datetime | None,
    ) -> None:
        """Take what was answered; a third refusal in a row is told."""
        key = (purpose, position_id)
        tries = self._refusals[key].tries + 1 if key in self._refusals else 1
        is_slowed = verdict is Verdict.REJECTED
        # What is done, or not known, is looked at first: the next look is a second away.
        self._refusals[key] = Refusal(
            tries if is_slowed else 1, retcode if is_slowed else None, comment, self._clocks.mono(), quoted_at
        )
        if is_slowed and tries == _TOLD_AT_TRY:
            why = "the market is closed" if retcode == MARKET_CLOSED else comment or f"return code {retcode}"
            message = f"position {position_id}: {purpose} was refused {tries} times ({why}); it is tried again until it is done"
            self._spool.add("agent_event", None, event="REQUEST_REFUSED", severity="CRITICAL", message=message)

    def forget(self, position_id: int) -> None:
        """Forget a position that is gone."""
        for key in [key for key in self._refusals if key[1] == position_id]:
            self._refusals.pop(key)
