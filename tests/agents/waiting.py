"""Waiting on the hand-written server's news."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.agents.server import AgentServer


def wait_for(server: AgentServer, look: Callable[[], object], timeout_s: float = 120) -> None:
    """Return once ``look`` is true; it is asked with every message that arrives, at least twice a second."""
    until = time.monotonic() + timeout_s
    with server.changed:
        while not look():
            left = until - time.monotonic()
            newest = [(seen.seq, seen.market, seen.assignments, seen.health) for seen in server.snapshots[-1:]]
            assert left > 0, f"not within {timeout_s} s; newest: {newest}"
            server.changed.wait(min(left, 0.5))
