"""
Trade requests of the account's day, counted on disk, against what the account allows (firms and brokers close accounts that hammer).

Protection (closing, cancelling, stops that are missing) is always sent and always counted. Entries end while a fifth is left for it;
trailing and partial exits end while two fifths are left, and from half of their share on they are spaced so that it lasts the day.
"""

from __future__ import annotations

from datetime import timedelta

from executor_agent.journal import Journal
from executor_agent.logs import get_log
from executor_agent.session import Session
from executor_agent.spool import Spool
from executor_agent.watch import Watch
from trading.errors import TradingError
from trading.risk.days import Day, day_at

RESERVE_FRACTION = 0.2
_MARK = "requests"
_DURABLE_EVERY = 10


class RequestBudget:
    """Counts what is sent; says what may still be sent."""

    def __init__(self, journal: Journal, session: Session, watch: Watch, spool: Spool) -> None:
        self._journal, self._session, self._watch, self._spool = journal, session, watch, spool

    @property
    def limit(self) -> int:
        """Trade requests a day; 0 is no limit."""
        return self._session.policy.request_budget

    @property
    def used(self) -> int:
        """Trade requests sent in the account's day so far."""
        return self._read()[0]

    def count(self) -> None:
        """Note a trade request that is being sent. A disk that refuses must not keep anybody from closing."""
        used = self._read()[0] + 1
        self._write(used, self._read()[1])

    def may_open(self) -> bool:
        """Say whether an entry may be asked for: the reserve for protection stays untouched."""
        return self._has_room(RESERVE_FRACTION)

    def may_move(self) -> bool:
        """Say whether a stop may be trailed or a part closed now; a yes counts as one of the day's moves."""
        if not self.limit:
            return True
        used, moved_raw_ms = self._read()
        share = self.limit * (1 - 2 * RESERVE_FRACTION)
        if not self._has_room(2 * RESERVE_FRACTION):
            return False
        now_ms = int(self._watch.market_at().timestamp() * 1000)
        if used >= share / 2 and now_ms - moved_raw_ms < 1000 * self._seconds_left() / max(share - used, 1):
            return False
        self._write(used, now_ms)
        return True

    def _has_room(self, kept_fraction: float) -> bool:
        if not self.limit or self.used < self.limit * (1 - kept_fraction):
            return True
        self._tell_once()
        return False

    def _tell_once(self) -> None:
        day = self._day().day.isoformat()
        if self._journal.read_mark("requests_told") == day:
            return
        self._journal.set_mark("requests_told", day)
        message = (
            f"{self.used} of {self.limit} trade requests of {day} are used: what is left is kept for closing and stops"
        )
        get_log().warning("REQUEST_BUDGET_LOW", used=self.used, limit=self.limit)
        self._spool.add("agent_event", None, event="REQUEST_BUDGET_LOW", severity="WARNING", message=message)

    # --- the count ----------------------------------------------------------------------------------------------

    def _read(self) -> tuple[int, int]:
        day, used, moved = (*self._journal.read_mark(_MARK).split("|"), "", "", "")[:3]
        return (int(used), int(moved)) if day == self._day().day.isoformat() else (0, 0)

    def _write(self, used: int, moved_raw_ms: int) -> None:
        # In the file at once, so a killed process counts on; fsynced now and then, because each costs a move its time.
        value = f"{self._day().day.isoformat()}|{used}|{moved_raw_ms}"
        try:
            self._journal.set_mark(_MARK, value, durable=used % _DURABLE_EVERY == 0)
        except OSError as error:
            get_log().error("JOURNAL_REFUSED", problem=str(error))

    def _day(self) -> Day:
        try:
            return self._session.policy.day_at(self._watch.market_at())
        except TradingError:
            return day_at(self._watch.market_at(), "UTC")

    def _seconds_left(self) -> float:
        return max((self._day().ends_at - self._watch.market_at()) / timedelta(seconds=1), 1.0)
