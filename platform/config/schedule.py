"""Beat's scheduler, which a clock that is set back does not bring to a standstill."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.beat import PersistentScheduler

SET_BACK = timedelta(seconds=1)


class SteadyScheduler(PersistentScheduler):  # type: ignore[misc]
    """
    What ran in the future ran now.

    Celery keeps when each task was sent last by the wall clock, also on disk, and when the next one is due: where that clock is set
    back by an hour nothing would be sent for an hour.
    """

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, and return after how many seconds to look again."""
        ahead = [entry for entry in self.schedule.values() if entry.last_run_at > entry.default_now() + SET_BACK]
        for entry in ahead:
            entry.last_run_at = entry.default_now()
        if ahead:
            self._heap = None  # its times are of the clock before
        wait_s: float = super().tick(*args, **kwargs)
        return wait_s
